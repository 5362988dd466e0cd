import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, version } from 'node:os'

/** Where and under what circumstances the numbers were taken. */
export interface Conditions {
  readonly date: string
  readonly kernel: string
  readonly cpu: string
  readonly cpus: number
  readonly memoryMiB: number
  readonly bpfJit: string
  /** Vulnerabilities that cost something here, as sysfs words them. */
  readonly mitigations: Readonly<Record<string, string>>
  readonly versions: Readonly<Record<string, string>>
  readonly loadAverage: readonly number[]
}

export interface Program {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

/** Reads the machine's conditions; a program that cannot be asked is said to be absent. */
export function readConditions(programs: readonly Program[]): Conditions {
  return {
    date: new Date().toISOString(),
    kernel: `${release()} ${version()}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    bpfJit: sysctl('/proc/sys/net/core/bpf_jit_enable'),
    mitigations: mitigations(),
    versions: {
      node: process.version,
      ...Object.fromEntries(programs.map(({ name, command }) => [name, versionOf(command)])),
    },
    loadAverage: loadavg(),
  }
}

function versionOf([program, ...args]: Program['command']): string {
  try {
    return execFileSync(program, args, { encoding: 'utf8' }).trim().split('\n')[0] ?? ''
  } catch {
    return 'absent'
  }
}

function sysctl(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return 'unreadable'
  }
}

const VULNERABILITIES = '/sys/devices/system/cpu/vulnerabilities'

function mitigations(): Record<string, string> {
  const states = readdirSync(VULNERABILITIES)
    .sort()
    .map((name): [string, string] => [name, sysctl(`${VULNERABILITIES}/${name}`)])
  return Object.fromEntries(states.filter(([, state]) => state !== 'Not affected'))
}
