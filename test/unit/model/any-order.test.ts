import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Model } from '../../../control/model/model.ts'
import type { EndpointList, ServicePortChange } from '../../../control/model/service-port.ts'
import type { KubernetesObject } from '../../../control/source/objects.ts'
import {
  annotated,
  created,
  endpoint,
  modelOf,
  node,
  problemsOf,
  remove,
  service,
  serviceCIDR,
  set,
  slice,
} from './build.ts'

/**
 * Few names, addresses and ports, and some more often than others, so that objects meet, collide and
 * replace each other.
 */
const policy = fc.constantFrom('Cluster' as const, 'Local' as const)

const anyPort = fc.record({
  name: fc.constantFrom('', '', '', 'http'),
  protocol: fc.constantFrom('TCP', 'TCP', 'TCP', 'UDP'),
  port: fc.constantFrom(80, 80, 80, 80, 81, 70_000),
  nodePort: fc.constantFrom(0, 30_080, 30_080, 30_081, 70_000),
})

const anyService = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c'),
    type: fc.constantFrom('NodePort', 'LoadBalancer', 'LoadBalancer', 'ExternalName'),
    clusterIPs: fc.constantFrom(
      ['10.96.0.1'],
      ['10.96.0.1'],
      ['10.96.0.2'],
      ['10.96.0.2', 'fd00::1'],
      ['bad'],
    ),
    externalIPs: fc.constantFrom([], ['10.96.0.1'], ['198.51.100.7'], ['bad', '2001:db8::7']),
    balancer: fc.constantFrom('', '203.0.113.7', '198.51.100.7'),
    ranges: fc.constantFrom([], ['192.0.2.0/24'], ['0.0.0.0/0', '10.0.0.0/8'], ['bad']),
    internal: policy,
    external: policy,
    scheduler: fc.constantFrom('', 'lc', 'bad'),
    healthCheckNodePort: fc.constantFrom(0, 31_234),
    createdAt: fc.constantFrom(0, 1, 2),
    ports: fc.array(anyPort, { minLength: 1, maxLength: 2 }),
  })
  .map(
    ({ name, clusterIPs, balancer, ranges, internal, external, scheduler, createdAt, ...rest }) => {
      const given = service(name, {
        ...rest,
        clusterIP: clusterIPs[0] as string,
        clusterIPs,
        ipFamilies: ['IPv4', 'IPv6'].slice(0, clusterIPs.length),
        loadBalancerIngress: balancer === '' ? [] : [{ ip: balancer, ipMode: 'VIP' }],
        loadBalancerSourceRanges: ranges,
        internalTrafficPolicy: internal,
        externalTrafficPolicy: external,
      })
      return created(annotated(given, { 'kproxy.dev/scheduler': scheduler }), createdAt)
    },
  )

const anySlice = fc
  .record({
    name: fc.constantFrom('s1', 's2', 's3'),
    owner: fc.constantFrom('a', 'a', 'b', 'c', ''),
    addressType: fc.constantFrom('IPv4', 'IPv4', 'IPv6'),
    portName: fc.constantFrom('', '', 'http'),
    endpoints: fc.array(
      fc.record({
        host: fc.constantFrom(1, 2, 3),
        ready: fc.constantFrom(true, true, false),
        serving: fc.boolean(),
        terminating: fc.boolean(),
        nodeName: fc.constantFrom('n1', 'n2'),
        zoneHints: fc.constantFrom(undefined, ['a'], ['b']),
        nodeHints: fc.constantFrom(undefined, ['n1'], ['n2']),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ name, owner, addressType, portName, endpoints }) => {
    const prefix = addressType === 'IPv4' ? '10.0.0.' : 'fd00::'
    const all = endpoints.map(({ host, ...rest }) => endpoint(`${prefix}${host}`, rest))
    const ports = ['TCP', 'UDP'].map((protocol) => ({ name: portName, protocol, port: 8080 }))
    return slice(name, owner, all, { addressType, ports })
  })

const anyNode = fc
  .record({
    zone: fc.constantFrom(undefined, 'a', 'b'),
    address: fc.constantFrom('192.0.2.1', '10.0.0.1', 'fd00::1'),
  })
  .map(({ zone, address }) => node(zone, 'n1', { addresses: [{ type: 'InternalIP', address }] }))

const anyRanges = fc
  .record({
    name: fc.constantFrom('x', 'y'),
    cidrs: fc.constantFrom([], ['10.96.0.0/16'], ['10.96.0.0/16', 'fd00::/112'], ['bad']),
  })
  .map(({ name, cidrs }) => serviceCIDR(name, ...cidrs))

const anyObject: fc.Arbitrary<KubernetesObject> = fc.oneof(
  { arbitrary: anyService, weight: 5 },
  { arbitrary: anySlice, weight: 5 },
  { arbitrary: anyNode, weight: 1 },
  { arbitrary: anyRanges, weight: 1 },
)

const anyEvents = fc.array(
  fc.record({
    object: anyObject,
    removed: fc.constantFrom(false, false, true),
    take: fc.constantFrom('nothing', 'ports', 'guards', 'all'),
  }),
  { maxLength: 30 },
)

/** What reaches the kernel: conditions and hints of endpoints have done their work by then. */
const bare = (list: EndpointList) => ({
  drop: list.drop,
  backends: [list.active, list.terminating].map((backends) =>
    backends.map(({ address, port, local, targetUid }) => ({ address, port, local, targetUid })),
  ),
})

/** Applies what a model gives out, as a mode would. */
class Follower {
  readonly ports = new Map<string, object>()
  readonly guards = new Set<string>()
  serviceCIDRs: readonly string[] = []

  takePorts(changes: readonly ServicePortChange[]): void {
    for (const change of changes) {
      if (change.type === 'set') {
        const { internal, external, cluster, ...rest } = change.port
        const lists = [internal, external, cluster].map(bare)
        this.ports.set(change.key, { ...rest, lists })
      } else expect(this.ports.delete(change.key)).toBe(true)
    }
  }

  takeGuards(model: Model): void {
    const { added, removed, serviceCIDRs } = model.takeGuards()
    for (const address of removed) expect(this.guards.delete(address)).toBe(true)
    for (const address of added) {
      expect(this.guards.has(address)).toBe(false)
      this.guards.add(address)
    }
    this.serviceCIDRs = serviceCIDRs ?? this.serviceCIDRs
  }

  take(model: Model): object {
    this.takePorts(model.take())
    this.takeGuards(model)
    return {
      ports: new Map([...this.ports].sort()),
      guards: [...this.guards].sort(),
      serviceCIDRs: this.serviceCIDRs,
      healthChecks: model.healthChecks(),
      problems: problemsOf(model).sort(),
      node: model.node,
    }
  }
}

describe('any order of events', () => {
  it('ends in the state that a fresh start from the same objects gives', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const model = new Model({ nodeName: 'n1' })
        const follower = new Follower()
        const objects = new Map<string, KubernetesObject>()
        let node: KubernetesObject | undefined
        for (const { object, removed, take } of events) {
          model.apply(removed ? remove(object) : set(object))
          if (object.kind === 'Node' && object.metadata.name === 'n1' && !removed) node = object
          const key = `${object.kind} ${object.metadata.name}`
          if (removed) objects.delete(key)
          else objects.set(key, object)
          if (take === 'ports') follower.takePorts(model.take())
          else if (take === 'guards') follower.takeGuards(model)
          else if (take === 'all') follower.takePorts(model.takeAll())
        }
        const state = follower.take(model)
        const fresh = modelOf(...objects.values())
        // Of a Node that is deleted stays what is true of the machine (IN-51).
        if (node !== undefined && !objects.has('Node n1')) {
          fresh.apply(set(node))
          fresh.apply(remove(node))
        }
        expect(state).toEqual(new Follower().take(fresh))
        expect(model.take()).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })

  it('of the same objects ends in the same state (P2)', () => {
    const shuffled = fc
      .uniqueArray(anyObject, { selector: ({ kind, metadata }) => `${kind} ${metadata.name}` })
      .chain((objects) =>
        fc.tuple(fc.constant(objects), fc.shuffledSubarray(objects, { minLength: objects.length })),
      )
    fc.assert(
      fc.property(shuffled, ([objects, others]) => {
        const [one, other] = [modelOf(...objects), modelOf(...others)]
        expect(new Follower().take(one)).toEqual(new Follower().take(other))
      }),
      { numRuns: 500 },
    )
  })
})
