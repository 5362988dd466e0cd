import type { Logger } from 'pino'
import type { EventRecorder } from '../events/recorder.ts'
import type { Model } from '../model/model.ts'
import { NODE_WAIT_MS, nodeGate } from '../model/node-gate.ts'
import type { NodeIPs } from '../model/node-ips.ts'
import type { BindAddress } from '../server/bind-address.ts'
import { type FamilyName, Freshness } from '../server/health/freshness.ts'
import { Health } from '../server/health/health.ts'
import { HealthCheckPorts } from '../server/health/health-check-ports.ts'
import { healthServer } from '../server/health/health-server.ts'
import type { HttpListener } from '../server/http-listener.ts'
import type { Metrics } from '../server/metrics/metrics.ts'
import {
  type DebugPages,
  type DebugProvider,
  debugHandler,
  metricsServer,
} from '../server/metrics/metrics-server.ts'
import type { SyncAttempt, SyncObserver, SyncSuccess } from '../server/sync-observer.ts'
import type { SourceEvent } from '../source/source.ts'
import { Reporter } from './reporter.ts'

/** How long Events of a failed start may delay its end, in milliseconds. */
const LAST_WORDS_MS = 3_000

/** Where health check node ports listen. */
export interface HealthCheckAddresses {
  /** They follow from this node's IPs, so the Node object is waited for (IN-50). */
  readonly needNodeIPs: boolean
  /**
   * Asked once, before the first port opens (TR-43).
   *
   * @returns addresses of this host; `0.0.0.0` and `::` for all of a family
   * @throws where the addresses of the host cannot be read; asked again later
   */
  resolve(nodeIPs: NodeIPs): readonly string[]
}

export interface TelemetryOptions {
  readonly nodeName: string
  /** Where /healthz and /livez are; undefined: nowhere. */
  readonly healthz: BindAddress | undefined
  /** Where /metrics is; undefined: nowhere. */
  readonly metricsBind: BindAddress | undefined
  /** End when a server cannot listen, instead of trying again (HL-6). */
  readonly hardFail: boolean
  readonly pages: DebugPages
  /** Those that this host has (IN-44). */
  readonly families: readonly FamilyName[]
  /** Changes that wait for twice this time make the node unhealthy (HL-1), in milliseconds. */
  readonly syncPeriodMs: number
  readonly healthCheckAddresses: HealthCheckAddresses
  /** undefined: nothing is measured. */
  readonly metrics: Metrics | undefined
  readonly events: EventRecorder
  readonly log: Logger
}

/**
 * Everything by which the agent tells others how it is: health, health check node ports, metrics and
 * Events. What happens is told to it; nothing that it does can hold up the agent.
 */
export class Telemetry implements SyncObserver {
  readonly health: Health
  readonly #options: TelemetryOptions
  readonly #model: Model
  readonly #reporter: Reporter
  readonly #servers: readonly (readonly ['health' | 'metrics', HttpListener])[]
  readonly #createdAt = performance.now()
  /** Not before the first Service wants one and it is known where they listen. */
  #healthCheckPorts: HealthCheckPorts | undefined
  #healthChecks: ReturnType<Model['healthChecks']> | undefined
  #nodeTimer: NodeJS.Timeout | undefined

  constructor(options: TelemetryOptions, model: Model, provider: DebugProvider) {
    const { nodeName, healthz, metricsBind, log, metrics, events } = options
    this.#options = options
    this.#model = model
    this.health = new Health(new Freshness(options.families, options.syncPeriodMs))
    this.#reporter = new Reporter(nodeName, events, (namespace, name) => {
      return model.service(namespace, name)?.metadata.uid ?? ''
    })
    const servers: (readonly ['health' | 'metrics', HttpListener])[] = []
    if (healthz !== undefined) {
      const observe: Metrics['answered'] = (path, code) => metrics?.answered(path, code)
      servers.push(['health', healthServer(healthz, this.health, observe, log)])
    }
    if (metricsBind !== undefined) {
      const handler = debugHandler(provider, options.pages)
      servers.push(['metrics', metricsServer(metricsBind, handler, log)])
    }
    this.#servers = servers
  }

  /**
   * Opens the servers if they must open, before anything else is done.
   *
   * @throws ListenError where one cannot; an Event says so, too (HL-6)
   */
  async openOrFail(): Promise<void> {
    if (!this.#options.hardFail) return
    for (const [name, server] of this.#servers) {
      try {
        await server.open()
      } catch (error) {
        this.#reporter.failedToListen(name, (error as Error).message)
        await this.#options.events.flush(LAST_WORDS_MS)
        throw error
      }
    }
  }

  /** The kernel is ready for changes. Opens the servers if they may also open later. */
  async begin(): Promise<void> {
    this.health.freshness.begin()
    if (this.#options.hardFail) return
    for (const [, server] of this.#servers) await server.openEventually()
  }

  /** The source delivers. */
  started(): void {
    this.#reporter.started()
    this.#nodeTimer = setTimeout(() => {
      this.#updateHealthChecks()
      const reason = this.health.ineligibility
      if (reason === undefined) return
      const detail = `${reason}; /healthz answers 503 meanwhile`
      this.#options.log.warn({ node: this.#options.nodeName, detail }, 'node not eligible')
    }, NODE_WAIT_MS)
  }

  async close(): Promise<void> {
    clearTimeout(this.#nodeTimer)
    this.#healthCheckPorts?.close()
    await Promise.all(this.#servers.map(([, server]) => server.close()))
    this.#options.events.stop()
  }

  accepted(events: readonly SourceEvent[]): void {
    const { nodeName, log } = this.#options
    const before = this.health.ineligibility
    for (const event of events) {
      if (event.type === 'set' && event.object.kind === 'Node') {
        if (event.object.metadata.name === nodeName) this.health.setNode(event.object)
      } else if (event.type === 'delete' && event.kind === 'Node' && event.name === nodeName) {
        this.health.setNode(undefined)
      }
    }
    const reason = this.health.ineligibility
    if (reason !== before) log.info({ eligible: reason === undefined, reason }, 'node eligibility')
    this.#options.metrics?.accepted(events)
  }

  taken(changed: boolean): void {
    // Also where nothing is to be put into the kernel: endpoints that only a health check counts.
    this.#updateHealthChecks()
    this.#options.metrics?.taken(changed)
  }

  queued(attempt: SyncAttempt): void {
    this.health.freshness.queued(attempt.families)
    this.#options.metrics?.queued(attempt)
  }

  succeeded(success: SyncSuccess): void {
    this.health.freshness.updated(success.families)
    this.#options.metrics?.succeeded(success)
    for (const refusal of success.report.refused) this.#reporter.refused(refusal)
  }

  failed(attempt: SyncAttempt, durationSeconds: number): void {
    this.#options.metrics?.failed(attempt, durationSeconds)
  }

  #updateHealthChecks(): void {
    const services = this.#model.healthChecks()
    if (services === this.#healthChecks) return
    if (services.length > 0) this.#healthCheckPorts ??= this.#openHealthCheckPorts()
    if (services.length > 0 && this.#healthCheckPorts === undefined) return
    this.#healthChecks = services
    void this.#healthCheckPorts?.update(services)
  }

  /** @returns undefined while it is not known where they listen */
  #openHealthCheckPorts(): HealthCheckPorts | undefined {
    const { log, healthCheckAddresses } = this.#options
    if (healthCheckAddresses.needNodeIPs) {
      const waitedMs = performance.now() - this.#createdAt
      const gate = nodeGate(this.#model.node, 'ClusterCIDR', waitedMs)
      if (gate.decision !== 'go') return undefined
      if ('warning' in gate) {
        log.warn({ detail: gate.warning }, 'health check node ports listen everywhere')
      }
    }
    let addresses: readonly string[]
    try {
      addresses = healthCheckAddresses.resolve(this.#model.nodeIPs)
    } catch (error) {
      log.warn({ err: error }, 'health check node ports cannot open; will try again')
      return undefined
    }
    return new HealthCheckPorts(addresses, {
      isHealthy: () => this.health.freshness.healthy,
      onFailure: (service, message) => this.#reporter.healthCheckFailed(service, message),
      log,
    })
  }
}
