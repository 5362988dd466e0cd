import type { Logger } from 'pino'
import type { Settings } from '../agent/debug-provider.ts'
import type { TelemetryOptions } from '../agent/telemetry.ts'
import type { EffectiveConfig } from '../config/effective.ts'
import { KUBE_PROXY_FLAGS } from '../config/flags.ts'
import { toObject } from '../config/format.ts'
import { valueAt } from '../config/notices.ts'
import type { Configuration } from '../config/resolve.ts'
import type { EventSink } from '../events/event.ts'
import { EventRecorder } from '../events/recorder.ts'
import { hasIPv6 } from '../node/ipv6.ts'
import type { Metrics } from '../server/metrics/metrics.ts'

/** The metrics library is loaded only where somebody may ask for metrics. */
export async function createMetrics(config: EffectiveConfig): Promise<Metrics | undefined> {
  if (config.metrics === undefined) return undefined
  const { Metrics } = await import('../server/metrics/metrics.ts')
  return new Metrics({ perService: config.serviceMetrics })
}

export function createTelemetry(
  config: EffectiveConfig,
  parts: {
    readonly metrics: Metrics | undefined
    readonly sink: EventSink | undefined
    readonly log: Logger
  },
): Omit<TelemetryOptions, 'nodeName' | 'log'> {
  const { metrics, sink, log } = parts
  const { nodeName } = config
  const observe: Metrics['event'] = (result) => metrics?.event(result)
  return {
    healthz: config.healthz,
    metricsBind: config.metrics,
    hardFail: config.bindAddressHardFail,
    pages: { profiling: config.enableProfiling, statusz: config.statusz, flagz: config.flagz },
    syncPeriodMs: config.syncPeriodSeconds * 1e3,
    nodePortAddresses: hasIPv6() ? ['0.0.0.0', '::'] : ['0.0.0.0'],
    metrics,
    events: new EventRecorder({ nodeName, sink, log, observe }),
  }
}

/** What /configz and /flagz show: the same values, by field and by flag. */
export function describeSettings({ kubeProxy }: Configuration): Settings {
  const configuration = toObject(kubeProxy)
  const flags = KUBE_PROXY_FLAGS.flatMap(({ name, path }) => {
    const field = typeof path === 'string' ? path : path(kubeProxy.mode)
    const value = field === undefined ? undefined : valueAt(configuration, field)
    const text = typeof value === 'object' ? JSON.stringify(value) : `${value}`
    return value === undefined ? [] : [[name, text] as const]
  })
  return { configuration, flags: Object.fromEntries(flags) }
}
