import { type ApiClient, type ApiObject, forEachInFlight } from '../cluster/api.ts'
import { PORTS } from './load.ts'

/** The port on which every Service of the benchmark is reached. */
export const SERVICE_PORT = 80
const NAMESPACE = 'default'
const SERVICES = `/api/v1/namespaces/${NAMESPACE}/services`
const SLICES = `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`

/** A pod that answers. */
export interface BackendPod {
  readonly name: string
  readonly address: string
  readonly nodeName: string
}

interface ServiceShape {
  readonly name: string
  readonly address: string
  readonly ports: readonly { name: string; protocol: string; target: number }[]
}

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
  readonly swap: ServiceShape = {
    name: 'swap',
    address: '10.96.2.2',
    ports: [{ name: '', protocol: 'TCP', target: PORTS.name }],
  }
  /** Name of the backend that `swap` leads to. */
  current: string
  readonly #client: ApiClient
  readonly #backends: readonly [BackendPod, BackendPod]
  #size = 0
  #endpointsEach = 2
  #changes = 0

  constructor(client: ApiClient, backends: readonly [BackendPod, BackendPod]) {
    this.#client = client
    this.#backends = backends
    this.current = backends[0].name
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
    await this.#create(this.swap, [this.#backends[0]])
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
    const indices = Array.from({ length: this.#size - 1 }, (_, index) => index)
    await forEachInFlight(indices, (index) =>
      this.#client.patch(`${SLICES}/${shape(index).name}`, {
        endpoints: this.#endpoints(index, count),
      }),
    )
    this.#endpointsEach = count
  }

  /**
   * Points `swap` at the other backend.
   * @returns its name, and when the write was sent and answered (CLOCK_MONOTONIC, ns)
   */
  async flip(): Promise<{ backend: string; sent: bigint; answered: bigint }> {
    const [a, b] = this.#backends
    const next = this.current === a.name ? b : a
    const sent = process.hrtime.bigint()
    await this.#client.patch(`${SLICES}/${this.swap.name}`, { endpoints: [endpoint(next)] })
    this.current = next.name
    return { backend: next.name, sent, answered: process.hrtime.bigint() }
  }

  /**
   * Replaces one imagined endpoint of a Service drawn at random, after {@link widen}.
   * @returns path of the slice
   */
  async changeOne(): Promise<string> {
    const index = Math.floor(Math.random() * (this.#size - 1))
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
    await this.#client.create(SERVICES, {
      metadata: { name: service.name },
      spec: {
        clusterIP: service.address,
        ipFamilyPolicy: 'SingleStack',
        ports: service.ports.map(({ name, protocol, target }) => ({
          name,
          protocol,
          port: SERVICE_PORT,
          targetPort: target,
        })),
      },
    })
    await this.#client.create(SLICES, {
      metadata: {
        name: service.name,
        labels: { 'kubernetes.io/service-name': service.name },
      },
      addressType: 'IPv4',
      ports: service.ports.map(({ name, protocol, target }) => ({ name, protocol, port: target })),
      endpoints: backends.map(endpoint),
    })
  }
}

/** Addresses from 10.96.4.0 on: the first 256 of the range are slow for a client to choose. */
function shape(index: number): ServiceShape {
  return {
    name: `bench-${index}`,
    address: `10.96.${4 + (index >> 8)}.${index & 255}`,
    ports: [{ name: '', protocol: 'TCP', target: PORTS.accept }],
  }
}

/** A pod that exists on the API server alone, with an address that no other has. */
function imagined(number: number): BackendPod {
  return {
    name: `imagined-${number}`,
    address: `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`,
    nodeName: `elsewhere-${number % 1000}`,
  }
}

/** As the EndpointSlice controller writes them, so that sizes on the wire are real. */
function endpoint(pod: BackendPod): ApiObject {
  return {
    addresses: [pod.address],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: pod.nodeName,
    targetRef: { kind: 'Pod', namespace: NAMESPACE, name: pod.name, uid: uid(pod.name) },
  }
}

/** A UUID's shape for a name; equal names have equal ones. */
function uid(name: string): string {
  const hex = Buffer.from(name).toString('hex').padEnd(32, '0').slice(-32)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
