import { styleText } from 'node:util'
import type { Condition, StatusDocument } from '../../server/api.ts'
import type { StreamStatus } from '../../source/source.ts'
import { ask } from '../client.ts'
import { formatAge, formatBytes, formatSeconds } from '../duration.ts'
import { CommandError, ExitCode } from '../exit-code.ts'
import { type Output, printDocument, printLines } from '../output.ts'
import { formatTable } from '../table.ts'

const COLOUR = { healthy: 'green', degraded: 'yellow', unhealthy: 'red' } as const
const EXIT = {
  healthy: ExitCode.ok,
  degraded: ExitCode.degraded,
  unhealthy: ExitCode.failure,
} as const

/** How many troubles of one sort the table names; `-o wide` and JSON have all. */
const NAMED_TROUBLES = 5

/** `kproxy status` */
export async function status(options: {
  readonly socket: string
  readonly output: Output
}): Promise<void> {
  const found = await ask<StatusDocument>(options.socket, '/status')
  if (found === undefined) {
    throw new CommandError(
      ExitCode.failure,
      `${options.socket} is not the socket of a kproxy agent`,
    )
  }
  process.exitCode = EXIT[found.health]
  if (printDocument(options.output, 'Status', found)) return
  const isWide = options.output === 'wide'
  printLines(...summary(found, isWide))
  const trouble = [...conditions(found.conditions), ...troubles(found, isWide)]
  if (trouble.length > 0) printLines('', ...trouble)
  if (isWide) printLines('', ...details(found))
}

function summary(found: StatusDocument, all: boolean): string[] {
  const now = Date.now()
  const memory = found.maps.reduce((sum, map) => sum + map.memoryBytes, 0)
  const fullest = found.maps
    .filter((map) => map.canFill)
    .map((map) => ({ name: map.name, use: map.entries / map.maxEntries }))
    .reduce((a, b) => (b.use > a.use ? b : a), { name: 'none', use: 0 })
  const checks = found.checks.map(
    (check) => `${check.name} ${check.ok ? check.message : `FAILED: ${check.message}`}`,
  )
  const sync = found.lastSync
  const rows: [string, string][] = [
    ['Node:', `${found.nodeName}, ${styleText(COLOUR[found.health], found.health)}`],
    [
      'Agent:',
      `kproxy ${found.version}, pid ${found.pid}, up ${formatAge((now - found.startedAt) / 1e3)}, ${formatBytes(found.residentBytes)} resident`,
    ],
    ['Mode:', found.mode],
    ['Config:', formatConfiguration(found.configuration)],
    ['Hooks:', formatHooks(found)],
    ['Check:', checks.join('; ') || 'not yet run'],
    [
      'Maps:',
      `${formatBytes(memory)}, fullest ${fullest.name} at ${(fullest.use * 100).toFixed(1)}%`,
    ],
    ['Source:', found.source.origin],
    ...found.source.streams.map((stream): [string, string] => ['', formatStream(stream, now)]),
    ['Serving:', `${found.services} Services, ${found.endpoints} endpoints`],
    [
      'Last sync:',
      sync === null
        ? 'none yet'
        : `${formatAge((now - sync.at) / 1e3)} ago, ${sync.changed} changed, ${formatSeconds(sync.durationSeconds)}, ${sync.syscalls} syscalls`,
    ],
    [
      'Latency:',
      found.latency === null
        ? 'no changes since start'
        : `p50 ${formatSeconds(found.latency.p50Seconds)}, p99 ${formatSeconds(found.latency.p99Seconds)} from event to published (${found.latency.samples} changes)`,
    ],
  ]
  const { checked, repaired, lastAt, last } = found.drift
  if (lastAt !== null) {
    const age = formatAge((now - lastAt) / 1e3)
    rows.push([
      'Drift:',
      `${repaired} differences repaired, the latest ${age} ago: ${last.join('; ')}`,
    ])
  } else if (all) rows.push(['Drift:', `none in ${checked} service ports read back`])
  return formatTable(
    undefined,
    rows.map(([name, value]) => [name || ' ', value]),
  ).split('\n')
}

function formatConfiguration({ file, remarks }: StatusDocument['configuration']): string {
  const count = (severity: string) => remarks.filter((one) => one.severity === severity).length
  const counts = (['warning', 'notice'] as const)
    .filter((severity) => count(severity) > 0)
    .map((severity) => `${count(severity)} ${severity}${count(severity) === 1 ? '' : 's'}`)
  const more = counts.length === 0 ? '' : `, ${counts.join(', ')} (-o wide)`
  return `${file ?? 'flags and defaults'}${more}`
}

function formatStream(stream: StreamStatus, now: number): string {
  const age =
    stream.lastEventAt === undefined
      ? ''
      : `, last heard ${formatAge((now - stream.lastEventAt) / 1e3)} ago`
  const restarts = stream.restarts === 0 ? '' : `, ${stream.restarts} restarts`
  const error =
    stream.state === 'watching' || stream.lastError === undefined ? '' : ` (${stream.lastError})`
  return `${stream.kind}: ${stream.state}, ${stream.objects} objects, ${stream.how}${age}${restarts}${error}`
}

function conditions(all: readonly Condition[]): string[] {
  return all
    .filter((condition) => condition.status !== 'True')
    .map(
      (condition) =>
        `${condition.type}=${condition.status} ${condition.reason}: ${condition.message}`,
    )
}

function troubles(found: StatusDocument, all: boolean): string[] {
  const lines = [
    ...found.refused.map((refusal) => `Refused ${refusal.key}: ${refusal.message}`),
    ...found.problems.map((problem) => `Problem ${problem.subject}: ${problem.message}`),
    ...found.source.rejected.map((reject) => `Rejected ${reject.subject}: ${reject.reason}`),
  ]
  if (all || lines.length <= NAMED_TROUBLES) return lines
  return [
    ...lines.slice(0, NAMED_TROUBLES),
    `... and ${lines.length - NAMED_TROUBLES} more; see -o wide`,
  ]
}

/** "9/9 attached to CGROUP, 2/2 to eth0" */
function formatHooks({ hooks, cgroup }: StatusDocument): string {
  const places = [...new Set(hooks.map(({ device }) => device))]
  const count = (place: string | undefined) => {
    const there = hooks.filter(({ device }) => device === place)
    return `${there.filter(({ attached }) => attached).length}/${there.length}`
  }
  return places
    .map((place, at) => `${count(place)} ${at === 0 ? 'attached ' : ''}to ${place ?? cgroup}`)
    .join(', ')
}

function details(found: StatusDocument): string[] {
  const hooks = found.hooks.map((hook) => [
    hook.device === undefined ? hook.name : `${hook.name} ${hook.device} (${hook.why})`,
    hook.attached ? 'attached' : 'MISSING',
    hook.programId,
    hook.runCount ?? '',
  ])
  const maps = found.maps.map((map) => [
    map.name,
    map.entries,
    map.maxEntries,
    formatBytes(map.memoryBytes),
  ])
  const reasons = Object.entries(found.reasons).map(([name, count]) => [name, count])
  const remarks = found.configuration.remarks.map(
    ({ severity, message }) => `${severity}: ${message}`,
  )
  return [
    ...(remarks.length === 0 ? [] : [...remarks, '']),
    formatTable(['HOOK', 'STATE', 'PROGRAM', 'RUNS'], hooks),
    '',
    formatTable(['MAP', 'ENTRIES', 'MAX', 'MEMORY'], maps),
    '',
    formatTable(['REASON', 'COUNT'], reasons),
  ]
}
