import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readSysctl, writeSysctls } from '../../../control/node/sysctl.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kproxy-sysctl-'))
  mkdirSync(join(root, 'net'))
  writeFileSync(join(root, 'net/size'), '17\n')
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

describe('sysctls', () => {
  it('are read as numbers, and undefined where there is none', () => {
    expect(readSysctl('net/size', root)).toBe(17)
    expect(readSysctl('net/none', root)).toBeUndefined()
    expect(readSysctl(join(root, 'net/size'))).toBe(17)
  })

  it('are written', () => {
    expect(writeSysctls([{ path: 'net/size', value: 99, field: 'conntrack.min' }], root)).toEqual(
      [],
    )
    expect(readFileSync(join(root, 'net/size'), 'utf8')).toBe('99')
  })

  it('that cannot be written are named, with what to do, and keep no other from being written', () => {
    const failures = writeSysctls(
      [
        { path: '/proc/version', value: 1, field: 'conntrack.maxPerCore' },
        { path: 'none/none', value: 2, field: 'conntrack.udpTimeout' },
        { path: 'net/size', value: 3, field: 'conntrack.min' },
      ],
      root,
    )
    expect(failures.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /version cannot be set to 1, which conntrack.maxPerCore asks for \(E\w+\): .*set conntrack.maxPerCore to 0/,
      ),
      'none.none cannot be set to 2, which conntrack.udpTimeout asks for (ENOENT): load the kernel module nf_conntrack, or set conntrack.udpTimeout to 0 to leave it alone',
    ])
    expect(readSysctl('net/size', root)).toBe(3)
  })
})
