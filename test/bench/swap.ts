import type { ApiClient } from '../cluster/api.ts'
import { type BackendPod, endpoint, SLICES } from './objects.ts'

export interface SwapOptions {
  readonly client: ApiClient
  /** Cluster IP of the Service. */
  readonly address: string
  /** Name of the slice whose first endpoint moves. */
  readonly slice: string
  /** Leads to the first at the beginning. */
  readonly backends: readonly [BackendPod, BackendPod]
  /** Endpoints of the slice that stay, after the one that moves. */
  readonly others?: readonly BackendPod[]
}

/** The one endpoint of a Service that answers, which tests move between two backends. */
export class Swap {
  readonly address: string
  /** Name of the backend that the Service leads to. */
  current: string
  readonly #options: SwapOptions

  constructor(options: SwapOptions) {
    this.#options = options
    this.address = options.address
    this.current = options.backends[0].name
  }

  /**
   * Points the Service at the other backend.
   * @returns its name, and when the write was sent and answered (CLOCK_MONOTONIC, ns)
   */
  async flip(): Promise<{ backend: string; sent: bigint; answered: bigint }> {
    const { client, slice, backends, others = [] } = this.#options
    const [a, b] = backends
    const next = this.current === a.name ? b : a
    const endpoints = [next, ...others].map(endpoint)
    const sent = process.hrtime.bigint()
    await client.patch(`${SLICES}/${slice}`, { endpoints })
    this.current = next.name
    return { backend: next.name, sent, answered: process.hrtime.bigint() }
  }
}
