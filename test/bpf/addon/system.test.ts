import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filesystemType, lockFile, membarrier, netnsCookie, possibleCpus } from '#addon'
import { makeCgroup, mountBpf, type TemporaryDirectory } from './fixture.ts'

const addon = join(import.meta.dirname, '../../../addon/index.ts')

let bpffs: TemporaryDirectory
beforeAll(() => {
  bpffs = mountBpf()
})
afterAll(() => {
  bpffs.remove()
})

/** The value that a process of its own prints. */
function elsewhere(prefix: readonly string[], expression: string): string {
  const script = `import * as addon from ${JSON.stringify(addon)}; console.log(String(${expression}))`
  const [command = '', ...rest] = [...prefix, process.execPath]
  const child = spawnSync(command, [...rest, '--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  expect(child.stderr).toBe('')
  return child.stdout.trim()
}

describe('a file lock', () => {
  it('has one holder at a time, on a directory of a bpf file system', () => {
    const path = join(bpffs.path, 'node')
    mkdirSync(path)
    const lock = lockFile(path)
    expect(lock).toBeDefined()
    expect(lockFile(path)).toBeUndefined()
    expect(elsewhere([], `addon.lockFile(${JSON.stringify(path)})`)).toBe('undefined')
    lock?.release()
    lock?.release()
    const again = lockFile(path)
    expect(again).toBeDefined()
    again?.release()
    rmdirSync(path)
  })

  it('ends with its process', () => {
    expect(elsewhere([], `addon.lockFile(${JSON.stringify(bpffs.path)})`)).toBe('[object Object]')
    const lock = lockFile(bpffs.path)
    expect(lock).toBeDefined()
    lock?.release()
  })

  it('needs something to lock', () => {
    expect(() => lockFile(join(bpffs.path, 'absent'))).toThrow(
      expect.objectContaining({ code: 'ENOENT', operation: 'open for locking' }),
    )
    expect(() => lockFile(7 as never)).toThrow(
      new TypeError('path must be a non-empty string, got 7'),
    )
  })
})

describe('the system', () => {
  it('has file systems by name, and by number those without', () => {
    const cgroup = makeCgroup()
    expect(filesystemType(cgroup.path)).toBe('cgroup2')
    cgroup.remove()
    expect(filesystemType(bpffs.path)).toBe('bpf_fs')
    expect(filesystemType('/proc')).toBe('proc')
    expect(filesystemType('/proc/self/ns/net')).toBe('nsfs')
    // SOCKFS_MAGIC: node gives a child one half of a socket pair for its output.
    expect(elsewhere([], `addon.filesystemType('/proc/self/fd/1')`)).toBe('0x534f434b')
    expect(() => filesystemType('/absent')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
  })

  it('has a cookie for each network namespace', () => {
    expect(netnsCookie()).toBeGreaterThan(0n)
    expect(elsewhere([], 'addon.netnsCookie()')).toBe(String(netnsCookie()))
    expect(elsewhere(['unshare', '-n'], 'addon.netnsCookie()')).not.toBe(String(netnsCookie()))
  })

  it('has as many possible CPUs as the kernel says', () => {
    const last = readFileSync('/sys/devices/system/cpu/possible', 'utf8')
      .trim()
      .split(/[-,]/)
      .at(-1)
    expect(possibleCpus()).toBe(Number(last) + 1)
  })

  it('waits for a grace period off the main thread', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await Promise.all([membarrier(), membarrier(), membarrier()])
    while (turns === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
  })
})
