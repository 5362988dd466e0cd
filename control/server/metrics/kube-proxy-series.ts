import Counter from 'prom-client/lib/counter.js'
import Gauge from 'prom-client/lib/gauge.js'
import Histogram from 'prom-client/lib/histogram.js'
import type Registry from 'prom-client/lib/registry.js'
import { SERVICE_NAME_LABEL } from '../../source/kept-metadata.ts'
import { type EndpointSlice, objectKey } from '../../source/objects.ts'
import type { SourceEvent } from '../../source/source.ts'
import type { FamilyName } from '../health/freshness.ts'
import type { HealthPath } from '../health/health.ts'
import type { SyncAttempt, SyncSuccess } from '../sync-observer.ts'
import { PROGRAMMING_BUCKETS, SYNC_BUCKETS } from './buckets.ts'
import { EndpointlessPorts } from './endpointless-ports.ts'
import { TriggerTimes } from './trigger-times.ts'

/**
 * kube-proxy's own series, as far as they mean something here, with its names, labels and buckets
 * (8.5): what was written for kube-proxy, a query, a dashboard or an alert, works unchanged.
 */
export class KubeProxySeries {
  readonly #triggers = new TriggerTimes()
  readonly #endpointless = new EndpointlessPorts()
  readonly #syncSeconds
  readonly #fullSeconds
  readonly #partialSeconds
  readonly #programmingSeconds
  readonly #lastTimestamp
  readonly #lastQueued
  readonly #endpointsPending
  readonly #endpointsTotal
  readonly #servicesPending
  readonly #servicesTotal
  readonly #noLocalEndpoints
  readonly #answers: Readonly<Record<HealthPath, Counter<'code'>>>

  readonly #proxiers: number

  /** @param proxiers how many kube-proxy would have here: it counts an event of a Service in each (MT-1) */
  constructor(registry: Registry, proxiers: number) {
    this.#proxiers = proxiers
    const registers = [registry]
    const prefix = 'kubeproxy_sync_proxy_rules'
    const byFamily = { labelNames: ['ip_family'] as const, registers }
    const duration = (name: string, help: string) =>
      new Histogram({ name, help, buckets: SYNC_BUCKETS, ...byFamily })
    this.#syncSeconds = duration(`${prefix}_duration_seconds`, 'Duration of a sync, in seconds')
    this.#fullSeconds = duration(
      'kubeproxy_sync_full_proxy_rules_duration_seconds',
      'Duration of a sync of the whole desired state, in seconds',
    )
    this.#partialSeconds = duration(
      'kubeproxy_sync_partial_proxy_rules_duration_seconds',
      'Duration of a sync of what has changed, in seconds',
    )
    this.#programmingSeconds = new Histogram({
      name: 'kubeproxy_network_programming_duration_seconds',
      help: 'From the change of a pod or Service in the cluster to its effect on this node, in seconds',
      buckets: PROGRAMMING_BUCKETS,
      ...byFamily,
    })
    const gauge = (name: string, help: string) =>
      new Gauge({ name: `${prefix}_${name}`, help, ...byFamily })
    this.#lastTimestamp = gauge('last_timestamp_seconds', 'When rules were last synced')
    this.#lastQueued = gauge('last_queued_timestamp_seconds', 'When a sync was last asked for')
    const pending = (name: string, help: string) =>
      new Gauge({ name: `${prefix}_${name}`, help, registers })
    const total = (name: string, help: string) =>
      new Counter({ name: `${prefix}_${name}`, help, registers })
    this.#endpointsPending = pending(
      'endpoint_changes_pending',
      'EndpointSlice events that no sync has taken up yet',
    )
    this.#endpointsTotal = total('endpoint_changes_total', 'EndpointSlice events')
    this.#servicesPending = pending(
      'service_changes_pending',
      'Service events that no sync has taken up yet',
    )
    this.#servicesTotal = total('service_changes_total', 'Service events, once for each family')
    this.#noLocalEndpoints = new Gauge({
      name: `${prefix}_no_local_endpoints_total`,
      help: 'Service ports with a Local traffic policy and no endpoint on this node, though elsewhere',
      labelNames: ['ip_family', 'traffic_policy'] as const,
      registers,
    })
    const answers = (name: string) =>
      new Counter({
        name: `kubeproxy_proxy_${name}_total`,
        help: `Answers of /${name}, by status code`,
        labelNames: ['code'] as const,
        registers,
      })
    this.#answers = { '/healthz': answers('healthz'), '/livez': answers('livez') }
  }

  accepted(events: readonly SourceEvent[]): void {
    let services = 0
    let slices = 0
    for (const event of events) {
      if (event.type !== 'set' && event.type !== 'delete') continue
      const slice = event.type === 'set' && event.object.kind === 'EndpointSlice' && event.object
      const kind = event.type === 'set' ? event.object.kind : event.kind
      if (kind === 'Service') services += this.#proxiers
      if (kind !== 'EndpointSlice' || (slice && !isServed(slice))) continue
      slices++
      if (slice) this.#triggers.note(slice)
      else if (event.type === 'delete') this.#triggers.forget(objectKey(event))
    }
    if (slices > 0) {
      this.#endpointsTotal.inc(slices)
      this.#endpointsPending.inc(slices)
    }
    if (services > 0) {
      this.#servicesTotal.inc(services)
      this.#servicesPending.inc(services)
    }
  }

  taken(changed: boolean): void {
    this.#endpointsPending.set(0)
    this.#servicesPending.set(0)
    this.#triggers.take(changed)
  }

  queued({ families }: SyncAttempt): void {
    for (const ip_family of families) this.#lastQueued.set({ ip_family }, Date.now() / 1e3)
  }

  succeeded(success: SyncSuccess): void {
    const { changes, complete, families, durationSeconds } = success
    const now = Date.now()
    this.#observeDuration(families, complete, durationSeconds)
    for (const ip_family of families) this.#lastTimestamp.set({ ip_family }, now / 1e3)
    for (const { family, at } of this.#triggers.finish()) {
      this.#programmingSeconds.observe({ ip_family: family }, Math.max(0, now - at) / 1e3)
    }
    this.#endpointless.apply(changes, complete)
  }

  /** MT-4: syncs that fail have a duration, too. */
  failed({ families, complete }: SyncAttempt, durationSeconds: number): void {
    this.#observeDuration(families, complete, durationSeconds)
  }

  answered(path: HealthPath, code: number): void {
    this.#answers[path].inc({ code: String(code) })
  }

  /** Brings the gauges that are computed on demand up to date. */
  refresh(): void {
    for (const { family, policy, count } of this.#endpointless.counts()) {
      this.#noLocalEndpoints.set({ ip_family: family, traffic_policy: policy }, count)
    }
  }

  #observeDuration(families: readonly FamilyName[], complete: boolean, seconds: number): void {
    for (const ip_family of families) {
      this.#syncSeconds.observe({ ip_family }, seconds)
      const kind = complete ? this.#fullSeconds : this.#partialSeconds
      kind.observe({ ip_family }, seconds)
    }
  }
}

/** Of a family that is proxied, and of a Service (IN-20, IN-21). */
function isServed({ addressType, metadata }: EndpointSlice): boolean {
  return addressType !== 'FQDN' && (metadata.labels[SERVICE_NAME_LABEL] ?? '') !== ''
}
