import type { SourceLog } from '../log.ts'
import type { Source, SourceSink, SourceStatus } from '../source.ts'
import { StringPool } from '../string-pool.ts'
import { type Clock, systemClock } from './clock.ts'
import { Intake } from './intake.ts'
import { Reflector } from './reflector.ts'
import { proxyResources } from './resource.ts'
import type { Timing } from './timing.ts'
import type { Transport } from './transport.ts'

export interface KubernetesSourceParts {
  /** URL of the API server, for people. */
  readonly origin: string
  readonly nodeName: string
  readonly log: SourceLog
  readonly timing: Timing
  /** Makes the transport of one stream. */
  readonly connect: () => Transport
  /** Uniform in [0, 1). */
  readonly random?: () => number
  readonly clock?: Clock
}

interface Stream {
  readonly intake: Intake
  readonly reflector: Reflector
  readonly transport: Transport
}

/** Objects from an API server: one stream for each kind, none of which waits for another. */
export class KubernetesSource implements Source {
  readonly #parts: KubernetesSourceParts
  readonly #pool = new StringPool()
  #streams: readonly Stream[] = []

  constructor(parts: KubernetesSourceParts) {
    this.#parts = parts
  }

  async start(sink: SourceSink): Promise<void> {
    const { nodeName } = this.#parts
    this.#streams = proxyResources(nodeName).map((resource) => {
      const intake = new Intake(resource.kind, nodeName, sink)
      const transport = this.#parts.connect()
      const { log, timing, random = Math.random, clock = systemClock } = this.#parts
      const pool = this.#pool
      const reflector = new Reflector({
        ...{ resource, transport, intake, pool, log, timing, random, clock },
      })
      return { intake, reflector, transport }
    })
    for (const { reflector } of this.#streams) reflector.start()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#streams.map(({ reflector }) => reflector.stop()))
    for (const { transport } of this.#streams) transport.close()
  }

  status(): SourceStatus {
    return {
      origin: this.#parts.origin,
      streams: this.#streams.map(({ reflector }) => reflector.status()),
      rejected: this.#streams.flatMap(({ intake }) => intake.rejected),
    }
  }
}
