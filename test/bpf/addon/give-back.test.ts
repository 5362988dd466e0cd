import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const addon = join(import.meta.dirname, '../../../addon/index.ts')

/** What a process of its own prints, which can ask `resident('RssAnon')` for kilobytes. */
function run(script: string, flags: readonly string[] = [], prefix: readonly string[] = []) {
  const source = `
    import { readFileSync } from 'node:fs'
    import { releaseProgramPages, trimHeap } from ${JSON.stringify(addon)}
    const resident = (what) =>
      Number(new RegExp(what + ':\\\\s+(\\\\d+) kB').exec(readFileSync('/proc/self/status', 'utf8'))[1])
    ${script}`
  const [command = '', ...rest] = [...prefix, process.execPath, ...flags]
  const child = spawnSync(command, [...rest, '--input-type=module', '-e', source], {
    encoding: 'utf8',
  })
  expect(child).toMatchObject({ stderr: '', status: 0, signal: null })
  return JSON.parse(child.stdout)
}

const RELEASE = `
  const before = resident('RssFile')
  const bytes = releaseProgramPages()
  const after = resident('RssFile')
  // Code that did not run before, on other threads as well.
  const { gunzipSync, brotliCompressSync } = await import('node:zlib')
  const { createHash } = await import('node:crypto')
  const { promises } = await import('node:dns')
  await promises.lookup('localhost').catch(() => {})
  globalThis.gc()
  const digest = createHash('sha256').update(brotliCompressSync('x'.repeat(1e5))).digest('hex')
  const good = digest.length === 64 && new Intl.NumberFormat('de').format(1234.5) === '1.234,5'
  console.log(JSON.stringify({ before, bytes, after, good }))`

describe('pages of the program', () => {
  it('are given up, and the program runs on', () => {
    const { before, bytes, after, good } = run(RELEASE, ['--expose-gc'])
    expect(bytes).toBeGreaterThan(50e6)
    expect(after).toBeLessThan(before / 2)
    expect(good).toBe(true)
  })

  it('stay where they are not those of the file any more', () => {
    const { bytes, good } = run(RELEASE, ['--expose-gc', '--use-largepages=on'])
    expect(bytes).toBeGreaterThan(0)
    expect(good).toBe(true)
  })
})

describe('the C heap', () => {
  it('is given back where it is free, between allocations as well', () => {
    const { full, freed, trimmed } = run(
      `
      const buffers = Array.from({ length: 60_000 }, () => Buffer.allocUnsafeSlow(1000).fill(1))
      const full = resident('RssAnon')
      for (let i = 0; i < buffers.length; i++) if (i % 100 !== 99) buffers[i] = undefined
      for (let i = 0; i < 5; i++) {
        globalThis.gc()
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      const freed = resident('RssAnon')
      trimHeap()
      console.log(JSON.stringify({ full, freed, trimmed: resident('RssAnon') }))`,
      ['--expose-gc'],
      ['env', 'MALLOC_ARENA_MAX=1'],
    )
    expect(full).toBeGreaterThan(60_000)
    expect(trimmed).toBeLessThan(freed - 20_000)
  })
})
