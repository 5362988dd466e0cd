import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { kpBackendStats } from '#abi'
import { sumCounters } from '../../../control/mode/ebpf/counters.ts'
import { findFlockHolder } from '../../../control/mode/ebpf/pins.ts'
import {
  canSetRetval,
  checkBpffs,
  checkCapabilities,
  checkCgroup,
  checkKernel,
  checkPinNames,
  PreflightError,
} from '../../../control/mode/ebpf/preflight.ts'

function reasonOf(work: () => void): string | undefined {
  try {
    work()
  } catch (error) {
    return error instanceof PreflightError ? `${error.reason}: ${error.message}` : String(error)
  }
  return undefined
}

describe('the checks before anything is loaded', () => {
  it.each(['4.19.0', '5.4.0-150-generic', '5.9.16'])('refuse kernel %s', (version) => {
    expect(reasonOf(() => checkKernel(version))).toMatch(
      /^KernelTooOld: kernel .* older than 5\.10/,
    )
  })

  it.each(['5.10.0', '6.1.0-13-amd64', '6.18.44'])('accept kernel %s', (version) => {
    expect(reasonOf(() => checkKernel(version))).toBeUndefined()
  })

  it('know which kernels let a hook choose the error', () => {
    expect(['5.10.0', '5.17.9', '5.18.0', '6.1.0'].map(canSetRetval)).toEqual([
      false,
      false,
      true,
      true,
    ])
  })

  it.each([
    ['root', '000001ffffffffff'],
    ['CAP_SYS_ADMIN', '0000000000200000'],
    ['CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN', '000000c000001000'],
  ])('accept %s', (_, mask) => {
    expect(reasonOf(() => checkCapabilities(`Name:\tnode\nCapEff:\t${mask}\n`))).toBeUndefined()
  })

  it.each([
    ['CAP_BPF alone', '0000008000000000'],
    ['all but CAP_PERFMON', '0000008000001000'],
    ['all but CAP_NET_ADMIN', '000000c000000000'],
  ])('refuse a process with %s and say what it needs', (_, mask) => {
    const reason = reasonOf(() => checkCapabilities(`CapEff:\t${mask}\n`))
    expect(reason).toMatch(/^NoPrivilege: .*CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN/)
  })

  it('refuse a cgroup directory that is none', () => {
    const directory = mkdtempSync(join(tmpdir(), 'kproxy-preflight-'))
    const found = reasonOf(() => checkCgroup(directory))
    const missing = reasonOf(() => checkCgroup(join(directory, 'none')))
    rmSync(directory, { recursive: true })
    expect(found).toMatch(/^CgroupNotV2: cgroup ".*" is a directory of type .*--cgroup/)
    expect(missing).toMatch(/^CgroupNotV2: cgroup ".*" does not exist/)
  })

  it('refuse a pin directory outside of a bpf file system', () => {
    const reason = reasonOf(() => checkBpffs(join(tmpdir(), 'kproxy', 'node')))
    expect(reason).toMatch(/^BpffsNotMounted: pin directory ".*" lies on .*mount -t bpf bpf/)
  })

  it.each([
    ['/sys/fs/bpf/kproxy/n1', undefined],
    ['/sys/fs/bpf/a.b', /^PinDirName: .*"a\.b".*a dot/],
    ['/sys/fs/bpf/a.b/n1', /^PinDirName: .*"a\.b".*a dot/],
    [`/sys/fs/bpf/${'n'.repeat(256)}`, /^PinDirName: .*255/],
  ])('look at the names that %s would make', (path, expected) => {
    const reason = reasonOf(() => checkPinNames(path, '/sys/fs/bpf'))
    if (expected === undefined) expect(reason).toBeUndefined()
    else expect(reason).toMatch(expected)
  })
})

describe('the lock of a node', () => {
  it('names its holder from /proc/locks', () => {
    const locks = [
      '1: POSIX  ADVISORY  WRITE 11 00:1f:5678 0 EOF',
      '2: FLOCK  ADVISORY  WRITE 22 00:1f:567 0 EOF',
      '3: FLOCK  ADVISORY  WRITE 44 00:2f:5678 0 EOF',
      '4: FLOCK  ADVISORY  WRITE 33 00:1f:5678 0 EOF',
      '5: FLOCK  ADVISORY  WRITE 55 fd:103:9 0 EOF',
    ].join('\n')
    expect(findFlockHolder(locks, { dev: 0x1f, ino: 5678 })).toBe(33)
    expect(findFlockHolder(locks, { dev: 0x1f, ino: 56789 })).toBeUndefined()
    expect(findFlockHolder(locks, { dev: 0x10fd03, ino: 9 })).toBe(55)
  })

  it('names nobody whose process is not to be seen from here', () => {
    expect(
      findFlockHolder('1: FLOCK ADVISORY WRITE 0 00:1f:5678 0 EOF', { dev: 31, ino: 5678 }),
    ).toBeUndefined()
  })
})

describe('per-CPU counters', () => {
  it('are summed over CPUs, negative parts too', () => {
    const value = new DataView(new ArrayBuffer(48))
    value.setBigInt64(kpBackendStats.connections.offset, 5n, true)
    value.setBigInt64(24 + kpBackendStats.connections.offset, 7n, true)
    value.setBigInt64(kpBackendStats.active.offset, -2n, true)
    value.setBigInt64(24 + kpBackendStats.active.offset, 3n, true)
    expect(sumCounters(kpBackendStats, value)).toEqual({ connections: 12, datagrams: 0, active: 1 })
  })
})
