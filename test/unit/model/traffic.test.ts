import { describe, expect, it } from 'vitest'
import type { FrontendClass, ServicePort } from '../../../control/model/service-port.ts'
import {
  admits,
  endpointsFor,
  isHairpin,
  masquerades,
  outcome,
  type TrafficSource,
} from '../../../control/model/traffic.ts'
import type { Service } from '../../../control/source/objects.ts'
import { endpoint, only, service, slice } from './build.ts'

const EXTERNAL = ['NodePort', 'ExternalIP', 'LoadBalancerIP'] as const
const PLAIN = { masqueradeAll: false, detectsLocal: true }

const everywhere: Partial<Service> = {
  type: 'LoadBalancer',
  ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30_080 }],
  externalIPs: ['198.51.100.7'],
  loadBalancerIngress: [{ ip: '203.0.113.7', ipMode: 'VIP' }],
}

/** A service port with one endpoint here (.1) and one elsewhere (.2). */
function portWith(internal: 'Cluster' | 'Local', external: 'Cluster' | 'Local'): ServicePort {
  return only(
    service('web', {
      ...everywhere,
      internalTrafficPolicy: internal,
      externalTrafficPolicy: external,
      healthCheckNodePort: 31_234,
    }),
    slice('s', 'web', [endpoint('10.0.0.1', { nodeName: 'n1' }), endpoint('10.0.0.2')]),
  )
}

interface Row {
  readonly rule: string
  readonly from: readonly TrafficSource[]
  readonly to: readonly FrontendClass[]
  readonly internal?: 'Cluster' | 'Local'
  readonly external?: 'Cluster' | 'Local'
  readonly options?: Partial<typeof PLAIN>
  readonly endpoints: 'all' | 'local'
  readonly masquerade: boolean
}

const ANY_SOURCE = ['pod', 'node', 'outside'] as const
const CLUSTER_IP = ['ClusterIP'] as const

const MATRIX: readonly Row[] = [
  {
    rule: 'M1: pod to ClusterIP',
    from: ['pod'],
    to: CLUSTER_IP,
    endpoints: 'all',
    masquerade: false,
  },
  {
    rule: 'M2: pod to ClusterIP, internal policy Local',
    from: ['pod'],
    to: CLUSTER_IP,
    internal: 'Local',
    endpoints: 'local',
    masquerade: false,
  },
  {
    rule: 'M3, M4: node and outside to ClusterIP',
    from: ['node', 'outside'],
    to: CLUSTER_IP,
    endpoints: 'all',
    masquerade: true,
  },
  {
    rule: 'M3, M4: the same with internal policy Local',
    from: ['node', 'outside'],
    to: CLUSTER_IP,
    internal: 'Local',
    endpoints: 'local',
    masquerade: true,
  },
  {
    rule: 'M5: anybody to an external class',
    from: ANY_SOURCE,
    to: EXTERNAL,
    endpoints: 'all',
    masquerade: true,
  },
  {
    rule: 'M6: pod to an external class, external policy Local',
    from: ['pod'],
    to: EXTERNAL,
    external: 'Local',
    endpoints: 'all',
    masquerade: false,
  },
  {
    rule: 'M7: node to an external class, external policy Local',
    from: ['node'],
    to: EXTERNAL,
    external: 'Local',
    endpoints: 'all',
    masquerade: true,
  },
  {
    rule: 'M8: outside to an external class, external policy Local',
    from: ['outside'],
    to: EXTERNAL,
    external: 'Local',
    endpoints: 'local',
    masquerade: false,
  },
  {
    rule: 'TR-12: the internal policy says nothing about external classes',
    from: ANY_SOURCE,
    to: EXTERNAL,
    internal: 'Local',
    endpoints: 'all',
    masquerade: true,
  },
  {
    rule: 'TR-12: the external policy says nothing about the ClusterIP',
    from: ['pod'],
    to: CLUSTER_IP,
    external: 'Local',
    endpoints: 'all',
    masquerade: false,
  },
  {
    rule: 'TR-10: masqueradeAll turns M1 and M2 around',
    from: ['pod'],
    to: CLUSTER_IP,
    internal: 'Local',
    options: { masqueradeAll: true },
    endpoints: 'local',
    masquerade: true,
  },
  {
    rule: 'TR-10: masqueradeAll changes nothing else (M6)',
    from: ['pod'],
    to: EXTERNAL,
    external: 'Local',
    options: { masqueradeAll: true },
    endpoints: 'all',
    masquerade: false,
  },
  {
    rule: 'TR-10: masqueradeAll changes nothing else (M8)',
    from: ['outside'],
    to: EXTERNAL,
    external: 'Local',
    options: { masqueradeAll: true },
    endpoints: 'local',
    masquerade: false,
  },
  {
    rule: 'TR-11: without detection M3 and M4 are not masqueraded',
    from: ['node', 'outside'],
    to: CLUSTER_IP,
    options: { detectsLocal: false },
    endpoints: 'all',
    masquerade: false,
  },
  {
    rule: 'TR-11: without detection M6 is like M8',
    from: ['pod'],
    to: EXTERNAL,
    external: 'Local',
    options: { detectsLocal: false },
    endpoints: 'local',
    masquerade: false,
  },
  {
    rule: 'TR-11: without detection M7 stays',
    from: ['node'],
    to: EXTERNAL,
    external: 'Local',
    options: { detectsLocal: false },
    endpoints: 'all',
    masquerade: true,
  },
  {
    rule: 'TR-11: without detection M5 stays',
    from: ANY_SOURCE,
    to: EXTERNAL,
    options: { detectsLocal: false },
    endpoints: 'all',
    masquerade: true,
  },
  {
    rule: 'TR-11: without detection masqueradeAll masquerades M1 to M4',
    from: ANY_SOURCE,
    to: CLUSTER_IP,
    options: { detectsLocal: false, masqueradeAll: true },
    endpoints: 'all',
    masquerade: true,
  },
]

describe('the matrix of sources, classes and policies', () => {
  it.each(MATRIX)('$rule', (row) => {
    const { internal = 'Cluster', external = 'Cluster', options } = row
    const port = portWith(internal, external)
    const settings = { ...PLAIN, ...options }
    for (const from of row.from) {
      for (const kind of row.to) {
        const flow = { class: kind, from }
        const addresses = endpointsFor(port, flow, settings).active.map(({ address }) => address)
        expect([from, kind, addresses]).toEqual([
          from,
          kind,
          row.endpoints === 'all' ? ['10.0.0.1', '10.0.0.2'] : ['10.0.0.1'],
        ])
        expect([from, kind, masquerades(port, flow, settings)]).toEqual([
          from,
          kind,
          row.masquerade,
        ])
      }
    }
  })

  it('M9: a flow that comes back to its own address is a hairpin', () => {
    expect(isHairpin('10.0.0.1', '10.0.0.1')).toBe(true)
    expect(isHairpin('10.0.0.1', '10.0.0.2')).toBe(false)
  })
})

describe('a new connection', () => {
  const some = portWith('Cluster', 'Cluster').internal.active
  it.each([
    { rule: 'goes to an endpoint that is ready', list: { active: some }, verdict: 'forward' },
    { rule: 'goes to one that terminates (EP-2)', list: { terminating: some }, verdict: 'forward' },
    {
      rule: 'is dropped where endpoints are elsewhere only (TR-21, TR-22)',
      list: { drop: true },
      verdict: 'drop',
    },
    { rule: 'is refused where there is no endpoint at all (TR-23)', list: {}, verdict: 'refuse' },
  ])('$rule', ({ list, verdict }) => {
    expect(outcome({ active: [], terminating: [], drop: false, ...list })).toBe(verdict)
  })
})

describe('source ranges', () => {
  const port = (ranges: string[], includeNode = false) => ({
    frontends: portWith('Cluster', 'Cluster').frontends,
    sourceRanges: ranges,
    sourceRangesIncludeNode: includeNode,
  })
  const inside = '192.0.2.77'
  const pod = '10.0.0.1'

  it.each([
    ['a source inside is let in (TR-31)', port(['192.0.2.0/24']), 'LoadBalancerIP', inside, true],
    [
      'a source in the second range is let in',
      port(['10.9.0.0/16', '192.0.2.0/24']),
      'LoadBalancerIP',
      inside,
      true,
    ],
    [
      'a source outside is dropped, endpoints or not (TR-31, TR-34)',
      port(['192.0.2.0/24']),
      'LoadBalancerIP',
      '192.0.3.1',
      false,
    ],
    [
      'a pod outside is dropped, short-circuit or not (TR-32)',
      port(['192.0.2.0/24']),
      'LoadBalancerIP',
      pod,
      false,
    ],
    ['no range lets everybody in', port([]), 'LoadBalancerIP', pod, true],
    ['a NodePort takes any source (TR-30)', port(['192.0.2.0/24']), 'NodePort', pod, true],
    ['an external IP takes any source (TR-30)', port(['192.0.2.0/24']), 'ExternalIP', pod, true],
    ['a ClusterIP takes any source (TR-30)', port(['192.0.2.0/24']), 'ClusterIP', pod, true],
    [
      'the VIP itself is a source where the node is inside (TR-33)',
      port(['192.0.2.0/24'], true),
      'LoadBalancerIP',
      '203.0.113.7',
      true,
    ],
    [
      'the VIP itself is none where the node is outside (TR-33)',
      port(['192.0.2.0/24']),
      'LoadBalancerIP',
      '203.0.113.7',
      false,
    ],
    [
      'an external IP is no source of that kind',
      port(['192.0.2.0/24'], true),
      'LoadBalancerIP',
      '198.51.100.7',
      false,
    ],
  ] as const)('%s', (_, given, kind, source, admitted) => {
    expect(admits(given, kind, source)).toBe(admitted)
  })
})
