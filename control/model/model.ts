import { ZONE_LABEL } from '../source/kept-metadata.ts'
import { type KubernetesObject, type Node, objectKey, type Service } from '../source/objects.ts'
import type { SourceEvent } from '../source/source.ts'
import { FrontendClaims } from './claims.ts'
import { type GuardChanges, Guards, type GuardVerdict } from './guards.ts'
import { type HealthCheckService, healthChecksOf } from './health-check.ts'
import { HealthChecks } from './health-checks.ts'
import type { HeldSlice } from './held-slice.ts'
import { isSameIPs, type NodeIPs, nodeIPsOf } from './node-ips.ts'
import { Complaints, type Problem } from './problem.ts'
import { Changes, Published } from './published.ts'
import { resolveService, type Surroundings } from './resolve.ts'
import type { Scheduler } from './scheduler.ts'
import type { ServicePort, ServicePortChange } from './service-port.ts'
import { Services } from './services.ts'
import { SharedLists } from './shared-lists.ts'
import { Slices } from './slices.ts'

export interface ModelCounts {
  readonly services: number
  readonly slices: number
  readonly endpoints: number
}

export interface ModelOptions {
  /** This node's name; empty: no endpoint is local (IN-26). */
  readonly nodeName: string
  /** Of Services that name none; `random` unless given. */
  readonly scheduler?: Scheduler
  /** Of the configuration; stands for a node IP unless it is a wildcard (IN-42). */
  readonly bindAddress?: string
  /** Feature gate AllowServiceExternalIPs; true unless given. */
  readonly allowExternalIPs?: boolean
}

/**
 * The desired state, kept incrementally: events go in, changes of service ports come out, and the cost
 * follows the Services that changed. No I/O.
 */
export class Model {
  readonly #services: Services
  readonly #slices: Slices
  readonly #dirty = new Set<string>()
  readonly #published = new Published()
  /** Service key -> what is wrong with it. */
  readonly #problems = new Map<string, readonly Problem[]>()
  readonly #claims = new FrontendClaims()
  readonly #guards = new Guards()
  readonly #healthChecks = new HealthChecks()
  /** Kind -> whether all of its first list could be read. */
  readonly #synced = new Map<string, boolean>()
  readonly #bindAddress: string
  #changes = new Changes()
  #node: Node | undefined
  #surroundings: Surroundings

  constructor(options: ModelOptions) {
    const { nodeName, scheduler = 'random', bindAddress = '', allowExternalIPs = true } = options
    const lists = new SharedLists()
    this.#services = new Services(lists)
    this.#slices = new Slices(nodeName, lists)
    this.#bindAddress = bindAddress
    const nodeIPs = nodeIPsOf(undefined, bindAddress)
    this.#surroundings = { place: { nodeName, zone: '' }, nodeIPs, scheduler, allowExternalIPs }
  }

  /** Both initial lists are complete; Node and ServiceCIDRs are no gate (IN-4). */
  get synced(): boolean {
    return this.#synced.has('Service') && this.#synced.has('EndpointSlice')
  }

  /** It is known whether this Node exists, and if so what it is. */
  get nodeSynced(): boolean {
    return this.#synced.has('Node')
  }

  /** There is nothing in those lists that could not be read and may be in force all the same. */
  get whole(): boolean {
    return this.#synced.get('Service') === true && this.#synced.get('EndpointSlice') === true
  }

  get counts(): ModelCounts {
    return {
      services: this.#services.count,
      slices: this.#slices.count,
      endpoints: this.#slices.endpoints,
    }
  }

  /** Records one event. Nothing is decided before {@link take}. */
  apply(event: SourceEvent): void {
    if (event.type === 'synced') this.#synced.set(event.kind, event.unread !== true)
    else if (event.type === 'set') this.#set(event.object)
    else if (event.type === 'delete') {
      const key = objectKey(event)
      if (event.kind === 'Service') this.#touch(this.#services.delete(key))
      else if (event.kind === 'EndpointSlice') this.#touch(this.#slices.delete(key))
      else if (event.kind === 'Node') this.#setNode(undefined, key)
      else this.#guards.setRanges(key, undefined)
    }
  }

  /** The changes since the last call, removals first. No-op events leave none (IN-5, IN-12). */
  take(): ServicePortChange[] {
    this.#settle(false)
    const changes = this.#changes
    this.#changes = new Changes()
    return changes.list()
  }

  /**
   * The whole desired state, whether it was taken before or not, and the removal of what was taken
   * before and is desired no longer.
   */
  takeAll(): ServicePortChange[] {
    this.#touch(this.#services.keys())
    this.#settle(true)
    return this.take()
  }

  /** What changed among the addresses whose unknown ports lead nowhere (TR-60, TR-61). */
  takeGuards(): GuardChanges {
    this.#settle(false)
    return this.#guards.take()
  }

  /** What becomes of traffic to an address, given in its canonical form, that matches no frontend. */
  guardOf(address: string): GuardVerdict {
    this.#settle(false)
    return this.#guards.judge(address)
  }

  /** What healthCheckNodePorts answer: the same list until something in it changes (HL-10, HL-11). */
  healthChecks(): readonly HealthCheckService[] {
    this.#settle(false)
    return this.#healthChecks.list()
  }

  /** This node's object, for its taints, pod CIDRs and deletion; undefined: not there (IN-53). */
  get node(): Node | undefined {
    return this.#node
  }

  get nodeIPs(): NodeIPs {
    return this.#surroundings.nodeIPs
  }

  /** What cannot be served, by Service. A problem goes when its object is mended. */
  problems(): readonly Problem[] {
    return [...this.#problems.keys()].sort().flatMap((key) => this.#problems.get(key) ?? [])
  }

  /** All Services that have frontends here, by key. */
  services(): Iterable<Service> {
    return this.#services.values()
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#services.get(objectKey({ namespace, name }))
  }

  /** The slices of a Service, in the order of their names. */
  slicesOf(namespace: string, name: string): readonly HeldSlice[] {
    return this.#slices.of(objectKey({ namespace, name }))
  }

  /** The service ports of a Service as they are desired now. */
  resolve(service: Service): readonly ServicePort[] {
    const slices = this.#slices.of(objectKey(service.metadata))
    return resolveService(service, slices, this.#surroundings, () => {})
  }

  /** Decides anew what has been touched. With `again`, what is unchanged counts as a change, too. */
  #settle(again: boolean): void {
    // A Service that gives up a frontend makes another dirty meanwhile; the loop sees it too.
    for (const key of this.#dirty) {
      this.#dirty.delete(key)
      const ports = this.#desired(key, !again)
      this.#guards.hold(key, ports)
      this.#published.replace(key, ports, again, this.#changes)
    }
  }

  #set(object: KubernetesObject): void {
    if (object.kind === 'Service') this.#touch(this.#services.set(object))
    else if (object.kind === 'EndpointSlice') this.#touch(this.#slices.set(object))
    else if (object.kind === 'Node') this.#setNode(object, object.metadata.name)
    else this.#guards.setRanges(object.metadata.name, object)
  }

  #touch(keys: Iterable<string>): void {
    for (const key of keys) this.#dirty.add(key)
  }

  /**
   * Only the zone label matters to endpoints (IN-52), and the node's IPs to source ranges (IN-43). A Node that
   * is deleted leaves them as they were: this node still has its addresses (IN-51).
   */
  #setNode(node: Node | undefined, name: string): void {
    const { place, nodeIPs: formerIPs } = this.#surroundings
    if (name !== place.nodeName) return
    this.#node = node
    if (node === undefined) return
    const zone = node.metadata.labels[ZONE_LABEL] ?? ''
    const nodeIPs = nodeIPsOf(node, this.#bindAddress)
    const isSamePlace = zone === place.zone
    if (isSamePlace && isSameIPs(nodeIPs, formerIPs)) return
    this.#surroundings = { ...this.#surroundings, place: { ...place, zone }, nodeIPs }
    this.#touch(isSamePlace ? this.#services.keysWithRanges() : this.#services.keys())
  }

  /** The service ports of a Service, less those whose frontends belong to another (TR-6). */
  #desired(key: string, keepOpen: boolean): readonly ServicePort[] {
    const service = this.#services.get(key)
    if (service === undefined) {
      this.#problems.delete(key)
      this.#healthChecks.replace(key, [])
      this.#touch(this.#claims.release(key))
      return []
    }
    const slices = this.#slices.of(key, keepOpen)
    const complaints = new Complaints(`${service.kind} ${key}`)
    const ports = resolveService(service, slices, this.#surroundings, complaints.complain)
    const checks = healthChecksOf(service, ports, slices, complaints.complain)
    this.#healthChecks.replace(key, checks)
    const { granted, denied, freed } = this.#claims.claim(
      key,
      service.metadata.creationTimestamp,
      ports,
    )
    this.#touch(freed)
    for (const { frontend, owner } of denied) {
      complaints.complain(
        owner === key
          ? `${frontend} is named twice by this Service; remove one`
          : `${frontend} goes to Service ${owner}, which precedes this one by class of address, age or name; change one of the two`,
      )
    }
    const problems = [...complaints.list(), ...slices.flatMap((slice) => slice.problems)]
    if (problems.length > 0) this.#problems.set(key, problems)
    else this.#problems.delete(key)
    return granted
  }
}
