import { type ApiClient, forEachInFlight } from '../cluster/api.ts'
import {
  type BackendPod,
  endpoint,
  imagined,
  NAME_PORT,
  NAMESPACE,
  removeObject,
  SERVICES,
  type ServiceShape,
  SLICES,
  serviceObject,
  sliceObject,
} from './objects.ts'
import { Swap } from './swap.ts'

/** A slice holds so many endpoints at most, as the cluster's controller makes them. */
const SLICE_ENDPOINTS = 100
/** Its imagined pods have numbers from here on, past those of all other Services. */
const FIRST_IMAGINED = 2 ** 22

const LARGE: ServiceShape = { name: 'large', address: '10.96.2.3', ports: [NAME_PORT] }

/** One Service as large as they come, in as many slices as that takes. */
export class LargeService {
  /** "namespace/name" */
  readonly key = `${NAMESPACE}/${LARGE.name}`
  readonly #client: ApiClient
  readonly #backends: readonly [BackendPod, BackendPod]
  readonly #endpoints: number
  #changes = 0

  /**
   * @param backends one is the first endpoint; the others exist nowhere
   * @param endpoints how many
   * @param nodeName the node on which the first endpoint is said to be
   */
  constructor(
    client: ApiClient,
    backends: readonly [BackendPod, BackendPod],
    endpoints: number,
    nodeName: string,
  ) {
    const [a, b] = backends
    this.#client = client
    this.#backends = [
      { ...a, nodeName },
      { ...b, nodeName },
    ]
    this.#endpoints = endpoints
  }

  async create(): Promise<void> {
    await this.#client.create(SERVICES, serviceObject(LARGE))
    await forEachInFlight(this.#slices, (slice) =>
      this.#client.create(SLICES, sliceObject(LARGE, sliceName(slice), this.#podsOf(slice))),
    )
  }

  async remove(): Promise<void> {
    await removeObject(this.#client, `${SERVICES}/${LARGE.name}`)
    await forEachInFlight(this.#slices, (slice) =>
      removeObject(this.#client, `${SLICES}/${sliceName(slice)}`),
    )
  }

  /**
   * Replaces one imagined endpoint, drawn at random.
   * @returns path of its slice
   */
  async changeOne(): Promise<string> {
    const slice = Math.floor(Math.random() * this.#slices.length)
    const pods = this.#podsOf(slice)
    // Not the first of all, which exists.
    const place = 1 + Math.floor(Math.random() * (pods.length - 1))
    pods[place] = imagined(FIRST_IMAGINED + this.#endpoints + this.#changes++)
    const path = `${SLICES}/${sliceName(slice)}`
    await this.#client.patch(path, { endpoints: pods.map(endpoint) })
    return path
  }

  /**
   * Makes the Service lead its node's pods to the one endpoint that exists, which can be moved then:
   * internalTrafficPolicy Local leaves no other. Its NodePort still has all endpoints, so that a change
   * costs as much as before.
   */
  async narrow(): Promise<Swap> {
    await this.#client.patch(`${SERVICES}/${LARGE.name}`, {
      spec: { type: 'NodePort', internalTrafficPolicy: 'Local' },
    })
    return new Swap({
      client: this.#client,
      address: LARGE.address,
      slice: sliceName(0),
      backends: this.#backends,
      others: this.#podsOf(0).slice(1),
    })
  }

  /** Makes the Service an ordinary one again. */
  async widen(): Promise<void> {
    await this.#client.patch(`${SERVICES}/${LARGE.name}`, {
      spec: { type: 'ClusterIP', internalTrafficPolicy: 'Cluster' },
    })
  }

  get #slices(): number[] {
    return Array.from({ length: Math.ceil(this.#endpoints / SLICE_ENDPOINTS) }, (_, n) => n)
  }

  #podsOf(slice: number): BackendPod[] {
    const from = slice * SLICE_ENDPOINTS
    const length = Math.min(SLICE_ENDPOINTS, this.#endpoints - from)
    return Array.from({ length }, (_, at) =>
      from + at === 0 ? this.#backends[0] : imagined(FIRST_IMAGINED + from + at),
    )
  }
}

function sliceName(slice: number): string {
  return `${LARGE.name}-${slice}`
}
