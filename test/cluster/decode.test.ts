import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Encoding, encodingOf } from '../../control/source/kubernetes/encoding.ts'
import type { Kind, KubernetesObject } from '../../control/source/objects.ts'
import { StringPool } from '../../control/source/string-pool.ts'
import type { ApiObject } from './api.ts'
import { Cluster } from './cluster.ts'
import { SERVICE_CIDRS } from './control-plane.ts'
import { populateZoo } from './zoo.ts'

const PATHS = {
  Service: '/api/v1/services',
  EndpointSlice: '/apis/discovery.k8s.io/v1/endpointslices',
  Node: '/api/v1/nodes',
  ServiceCIDR: '/apis/networking.k8s.io/v1/servicecidrs',
} as const satisfies Record<Kind, string>
const KINDS = Object.keys(PATHS) as Kind[]
const TYPES = ['application/vnd.kubernetes.protobuf', 'application/json'] as const
const WATCH_LIST =
  'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'

/* What the decoders make of the bytes that a real server sends. */
describe('objects of a real API server', () => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = await Cluster.create()
    await populateZoo(cluster.client)
  })
  afterAll(() => cluster.destroy())

  async function list(kind: Kind, type: string, piece = Number.POSITIVE_INFINITY) {
    const body = Buffer.from(await cluster.client.bytes(PATHS[kind], type))
    const reader = encodingOf(type).listReader(kind, new StringPool())
    const objects: KubernetesObject[] = []
    for (let at = 0; at < body.length; at += piece)
      objects.push(...reader.push(body.subarray(at, at + piece)).map((raw) => raw.decode()))
    objects.push(...reader.end().map((raw) => raw.decode()))
    return { objects, resourceVersion: reader.resourceVersion }
  }

  /** All events of a streamed list that the server ends after a second. */
  async function watch(kind: Kind, type: string) {
    const path = `${PATHS[kind]}?${WATCH_LIST}&timeoutSeconds=1`
    const body = Buffer.from(await cluster.client.bytes(path, type))
    const encoding: Encoding = encodingOf(type)
    const framer = encoding.framer()
    const pool = new StringPool()
    return framer.push(body, 0).map(({ bytes }) => {
      const event = encoding.decodeEvent(kind, bytes, pool)
      return 'object' in event ? { type: event.type, object: event.object.decode() } : event
    })
  }

  const named = async (kind: Kind, name: string) =>
    (await list(kind, TYPES[0])).objects.find(({ metadata }) => metadata.name === name)

  describe.each(KINDS)('%s', (kind) => {
    test('are the same from protobuf and from JSON (AP-10, AP-11, AP-15)', async () => {
      const [protobuf, json] = await Promise.all(TYPES.map((type) => list(kind, type)))
      expect(protobuf?.objects).toEqual(json?.objects)
      const { items }: ApiObject = await cluster.client.get(PATHS[kind])
      expect(protobuf?.objects.map(({ metadata }) => metadata.uid)).toEqual(
        items.map(({ metadata }: ApiObject) => metadata.uid),
      )
    })

    test('are the same however the list is cut on its way', async () => {
      const whole = await list(kind, TYPES[0])
      for (const piece of [1, 7, 1000])
        expect((await list(kind, TYPES[0], piece)).objects).toEqual(whole.objects)
    })

    test('are the same in a streamed list, which says where it ends (AP-12, AP-21)', async () => {
      const [protobuf = [], json = []] = await Promise.all(TYPES.map((type) => watch(kind, type)))
      expect(protobuf).toEqual(json)
      const added = protobuf.flatMap((event) => (event.type === 'ADDED' ? [event.object] : []))
      const byName = (objects: readonly KubernetesObject[]) =>
        objects.toSorted((a, b) => (a.metadata.uid < b.metadata.uid ? -1 : 1))
      expect(byName(added)).toEqual(byName((await list(kind, TYPES[0])).objects))
      expect(protobuf.at(added.length)).toMatchObject({ type: 'BOOKMARK', initialEventsEnd: true })
    })
  })

  test('a Service keeps every field that the proxy reads', async () => {
    expect(await named('Service', 'full')).toMatchObject({
      type: 'NodePort',
      clusterIPs: [expect.stringMatching(/^fd00:10:96::/), expect.stringMatching(/^10\.96\./)],
      ipFamilies: ['IPv6', 'IPv4'],
      externalIPs: ['198.51.100.7', '2001:db8::7'],
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
      sessionAffinity: 'ClientIP',
      sessionAffinitySeconds: 86400,
      ports: [
        { name: 'web', protocol: 'TCP', port: 80, nodePort: 30080 },
        { name: 'dns', protocol: 'UDP', port: 53, nodePort: 32767 },
        { name: 'assoc', protocol: 'SCTP', port: 65535 },
      ],
      metadata: {
        labels: { 'service.kubernetes.io/service-proxy-name': 'another' },
        annotations: {
          'kproxy.dev/scheduler': 'maglev',
          'kproxy.dev/text': 'größer als ASCII: 漢字 🙂',
        },
      },
    })
    expect(await named('Service', 'balanced')).toMatchObject({
      type: 'LoadBalancer',
      healthCheckNodePort: 31234,
      loadBalancerSourceRanges: ['203.0.113.0/24', '2001:db8:1::/48'],
      loadBalancerIngress: expect.arrayContaining([
        { ip: '192.0.2.10', ipMode: 'VIP' },
        { ip: '2001:db8::10', ipMode: 'Proxy' },
      ]),
    })
    expect(await named('Service', 'headless')).toMatchObject({ clusterIP: 'None' })
    expect(await named('Service', 'plain')).toMatchObject({
      sessionAffinity: 'None',
      ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 0 }],
    })
  })

  test('an EndpointSlice keeps the difference between absent and false (AP-15)', async () => {
    const slice = await named('EndpointSlice', 'v4')
    if (slice?.kind !== 'EndpointSlice') throw new Error('the slice is not there')
    expect(slice.ports).toEqual([
      { name: 'web', protocol: 'TCP', port: 65535 },
      { name: 'any', protocol: 'TCP', port: undefined },
      { name: '', protocol: 'UDP', port: 53 },
    ])
    const states = slice.endpoints.map(({ address, ready, serving, terminating }) => [
      address.slice('10.1.0.'.length),
      { ready, serving, terminating },
    ])
    expect(Object.fromEntries(states)).toMatchObject({
      1: { ready: true, serving: true, terminating: false },
      2: { ready: true, serving: true, terminating: false },
      4: { ready: false, terminating: false },
      5: { ready: true, serving: false, terminating: true },
      6: { ready: false, serving: true, terminating: true },
      7: { ready: true, serving: true, terminating: false },
    })
    expect(slice.endpoints[5]).toMatchObject({
      nodeName: 'n1',
      zone: 'zone-1',
      zoneHints: ['zone-1', 'b'],
      nodeHints: ['n1'],
      targetUid: '00000000-0000-4000-8000-000000000007',
      targetName: 'default/seven',
    })
    expect(slice.endpoints[0]).toMatchObject({ nodeName: undefined, zoneHints: undefined })
    expect(await named('EndpointSlice', 'bare')).toMatchObject({ ports: [], endpoints: [] })
  })

  test('a ServiceCIDR keeps its ranges (IN-60)', async () => {
    expect(await named('ServiceCIDR', 'kubernetes')).toMatchObject({
      metadata: { namespace: '' },
      cidrs: SERVICE_CIDRS.split(','),
    })
  })

  test('a Node keeps addresses, pod ranges and taints', async () => {
    expect(await named('Node', 'zoo-node')).toMatchObject({
      metadata: { labels: { 'topology.kubernetes.io/zone': 'zone-1' } },
      podCIDRs: ['10.244.77.0/24', 'fd00:10:244:77::/64'],
      addresses: [
        { type: 'InternalIP', address: '172.20.0.77' },
        { type: 'InternalIP', address: 'fd00:20::77' },
      ],
      taints: expect.arrayContaining([
        { key: 'ToBeDeletedByClusterAutoscaler', value: '1', effect: 'NoSchedule' },
        { key: 'bare', value: '', effect: 'NoExecute' },
      ]),
    })
  })
})
