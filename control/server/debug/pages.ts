import type { StatusDocument } from '../api.ts'

/** One name of what is checked, and what is wrong with it. */
export interface Check {
  readonly name: string
  /** undefined: nothing. */
  readonly problem: string | undefined
}

/** `ok`, or every check on a line of its own, as health answers of Kubernetes components read. */
export function checksPage(path: string, checks: readonly Check[], verbose: boolean): string {
  const failed = checks.some(({ problem }) => problem !== undefined)
  if (!failed && !verbose) return 'ok'
  const lines = checks.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
  )
  return `${lines.join('\n')}\n${path.slice(1)} check ${failed ? 'failed' : 'passed'}\n`
}

const NOTICE =
  'For people who look for trouble. Do not parse it: its format changes without notice.\n'

/** What runs here, since when, and how it is. */
export function statusPage(status: StatusDocument, paths: readonly string[], now: number): string {
  const { startedAt, version, mode, health, conditions } = status
  const lines = [
    `Started: ${new Date(startedAt).toISOString()}`,
    `Up: ${Math.floor((now - startedAt) / 1e3)} s`,
    `Version: ${version}`,
    `Node.js: ${process.version}`,
    `Node: ${status.nodeName}`,
    `Mode: ${mode}`,
    `Health: ${health}`,
    ...conditions
      .filter(({ status }) => status !== 'True')
      .map(({ type, reason, message }) => `  ${type}: ${reason}: ${message}`),
    `Paths: ${paths.join(' ')}`,
  ]
  return `kproxy statusz\n${NOTICE}\n${lines.join('\n')}\n`
}

/** The settings that are in force, by the names of their flags. */
export function flagsPage(flags: Readonly<Record<string, string>>): string {
  const lines = Object.entries(flags).map(([name, value]) => `${name}=${value}`)
  return `kproxy flags\n${NOTICE}\n${lines.sort().join('\n')}\n`
}
