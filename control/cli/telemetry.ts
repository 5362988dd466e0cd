import type { Logger } from 'pino'
import { interfaceAddresses } from '#addon'
import type { Settings } from '../agent/debug-provider.ts'
import type { HealthCheckAddresses, TelemetryOptions } from '../agent/telemetry.ts'
import { type EffectiveConfig, levelOf, type NodePortAddresses } from '../config/effective.ts'
import { heededGates } from '../config/feature-gates.ts'
import { KUBE_PROXY_FLAGS } from '../config/flags.ts'
import { toObject } from '../config/format.ts'
import { valueAt } from '../config/notices.ts'
import type { Configuration } from '../config/resolve.ts'
import type { EventSink } from '../events/event.ts'
import { EventRecorder } from '../events/recorder.ts'
import { healthCheckAddresses } from '../model/health-check-addresses.ts'
import { PRIMARY } from '../model/node-addresses.ts'
import type { Family } from '../model/service-port.ts'
import { hasIPv6 } from '../node/ipv6.ts'
import type { Metrics } from '../server/metrics/metrics.ts'

/** The metrics library is loaded only where somebody may ask for metrics. */
export async function createMetrics(
  config: EffectiveConfig,
  { kubeProxy }: Configuration,
): Promise<Metrics | undefined> {
  if (config.metrics === undefined) return undefined
  const { Metrics } = await import('../server/metrics/metrics.ts')
  const featureGates = heededGates(kubeProxy.featureGates)
  const families = hasIPv6() ? 2 : 1
  return new Metrics({ perService: config.serviceMetrics, featureGates, families })
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
    families: hasIPv6() ? ['IPv4', 'IPv6'] : ['IPv4'],
    healthCheckAddresses: addressesOfHealthChecks(config.nodePortAddresses, log),
    metrics,
    events: new EventRecorder({ nodeName, sink, log, observe }),
  }
}

function addressesOfHealthChecks(
  nodePortAddresses: NodePortAddresses,
  log: Logger,
): HealthCheckAddresses {
  const { kind } = nodePortAddresses
  const given = kind === 'ranges' ? nodePortAddresses.cidrs : kind === 'primary' ? [PRIMARY] : []
  return {
    needNodeIPs: kind === 'primary',
    resolve(nodeIPs) {
      const local = given.length === 0 ? [] : interfaceAddresses().map(({ address }) => address)
      const families: readonly Family[] = hasIPv6() ? [4, 6] : [4]
      return families.flatMap((family) => {
        const addresses = healthCheckAddresses(family, local, nodeIPs, given)
        if (addresses.length === 0) {
          log.warn(
            { nodePortAddresses: given },
            `this node has no IPv${family} address that nodePortAddresses lists, so its health check node ` +
              `ports are not open for IPv${family}: list a range that has one, and start kproxy again`,
          )
        }
        return addresses
      })
    },
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
  return { configuration, flags: Object.fromEntries(flags), levelOf }
}
