import { describe, expect, it } from 'vitest'
import { Applier } from '../../../control/mode/ebpf/applier.ts'
import { Model } from '../../../control/model/model.ts'
import type { KubernetesObject, Service } from '../../../control/source/objects.ts'
import { endpoint, remove, service, set, slice } from '../model/build.ts'
import { FakeMaps } from './fake-maps.ts'
import { content } from './ports.ts'
import { readMaps } from './reader.ts'

/** From events to the maps, as in an agent. */
class Node {
  readonly maps = new FakeMaps()
  readonly #model = new Model({ nodeName: 'n1' })
  readonly #applier = new Applier(this.maps)
  #complete = true

  static async start(objects: readonly KubernetesObject[]): Promise<Node> {
    const node = new Node()
    await node.#applier.start()
    for (const kind of ['Service', 'EndpointSlice'] as const) {
      node.#model.apply({ type: 'synced', kind })
    }
    await node.take(...objects.map(set))
    return node
  }

  async take(...events: readonly Parameters<Model['apply']>[0][]): Promise<void> {
    for (const event of events) this.#model.apply(event)
    const changes = this.#complete ? this.#model.takeAll() : this.#model.take()
    await this.#applier.apply(changes, this.#complete)
    this.#complete = false
    await this.#applier.settled()
    expect(await this.#applier.verify()).toEqual([])
  }

  get frontends(): string[] {
    return [...readMaps(this.maps).keys()].sort()
  }

  get content() {
    return content(readMaps(this.maps))
  }
}

const pods = (...hosts: readonly number[]) => hosts.map((host) => endpoint(`10.244.1.${host}`))
const slices = slice('web-1', 'web', pods(1, 2))
const port = { name: '', protocol: 'TCP', port: 80, nodePort: 30_080 }

const TYPES: Readonly<Record<string, Service>> = {
  ClusterIP: service('web'),
  NodePort: service('web', { type: 'NodePort', ports: [port] }),
  LoadBalancer: service('web', {
    type: 'LoadBalancer',
    ports: [port],
    externalTrafficPolicy: 'Local',
    loadBalancerIngress: [{ ip: '203.0.113.1', ipMode: 'VIP' }],
    loadBalancerSourceRanges: ['192.0.2.0/24'],
  }),
  'external IPs': service('web', { externalIPs: ['203.0.113.9'] }),
  headless: service('web', { clusterIP: 'None', clusterIPs: ['None'] }),
  ExternalName: service('web', { type: 'ExternalName', clusterIP: '', clusterIPs: [] }),
}

const NAMES = Object.keys(TYPES)
const pairs = NAMES.flatMap((from) => NAMES.map((to) => [from, to] as const))

describe('a Service that changes', () => {
  it.each(pairs)('from %s to %s is as if it had always been so (P4)', async (from, to) => {
    const node = await Node.start([TYPES[from] as Service, slices])
    await node.take(set(TYPES[to] as Service))
    const fresh = await Node.start([TYPES[to] as Service, slices])
    expect(node.content).toEqual(fresh.content)
  })

  it('from nothing to many endpoints and back is refused, served and refused (P1, TR-23)', async () => {
    const node = await Node.start([service('web')])
    const counts: number[] = []
    for (const hosts of [[], [1, 2, 3, 4, 5], [2], []]) {
      await node.take(set(slice('web-1', 'web', pods(...hosts))))
      counts.push(node.content.get('10.96.0.1:80/TCP')?.internal.length ?? -1)
    }
    expect(counts).toEqual([0, 5, 1, 0])
  })

  it('counts an endpoint once that is in two slices (P3, IN-31)', async () => {
    const node = await Node.start([service('web'), slices, slice('web-2', 'web', pods(2, 3))])
    expect(node.content.get('10.96.0.1:80/TCP')?.internal).toEqual([
      '10.244.1.1:8080',
      '10.244.1.2:8080',
      '10.244.1.3:8080',
    ])
  })

  it('renames its port, moves to another target port, changes its protocol (P5)', async () => {
    const node = await Node.start([service('web'), slices])
    const named = { name: 'http', protocol: 'TCP', port: 80, nodePort: 0 }
    await node.take(
      set(service('web', { ports: [named] })),
      set(
        slice('web-1', 'web', pods(1), { ports: [{ name: 'http', protocol: 'TCP', port: 9090 }] }),
      ),
    )
    expect(node.content.get('10.96.0.1:80/TCP')?.internal).toEqual(['10.244.1.1:9090'])
    await node.take(
      set(service('web', { ports: [{ ...named, protocol: 'UDP' }] })),
      set(
        slice('web-1', 'web', pods(1), { ports: [{ name: 'http', protocol: 'UDP', port: 9090 }] }),
      ),
    )
    expect(node.frontends).toEqual(['10.96.0.1:80/UDP'])
  })

  it('is made anew with its name at another address (P6)', async () => {
    const node = await Node.start([service('web'), slices])
    const moved = service('web', { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'] })
    await node.take(remove(service('web')), set(moved))
    expect(node.frontends).toEqual(['10.96.0.2:80/TCP'])
    expect(node.content.get('10.96.0.2:80/TCP')?.internal).toHaveLength(2)
  })

  it('is made anew under another name at its address, and gets another id (P6)', async () => {
    const node = await Node.start([service('web'), slices])
    const before = readMaps(node.maps).get('10.96.0.1:80/TCP')?.serviceId
    await node.take(
      remove(service('web')),
      set(service('shop')),
      set(slice('shop-1', 'shop', pods(7))),
    )
    const after = readMaps(node.maps).get('10.96.0.1:80/TCP')
    expect(after?.internal).toEqual(['10.244.1.7:8080'])
    expect(after?.serviceId).not.toBe(before)
  })
})
