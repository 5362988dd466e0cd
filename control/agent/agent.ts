import type { Logger } from 'pino'
import type { Mode } from '../mode/mode.ts'
import type { DetectLocalOptions } from '../model/detect-local.ts'
import { Model, type ModelOptions } from '../model/model.ts'
import type {
  ConfigurationStatus,
  ServiceDetail,
  ServiceSummary,
  StatusDocument,
} from '../server/api.ts'
import { type StatusProvider, StatusServer } from '../server/server.ts'
import type { Source, SourceEvent } from '../source/source.ts'
import { debugProvider, type Settings } from './debug-provider.ts'
import { EnvironmentKeeper } from './environment-keeper.ts'
import { NodeWatch, type NodeWatchOptions } from './node-watch.ts'
import { Patroller } from './patroller.ts'
import { RejectionLog } from './rejection-log.ts'
import { describeService, describeServices } from './services.ts'
import { composeStatus } from './status.ts'
import { Syncer } from './syncer.ts'
import { Telemetry, type TelemetryOptions } from './telemetry.ts'

export interface AgentOptions {
  readonly nodeName: string
  readonly cgroup: string
  readonly pinDir: string
  readonly socket: string
  readonly mode: Mode
  readonly source: Source
  readonly log: Logger
  /** Least time between two syncs, in milliseconds; 0: as soon as possible. */
  readonly minSyncMs: number
  /** Gives memory back; called once, when the start has settled. */
  readonly releaseMemory?: () => void
  /** What holds for Services that do not say it. */
  readonly defaults: Omit<ModelOptions, 'nodeName'>
  readonly telemetry: Omit<TelemetryOptions, 'nodeName' | 'log'>
  readonly detectLocal: DetectLocalOptions
  /** The agent must end with status 1, to be started anew; why is in the log. */
  readonly end: () => void
  readonly checkNode: NonNullable<NodeWatchOptions['check']>
  /** What the agent was told, to be shown as it is. */
  readonly settings: Settings
  readonly configuration: () => ConfigurationStatus
}

/** One node's agent: source -> model -> mode, and a socket to ask it how it is doing. */
export class Agent implements StatusProvider {
  readonly #options: AgentOptions
  readonly #model: Model
  readonly #syncer: Syncer
  readonly #telemetry: Telemetry
  readonly #patroller: Patroller
  readonly #nodeWatch: NodeWatch
  readonly #server: StatusServer
  readonly #startedAt = Date.now()
  readonly #rejections = new RejectionLog()

  constructor(options: AgentOptions) {
    this.#options = options
    this.#model = new Model({ nodeName: options.nodeName, ...options.defaults })
    const { nodeName, mode, log, telemetry, settings } = options
    const { metrics } = telemetry
    const provider = debugProvider(
      { settings, mode, metrics, log, status: () => this.status() },
      () => ({ syncer: this.#syncer, freshness: this.#telemetry.health.freshness }),
    )
    this.#telemetry = new Telemetry({ ...telemetry, nodeName, log }, this.#model, provider)
    this.#syncer = new Syncer({
      ...{ model: this.#model, mode, log, observer: this.#telemetry },
      environment: new EnvironmentKeeper(this.#model, mode, options.detectLocal),
      minSyncMs: options.minSyncMs,
      ...(options.releaseMemory && { releaseMemory: options.releaseMemory }),
    })
    this.#patroller = new Patroller({ mode, log, periodMs: telemetry.syncPeriodMs })
    const { detectLocal, end, checkNode: check } = options
    const detectLocalMode = detectLocal.mode
    this.#nodeWatch = new NodeWatch({ nodeName, detectLocalMode, log, end, check })
    this.#server = new StatusServer(options.socket, this)
  }

  /** Takes over the node: kernel state first, then the socket, then the stream of objects. */
  async start(): Promise<void> {
    try {
      // What a typing error can break is looked at before anything is put into the kernel.
      this.#server.prepare()
      await this.#telemetry.openOrFail()
      await this.#options.mode.start()
      await this.#server.listen()
      await this.#telemetry.begin()
      await this.#options.source.start((events) => this.#accept(events))
      this.#telemetry.started()
      this.#patroller.start()
      this.#nodeWatch.start()
    } catch (error) {
      await this.#telemetry.close()
      throw error
    }
  }

  /** Ends the agent; kernel state stays, and traffic goes on (design principle 3). */
  async stop(): Promise<void> {
    this.#nodeWatch.stop()
    await this.#options.source.stop()
    await this.#syncer.stop()
    await this.#patroller.stop()
    await this.#telemetry.close()
    await this.#server.close()
    await this.#options.mode.stop()
  }

  async status(): Promise<StatusDocument> {
    const { nodeName, cgroup, pinDir, mode, source, configuration } = this.#options
    return composeStatus({
      nodeName,
      cgroup,
      pinDir,
      configuration: configuration(),
      startedAt: this.#startedAt,
      modeName: mode.name,
      mode: await mode.status(),
      source: source.status(),
      model: this.#model,
      syncer: this.#syncer,
      drift: this.#patroller.status,
    })
  }

  services(): Promise<readonly ServiceSummary[]> {
    return describeServices(this.#model, this.#options.mode)
  }

  service(namespace: string, name: string): Promise<ServiceDetail | undefined> {
    return describeService(this.#model, this.#options.mode, namespace, name)
  }

  #accept(events: readonly SourceEvent[]): void {
    for (const event of events) {
      if (event.type !== 'rejected') continue
      const { subject, reason } = event
      if (!this.#rejections.isNews(subject, reason)) continue
      this.#options.log.warn(
        { subject, reason },
        'object rejected; its last good content stays in force',
      )
    }
    this.#syncer.accept(events)
    this.#nodeWatch.accepted(this.#model.node)
  }
}
