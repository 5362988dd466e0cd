import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const memory = join(import.meta.dirname, '../../../control/node/memory.ts')

/** Runs with the flags that the launcher gives and makes 60 MB of garbage, of which 20 MB stay in use. */
function play(flags: readonly string[]): Record<'before' | 'after' | 'most', number> {
  const source = `
    import { readFileSync } from 'node:fs'
    import { releaseMemory } from ${JSON.stringify(memory)}
    const resident = () => Number(/VmRSS:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1])
    const make = (i) => ({ i, list: Array.from({ length: 20 }, (_, n) => n + i) })
    const kept = Array.from({ length: 400_000 }, (_, i) => make(i)).filter((_, i) => i % 4 === 0)
    const before = resident()
    releaseMemory()
    const after = resident()
    // A busy agent: what is kept is replaced, piece by piece.
    let most = 0
    for (let round = 0; round < 300; round++) {
      for (let n = 0; n < 1000; n++) kept[(round * 1000 + n * 7) % kept.length] = make(n)
      await new Promise(setImmediate)
      most = Math.max(most, process.memoryUsage().heapTotal / 1024)
    }
    console.log(JSON.stringify({ before, after, most }))`
  const command = ['--heap-growing-percent=300', ...flags, '--input-type=module', '-e', source]
  const child = spawnSync(process.execPath, command, { encoding: 'utf8' })
  expect(child).toMatchObject({ stderr: '', status: 0, signal: null })
  return JSON.parse(child.stdout)
}

it('gives back what a start leaves behind, and keeps garbage small from then on', () => {
  const { before, after, most } = play(['--expose-gc'])
  expect(after).toBeLessThan(before * 0.6)
  expect(most).toBeLessThan(before)
})

it('gives back less where the collector is not exposed', () => {
  const { before, after } = play([])
  expect(after).toBeLessThan(before - 10_000)
})
