import Gauge from 'prom-client/lib/gauge.js'
import Registry from 'prom-client/lib/registry.js'
import type { EventResult } from '../../events/recorder.ts'
import type { ServicePortCounters } from '../../mode/mode.ts'
import type { ApiRequest } from '../../source/kubernetes/transport.ts'
import type { SourceEvent } from '../../source/source.ts'
import type { StatusDocument } from '../api.ts'
import type { HealthPath } from '../health/health.ts'
import type { SyncAttempt, SyncObserver, SyncSuccess } from '../sync-observer.ts'
import { KproxySeries } from './kproxy-series.ts'
import { KubeProxySeries } from './kube-proxy-series.ts'
import { registerProcessSeries } from './process-series.ts'
import { RequestSeries } from './request-series.ts'
import { ServiceSeries } from './service-series.ts'
import { StatusSeries } from './status-series.ts'

export interface MetricsOptions {
  /** Export counters of every service port: a cluster of 10,000 Services makes 40,000 series a node. */
  readonly perService?: boolean
  /** How many families this host has (IN-44): kube-proxy has a proxier for each; 2 unless given. */
  readonly families?: number
  /** Feature gates of Kubernetes that mean something here; none unless given. */
  readonly featureGates?: readonly FeatureGate[]
}

/** A feature gate, as all Kubernetes components show theirs. */
export interface FeatureGate {
  readonly name: string
  /** `ALPHA`, `BETA`, or empty for one that is generally available. */
  readonly stage: string
  readonly enabled: boolean
}

/** What is read at the time of a scrape. */
export interface MetricsSource {
  status(): Promise<StatusDocument>
  counters(keys: readonly string[]): Promise<ReadonlyMap<string, ServicePortCounters>>
}

/** All metrics of the agent: what happened is told to it, what is the case it asks for when scraped. */
export class Metrics implements SyncObserver {
  readonly #registry = new Registry()
  readonly #kubeProxy: KubeProxySeries
  readonly #kproxy = new KproxySeries(this.#registry)
  readonly #requests = new RequestSeries(this.#registry)
  readonly #status = new StatusSeries(this.#registry)
  readonly #services: ServiceSeries | undefined

  constructor({ perService = false, featureGates = [], families = 2 }: MetricsOptions = {}) {
    this.#kubeProxy = new KubeProxySeries(this.#registry, families)
    if (perService) this.#services = new ServiceSeries(this.#registry)
    registerProcessSeries(this.#registry)
    this.#showGates(featureGates)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** The Prometheus text format, in version 0.0.4 as kube-proxy serves it. */
  async render(source: MetricsSource): Promise<string> {
    this.#status.refresh(await source.status())
    this.#kubeProxy.refresh()
    if (this.#services !== undefined) {
      this.#services.refresh(await source.counters(this.#services.keys))
    }
    return this.#registry.metrics()
  }

  accepted(events: readonly SourceEvent[]): void {
    this.#kubeProxy.accepted(events)
  }

  taken(changed: boolean): void {
    this.#kubeProxy.taken(changed)
  }

  queued(attempt: SyncAttempt): void {
    this.#kubeProxy.queued(attempt)
  }

  succeeded(success: SyncSuccess): void {
    this.#kubeProxy.succeeded(success)
    this.#kproxy.succeeded(success)
    this.#services?.apply(success.changes, success.complete)
  }

  failed(attempt: SyncAttempt, durationSeconds: number): void {
    this.#kubeProxy.failed(attempt, durationSeconds)
    this.#kproxy.failed()
  }

  /** The health server has answered. */
  answered(path: HealthPath, code: number): void {
    this.#kubeProxy.answered(path, code)
  }

  /** The API server has answered, or has not. */
  requested(request: ApiRequest): void {
    this.#requests.observe(request)
  }

  /** By the name that all Kubernetes components use (MT-5). */
  #showGates(gates: readonly FeatureGate[]): void {
    const gauge = new Gauge({
      name: 'kubernetes_feature_enabled',
      help: 'Whether a feature gate that kproxy heeds is on, 1 or 0',
      labelNames: ['name', 'stage'] as const,
      registers: [this.#registry],
    })
    for (const { name, stage, enabled } of gates) gauge.set({ name, stage }, Number(enabled))
  }

  /** Something has become of an Event. */
  event(result: EventResult): void {
    this.#kproxy.event(result)
  }
}
