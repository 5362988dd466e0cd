import { type ApiClient, type ApiObject, forEachInFlight } from '../cluster/api.ts'
import { PORTS } from './load.ts'
import {
  ACCEPT_PORT,
  type BackendPod,
  endpoint,
  imagined,
  NAME_PORT,
  SERVICES,
  type ServiceShape,
  SLICES,
  serviceObject,
  sliceObject,
} from './objects.ts'
import { Swap } from './swap.ts'

const SWAP: ServiceShape = { name: 'swap', address: '10.96.2.2', ports: [NAME_PORT] }

/**
 * The Services of a run. All lead to the same backends, so that any of them can be the target of an
 * arm. Two are always there: `exchange` (echo over TCP and UDP) and `swap` (answers with its name,
 * one endpoint that tests change). Slices are written directly: the writer sets the pace.
 */
export class Population {
  readonly exchange: ServiceShape = {
    name: 'exchange',
    address: '10.96.2.1',
    ports: [
      { name: 'tcp', protocol: 'TCP', target: PORTS.echo },
      { name: 'udp', protocol: 'UDP', target: PORTS.echo },
    ],
  }
  readonly swap: Swap
  readonly #client: ApiClient
  readonly #backends: readonly [BackendPod, BackendPod]
  #size = 0
  #endpointsEach = 2
  #changes = 0

  constructor(client: ApiClient, backends: readonly [BackendPod, BackendPod]) {
    this.#client = client
    this.#backends = backends
    this.swap = new Swap({ client, backends, address: SWAP.address, slice: SWAP.name })
  }

  get size(): number {
    return this.#size
  }

  /** The cluster IPs of all Services but the two special ones. */
  get addresses(): string[] {
    return Array.from({ length: this.#size }, (_, index) => shape(index).address)
  }

  async start(): Promise<void> {
    await this.#create(this.exchange, this.#backends)
    await this.#create(SWAP, [this.#backends[0]])
  }

  /** Adds Services until there are `size`. */
  async grow(size: number): Promise<void> {
    const missing = Array.from({ length: size - this.#size }, (_, n) => this.#size + n)
    await forEachInFlight(missing, (index) => this.#create(shape(index), this.#backends))
    this.#size = size
  }

  /**
   * Gives each Service but the last `count` endpoints, all but two of which exist nowhere. The last
   * one keeps its real backends, so that a connection to it proves something.
   */
  async widen(count: number): Promise<void> {
    await forEachInFlight(this.wide, (index) =>
      this.#client.patch(`${SLICES}/${shape(index).name}`, {
        endpoints: this.#endpoints(index, count),
      }),
    )
    this.#endpointsEach = count
  }

  /** Numbers of the Services that {@link widen} is about. */
  get wide(): number[] {
    return Array.from({ length: this.#size - 1 }, (_, index) => index)
  }

  /**
   * Replaces one imagined endpoint of a Service, after {@link widen}.
   * @param index one of {@link wide}; drawn at random unless told
   * @returns path of the slice
   */
  async changeOne(index = Math.floor(Math.random() * (this.#size - 1))): Promise<string> {
    const count = this.#endpointsEach
    const place = Math.floor(Math.random() * (count - 2))
    const endpoints = this.#endpoints(index, count)
    // Past all numbers of widen(): an address that no Service has had yet.
    endpoints[2 + place] = endpoint(imagined(this.#size * count + this.#changes++))
    const path = `${SLICES}/${shape(index).name}`
    await this.#client.patch(path, { endpoints })
    return path
  }

  #endpoints(index: number, count: number): ApiObject[] {
    const extra = Array.from({ length: count - 2 }, (_, n) => imagined(index * count + n))
    return [...this.#backends, ...extra].map(endpoint)
  }

  async #create(service: ServiceShape, backends: readonly BackendPod[]): Promise<void> {
    await this.#client.create(SERVICES, serviceObject(service))
    await this.#client.create(SLICES, sliceObject(service, service.name, backends))
  }
}

/** Addresses from 10.96.4.0 on. */
function shape(index: number): ServiceShape {
  return {
    name: `bench-${index}`,
    address: `10.96.${4 + (index >> 8)}.${index & 255}`,
    ports: [ACCEPT_PORT],
  }
}
