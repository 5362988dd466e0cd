import type { Logger } from 'pino'
import type { Mode } from '../mode/mode.ts'
import type { StatusDocument } from '../server/api.ts'
import type { Check } from '../server/debug/pages.ts'
import type { Freshness } from '../server/health/freshness.ts'
import type { Metrics } from '../server/metrics/metrics.ts'
import type { DebugProvider } from '../server/metrics/metrics-server.ts'
import type { Syncer } from './syncer.ts'

/** What the agent was told. */
export interface Settings {
  /** The effective KubeProxyConfiguration, as /configz shows it. */
  readonly configuration: object
  /** The same by the names of flags, as /flagz shows it. */
  readonly flags: Readonly<Record<string, string>>
  /** The level of the log for a verbosity of Kubernetes. */
  readonly levelOf: (verbosity: number) => string
}

export interface DebugParts {
  readonly settings: Settings
  readonly mode: Mode
  readonly metrics: Metrics | undefined
  readonly status: () => Promise<StatusDocument>
  readonly log: Pick<Logger, 'level'>
}

/** What health is judged by. */
interface Progress {
  readonly syncer: Pick<Syncer, 'synced' | 'lastError'>
  readonly freshness: Freshness
}

/**
 * What the metrics server shows of an agent. An API server that cannot be reached is neither a reason to
 * restart the agent nor to take the node for unready: traffic goes on (AP-26).
 */
export function debugProvider(parts: DebugParts, progress: () => Progress): DebugProvider {
  const { settings, mode, metrics, status, log } = parts
  const liveness = (): Check[] => {
    const { freshness, syncer } = progress()
    const reason = syncer.lastError ?? 'an apply does not end'
    const problem = freshness.healthy
      ? undefined
      : `changes wait too long for the kernel: ${reason}`
    return [{ name: 'fresh', problem }]
  }
  return {
    mode: mode.name,
    status,
    liveness,
    readiness: () => {
      const isSynced = progress().syncer.synced
      const problem = isSynced ? undefined : 'the first complete sync has not happened'
      return [...liveness(), { name: 'synced', problem }]
    },
    configuration: () => settings.configuration,
    flags: () => settings.flags,
    setVerbosity: (verbosity) => {
      log.level = settings.levelOf(verbosity)
    },
    metrics: async () => {
      if (metrics === undefined) throw new Error('nothing is measured')
      const counters: Mode['counters'] = (keys) => mode.counters(keys)
      return { type: metrics.contentType, text: await metrics.render({ status, counters }) }
    },
  }
}
