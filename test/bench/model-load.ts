import { Model } from '../../control/model/model.ts'
import type {
  Endpoint,
  EndpointSlice,
  KubernetesObject,
  Node,
  Service,
} from '../../control/source/objects.ts'
import { seededRandom } from './stats.ts'

/** What one event may be about. */
export const EVENTS = {
  endpoint: 'an endpoint moves to another address',
  service: 'a Service changes its affinity',
  arrival: 'a Service is new',
  again: 'a slice comes as it was',
  heartbeat: 'the Node says that it is alive',
} as const

export type EventName = keyof typeof EVENTS

/** How many changes an event gives. */
const CHANGES: Readonly<Record<EventName, number>> = {
  endpoint: 1,
  service: 1,
  arrival: 1,
  again: 0,
  heartbeat: 0,
}

/** A slice holds so many endpoints at most, as the cluster's controller makes them. */
const SLICE_ENDPOINTS = 100
const NODE_NAME = 'node-0'
const SEED = 20_260_101
/** Addresses from here on belong to no endpoint of the beginning. */
const FRESH = 2 ** 23

/** A model full of Services, and events about any of them. */
export class ModelLoad {
  readonly model = new Model({ nodeName: NODE_NAME })
  readonly #services: number
  readonly #endpoints: number
  readonly #random = seededRandom(SEED)
  #step = 0

  /** @param endpoints of each Service */
  constructor(services: number, endpoints: number) {
    this.#services = services
    this.#endpoints = endpoints
    for (let index = 0; index < services; index++) {
      this.#apply(service(index, 0))
      for (let from = 0; from < endpoints; from += SLICE_ENDPOINTS) {
        this.#apply(this.#slice(index, from))
      }
    }
    this.model.takeAll()
    this.model.takeGuards()
  }

  /** Microseconds from handing over each of `count` events to having everything that changes by it. */
  measure(name: EventName, count: number): number[] {
    const times: number[] = []
    for (let left = count; left > 0; left--) {
      const object = this.#next(name)
      const begun = performance.now()
      this.#apply(object)
      const changes = this.model.take()
      this.model.takeGuards()
      this.model.healthChecks()
      times.push((performance.now() - begun) * 1e3)
      if (changes.length !== CHANGES[name]) {
        throw new Error(`"${EVENTS[name]}" gave ${changes.length} changes, not ${CHANGES[name]}`)
      }
    }
    return times
  }

  #apply(object: KubernetesObject): void {
    this.model.apply({ type: 'set', object, receivedAt: 0 })
  }

  #next(name: EventName): KubernetesObject {
    const step = ++this.#step
    switch (name) {
      case 'endpoint':
        return this.#changedSlice(addressOf(FRESH + step))
      case 'service':
        return service(this.#pick(this.#services), step)
      case 'arrival':
        return service(this.#services + step, 0)
      case 'again':
        // The last one, which no other event is about.
        return this.#slice(this.#services, 0)
      case 'heartbeat':
        return node(step)
    }
  }

  #changedSlice(address: string): EndpointSlice {
    const from = this.#pick(Math.ceil(this.#endpoints / SLICE_ENDPOINTS)) * SLICE_ENDPOINTS
    const slice = this.#slice(this.#pick(this.#services), from)
    const at = this.#pick(slice.endpoints.length)
    const endpoint = { ...(slice.endpoints[at] as Endpoint), address }
    return { ...slice, endpoints: slice.endpoints.with(at, endpoint) }
  }

  #slice(index: number, from: number): EndpointSlice {
    const length = Math.min(SLICE_ENDPOINTS, this.#endpoints - from)
    const first = index * this.#endpoints + from
    return {
      kind: 'EndpointSlice',
      metadata: {
        ...meta('default', `svc-${index}-${from}`),
        labels: { 'kubernetes.io/service-name': `svc-${index}` },
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
      endpoints: Array.from({ length }, (_, at) => endpointOf(first + at)),
    }
  }

  #pick(count: number): number {
    return Math.floor(this.#random() * count)
  }
}

function endpointOf(number: number): Endpoint {
  return {
    address: addressOf(number),
    ready: true,
    serving: true,
    terminating: false,
    nodeName: `node-${number % 100}`,
    zone: `zone-${number % 3}`,
    zoneHints: undefined,
    nodeHints: undefined,
    targetUid: uidOf(number),
    targetName: `default/pod-${number}`,
  }
}

function service(index: number, affinity: number): Service {
  const clusterIP = `10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`
  return {
    kind: 'Service',
    metadata: meta('default', `svc-${index}`),
    type: 'NodePort',
    clusterIP,
    clusterIPs: [clusterIP],
    ipFamilies: ['IPv4'],
    ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 0 }],
    externalIPs: [],
    loadBalancerIngress: [],
    loadBalancerSourceRanges: [],
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    healthCheckNodePort: 0,
    sessionAffinity: affinity === 0 ? 'None' : 'ClientIP',
    sessionAffinitySeconds: affinity,
  }
}

function node(step: number): Node {
  return {
    kind: 'Node',
    metadata: { ...meta('', NODE_NAME), resourceVersion: String(step) },
    podCIDRs: [],
    addresses: [],
    taints: [],
  }
}

function meta(namespace: string, name: string) {
  return {
    namespace,
    name,
    uid: '',
    resourceVersion: '1',
    labels: {},
    annotations: {},
    creationTimestamp: 0,
  }
}

function addressOf(number: number): string {
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
}

function uidOf(number: number): string {
  return `6b1f8e1c-27f3-4c1e-9d5a-${number.toString(16).padStart(12, '0')}`
}
