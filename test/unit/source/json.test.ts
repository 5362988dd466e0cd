import { describe, expect, it } from 'vitest'
import { decodeObject } from '../../../control/source/decode/json.ts'
import type { Kind } from '../../../control/source/objects.ts'
import { StringPool } from '../../../control/source/string-pool.ts'

const decode = (kind: Kind, value: unknown) => decodeObject(kind, value, new StringPool())

const service = (spec: object, metadata: object = {}) =>
  decode('Service', { metadata: { name: 'web', ...metadata }, spec })

describe('what the API server would have filled in (kube-proxy.md 1.4)', () => {
  it('of a Service', () => {
    expect(service({ clusterIP: '10.96.0.1', ports: [{ port: 80 }] })).toMatchObject({
      metadata: { namespace: 'default', labels: {}, annotations: {} },
      type: 'ClusterIP',
      ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 0 }],
      internalTrafficPolicy: 'Cluster',
      externalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      sessionAffinitySeconds: 0,
      healthCheckNodePort: 0,
    })
  })

  it('is no time of creation, unless one is given', () => {
    for (const [creationTimestamp, seconds] of [
      [undefined, 0],
      [null, 0],
      ['2026-01-31T12:00:00Z', 1_769_860_800],
    ]) {
      expect(service({}, { creationTimestamp })).toMatchObject({
        metadata: { creationTimestamp: seconds },
      })
    }
  })

  it('is 3 hours of affinity, where ClientIP is asked for and no time is given', () => {
    expect(service({ sessionAffinity: 'ClientIP' })).toMatchObject({
      sessionAffinitySeconds: 10_800,
    })
    const sessionAffinityConfig = { clientIP: { timeoutSeconds: 5 } }
    expect(service({ sessionAffinity: 'ClientIP', sessionAffinityConfig })).toMatchObject({
      sessionAffinitySeconds: 5,
    })
  })

  it('is the first cluster IP and the families of all', () => {
    expect(service({ clusterIPs: ['fd00::1', '10.96.0.1'] })).toMatchObject({
      clusterIP: 'fd00::1',
      ipFamilies: ['IPv6', 'IPv4'],
    })
    expect(service({ clusterIPs: ['None'] })).toMatchObject({ clusterIP: 'None', ipFamilies: [] })
  })

  it('is the mode VIP of a load balancer address, and none of a hostname', () => {
    const status = {
      loadBalancer: { ingress: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2', ipMode: 'Proxy' }, {}] },
    }
    expect(decode('Service', { metadata: { name: 'web' }, status })).toMatchObject({
      loadBalancerIngress: [
        { ip: '192.0.2.1', ipMode: 'VIP' },
        { ip: '192.0.2.2', ipMode: 'Proxy' },
        { ip: '', ipMode: '' },
      ],
    })
  })

  it('of an endpoint without conditions is that it is ready (IN-25); null is absent', () => {
    const endpoints = [{ addresses: ['10.0.0.1', '10.0.0.2'], conditions: { ready: null } }]
    const slice = { metadata: { name: 's' }, addressType: 'IPv4', endpoints, ports: null }
    expect(decode('EndpointSlice', slice)).toMatchObject({
      endpoints: [{ address: '10.0.0.1', ready: true, serving: true, terminating: false }],
      ports: [],
    })
  })
})

describe('an endpoint', () => {
  const endpoints = (...given: readonly object[]) =>
    decode('EndpointSlice', { metadata: { name: 's' }, addressType: 'IPv4', endpoints: given })

  it('has the first of its addresses, and is none without (IN-24)', () => {
    const several = { addresses: ['10.0.0.1', '10.0.0.2'] }
    expect(endpoints(several, { addresses: [] }, {})).toMatchObject({
      endpoints: [{ address: '10.0.0.1' }],
    })
  })

  it('has hints for zones and for nodes; an empty list is none (IN-27)', () => {
    const forZones = [{ name: 'a' }, { name: 'b' }]
    expect(
      endpoints(
        { addresses: ['10.0.0.1'], hints: { forZones, forNodes: [{ name: 'n1' }] } },
        { addresses: ['10.0.0.2'], hints: { forZones: [], forNodes: null } },
        { addresses: ['10.0.0.3'], hints: {} },
      ),
    ).toMatchObject({
      endpoints: [
        { zoneHints: ['a', 'b'], nodeHints: ['n1'] },
        { zoneHints: undefined, nodeHints: undefined },
        { zoneHints: undefined, nodeHints: undefined },
      ],
    })
  })
})

describe('labels and annotations', () => {
  it('are kept where kproxy reads them, and dropped where not', () => {
    const labels = { app: 'web', 'service.kubernetes.io/service-proxy-name': '' }
    const annotations = { 'kproxy.dev/scheduler': 'mh', 'kubectl.kubernetes.io/last': '{}' }
    expect(service({}, { labels, annotations }).metadata).toMatchObject({
      labels: { 'service.kubernetes.io/service-proxy-name': '' },
      annotations: { 'kproxy.dev/scheduler': 'mh' },
    })
    const { labels: kept } = service({}, { labels }).metadata
    expect(Object.keys(kept)).toEqual(['service.kubernetes.io/service-proxy-name'])
  })

  it('of a slice include when its cause happened (IN-33)', () => {
    const at = '2026-01-31T12:00:00.123456789Z'
    const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': at }
    const slice = { metadata: { name: 's', annotations }, addressType: 'IPv4' }
    expect(decode('EndpointSlice', slice).metadata.annotations).toEqual(annotations)
  })
})

describe('a field of the wrong type is named, with its value and what belongs there', () => {
  const cases: readonly (readonly [Kind, object, string])[] = [
    ['Service', { metadata: [] }, 'metadata is a list: write a mapping'],
    ['Service', { metadata: {} }, 'metadata.name is missing: write a string that is not empty'],
    [
      'Service',
      { spec: { ports: [{ port: '80' }] } },
      'spec.ports[0].port is "80": write a whole number',
    ],
    [
      'Service',
      { spec: { ports: [{ port: 80 }, { name: 'b' }] } },
      'spec.ports[1].port is missing: write the port that clients use',
    ],
    ['Service', { spec: { ports: { port: 80 } } }, 'spec.ports is a mapping: write a list'],
    ['Service', { spec: { ports: [80] } }, 'spec.ports[0] is 80: write a mapping'],
    ['Service', { spec: { clusterIPs: [1] } }, 'spec.clusterIPs[0] is 1: write a string'],
    [
      'Service',
      { spec: { clusterIP: 10.96 } },
      'spec.clusterIP is 10.96: write a string (in quotes where YAML would read something else)',
    ],
    [
      'Service',
      { spec: { internalTrafficPolicy: 'local' } },
      'spec.internalTrafficPolicy is "local": write Cluster or Local',
    ],
    [
      'Service',
      { spec: { sessionAffinity: 'Cookie' } },
      'spec.sessionAffinity is "Cookie": write None or ClientIP',
    ],
    [
      'Service',
      { metadata: { name: 'x', deletionTimestamp: 'yesterday' } },
      'metadata.deletionTimestamp is "yesterday": write a time such as 2026-01-31T12:00:00Z',
    ],
    [
      'Service',
      { metadata: { name: 'x', creationTimestamp: 'today' } },
      'metadata.creationTimestamp is "today": write a time such as 2026-01-31T12:00:00Z',
    ],
    [
      'ServiceCIDR',
      { spec: { cidrs: '10.96.0.0/16' } },
      'spec.cidrs is "10.96.0.0/16": write a list',
    ],
    ['EndpointSlice', {}, 'addressType is missing: write IPv4 or IPv6'],
    [
      'EndpointSlice',
      { addressType: 'IPv4', endpoints: [{ addresses: ['a'], conditions: { ready: 'yes' } }] },
      'endpoints[0].conditions.ready is "yes": write true or false',
    ],
    [
      'Node',
      { spec: { taints: [{ key: 'k', effect: ['x'] }] } },
      'spec.taints[0].effect is a list: write a string (in quotes where YAML would read something else)',
    ],
  ]

  it.each(cases)('%s %j', (kind, parts, message) => {
    expect(() => decode(kind, { metadata: { name: 'x' }, ...parts })).toThrow(message)
  })

  it('and a long value is cut', () => {
    expect(() => service({ ports: 'x'.repeat(1_000) })).toThrow(
      /^spec\.ports is "x{59}\.\.\.: write/,
    )
  })
})
