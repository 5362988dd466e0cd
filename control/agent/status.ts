import type { ModeStatus } from '../mode/mode.ts'
import type { Model } from '../model/model.ts'
import type { Condition, ConfigurationStatus, DriftStatus, StatusDocument } from '../server/api.ts'
import type { SourceStatus, StreamStatus } from '../source/source.ts'
import { VERSION } from '../version.ts'
import type { Syncer } from './syncer.ts'

/** A map over this share of its size is a warning: the next burst may be refused. */
const MAP_NEARLY_FULL = 0.8

/** A stream that was silent for longer counts as stale; bookmarks come about every minute. */
const STREAM_STALE_MS = 5 * 60_000

export interface StatusInputs {
  readonly nodeName: string
  readonly cgroup: string
  readonly pinDir: string
  readonly configuration: ConfigurationStatus
  readonly startedAt: number
  readonly modeName: string
  readonly mode: ModeStatus
  readonly source: SourceStatus
  readonly model: Pick<Model, 'counts' | 'problems'>
  readonly syncer: Pick<
    Syncer,
    | 'syncing'
    | 'lastSync'
    | 'firstSyncSeconds'
    | 'syncs'
    | 'latency'
    | 'synced'
    | 'holdsBack'
    | 'lastError'
  >
  readonly drift: DriftStatus
}

/** Puts the parts together and judges them. */
export function composeStatus(inputs: StatusInputs): StatusDocument {
  const { mode, source, model, syncer } = inputs
  const conditions = judge(inputs)
  const counts = model.counts
  return {
    health: health(conditions),
    version: VERSION,
    nodeName: inputs.nodeName,
    pid: process.pid,
    startedAt: inputs.startedAt,
    mode: inputs.modeName,
    cgroup: inputs.cgroup,
    pinDir: inputs.pinDir,
    configuration: inputs.configuration,
    conditions,
    hooks: mode.hooks,
    checks: mode.checks,
    maps: mode.maps,
    source,
    services: counts.services,
    endpoints: counts.endpoints,
    syncing: syncer.syncing,
    lastSync: syncer.lastSync,
    firstSyncSeconds: syncer.firstSyncSeconds,
    syncs: syncer.syncs,
    latency: syncer.latency.status(),
    refused: mode.refused,
    problems: model.problems(),
    reasons: mode.reasons,
    drift: inputs.drift,
    udpSocketsEnded: mode.udpSocketsEnded,
    residentBytes: process.memoryUsage.rss(),
  }
}

/** Unhealthy: traffic may be wrong now. Degraded: something asks for attention. */
function health(conditions: readonly Condition[]): StatusDocument['health'] {
  const failing = new Set(
    conditions
      .filter((condition) => condition.status !== 'True')
      .map((condition) => condition.type),
  )
  if (failing.has('HooksAttached') || failing.has('HooksWork') || failing.has('Synced')) {
    return 'unhealthy'
  }
  return failing.size > 0 ? 'degraded' : 'healthy'
}

function judge({ mode, source, model, syncer, configuration }: StatusInputs): Condition[] {
  const missing = mode.hooks
    .filter((hook) => !hook.attached)
    .map((hook) => (hook.device === undefined ? hook.name : `${hook.name} of ${hook.device}`))
  const failed = mode.checks.filter((check) => !check.ok && check.minor !== true)
  const lacking = mode.checks.filter((check) => !check.ok && check.minor === true)
  const broken = source.streams.filter(isBroken)
  const full = mode.maps.filter(
    (map) => map.canFill && map.entries > map.maxEntries * MAP_NEARLY_FULL,
  )
  const rejected = source.rejected.length + model.problems().length
  return [
    condition('Synced', syncer.synced && syncer.lastError === undefined, {
      reason: syncer.synced ? 'SyncFailed' : 'Waiting',
      message:
        syncer.lastError ?? 'the initial lists of Services and EndpointSlices are not complete',
    }),
    condition('HooksAttached', missing.length === 0, {
      reason: 'HookMissing',
      message: `not attached: ${missing.join(', ')}; the agent attaches them again within its syncPeriod`,
    }),
    condition('HooksWork', failed.length === 0, {
      reason: 'CheckFailed',
      message: failed.map((check) => `${check.name}: ${check.message}`).join('; '),
    }),
    condition('FeaturesWork', lacking.length === 0, {
      reason: 'CheckFailed',
      message: lacking.map((check) => `${check.name}: ${check.message}`).join('; '),
    }),
    condition('StreamsFresh', broken.length === 0, {
      reason: 'StreamBroken',
      message: broken
        .map((stream) => `${stream.kind} ${stream.state}: ${stream.lastError ?? 'silent'}`)
        .join('; '),
    }),
    condition('ServicesAccepted', mode.refused.length === 0, {
      reason: mode.refused[0]?.reason ?? 'Refused',
      message: `${mode.refused.length} service ports are not served, or not in full; all others are`,
    }),
    condition('ObjectsValid', rejected === 0, {
      reason: 'InvalidObjects',
      message: `${rejected} objects have content that cannot be served`,
    }),
    condition('RemovalsInForce', !syncer.holdsBack, {
      reason: 'ObjectsUnread',
      message: `what earlier agents left in the kernel stays until all of this can be read or is gone: ${source.rejected.map(({ subject }) => subject).join(', ')}`,
    }),
    condition('ConfigurationCurrent', configuration.refused.length === 0, {
      reason: 'Refused',
      message: `${configuration.file} has changed and is refused, so what it said before is in force: ${configuration.refused.join('; ')}`,
    }),
    condition('MapsRoomy', full.length === 0, {
      reason: 'NearlyFull',
      message: `over 80% full: ${full.map((map) => map.name).join(', ')}; raise --max-services or --max-endpoints`,
    }),
  ]
}

/** A stream that failed is broken until it delivers again, whatever it is trying meanwhile. */
function isBroken(stream: StreamStatus): boolean {
  if (stream.state === 'retrying' || stream.state === 'stopped') return true
  if (stream.state === 'absent') return false
  if (stream.state !== 'watching' && stream.lastError !== undefined) return true
  return stream.silentMs !== undefined && stream.silentMs > STREAM_STALE_MS
}

function condition(
  type: string,
  ok: boolean,
  trouble: { readonly reason: string; readonly message: string },
): Condition {
  return ok
    ? { type, status: 'True', reason: 'OK', message: '' }
    : { type, status: 'False', ...trouble }
}
