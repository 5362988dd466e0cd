import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hasIPv6 } from '../../../control/node/ipv6.ts'

let proc: string

beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'kproxy-proc-'))
  mkdirSync(join(proc, 'net'))
  mkdirSync(join(proc, 'sys/net/ipv6/conf/all'), { recursive: true })
})

afterEach(() => rmSync(proc, { recursive: true, force: true }))

it.each([
  ['has it', true, '0\n', true],
  ['has it, and does not say whether it is switched off', true, undefined, true],
  ['has it switched off', true, '1\n', false],
  ['lacks it', false, undefined, false],
] as const)('a kernel that %s is known by procfs (IN-44)', (_, interfaces, disabled, expected) => {
  if (interfaces) writeFileSync(join(proc, 'net/if_inet6'), '')
  if (disabled !== undefined) {
    writeFileSync(join(proc, 'sys/net/ipv6/conf/all/disable_ipv6'), disabled)
  }
  expect(hasIPv6(proc)).toBe(expected)
})
