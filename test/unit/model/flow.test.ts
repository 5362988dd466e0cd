import { describe, expect, it } from 'vitest'
import type { Endpoint, KubernetesObject, Service } from '../../../control/source/objects.ts'
import { endpoint, modelOf, node, remove, service, serviceCIDR, set, slice } from './build.ts'
import { type Fate, HOST, type Host, type Packet, trace } from './flow.ts'

/*
 * The scenarios by which kube-proxy's own rules are tested, packet by packet, for the decisions that all
 * modes share.
 */

const NODE = node(undefined, 'n1', {
  addresses: [
    { type: 'InternalIP', address: '192.0.2.10' },
    { type: 'InternalIP', address: 'fd00:2::10' },
  ],
})
const CLUSTER_IP = '10.96.0.1'
const EXTERNAL_IP = '198.51.100.7'
const VIP = '203.0.113.7'
const VIP_2 = '203.0.113.8'
const NODE_IP = '192.0.2.10'
const POD = '10.244.1.9'
const OUTSIDE = '198.18.0.1'
const NODE_PORT = 30_080

const HERE = '10.244.1.1:8080'
const THERE = '10.244.2.1:8080'
const here = (change: Partial<Endpoint> = {}) =>
  endpoint('10.244.1.1', { nodeName: 'n1', ...change })
const there = (change: Partial<Endpoint> = {}) => endpoint('10.244.2.1', change)
const terminating = { ready: false, serving: true, terminating: true }
const unusable = { ready: false, serving: false }

/** A Service with every class of address. */
const everywhere: Partial<Service> = {
  type: 'LoadBalancer',
  ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: NODE_PORT }],
  externalIPs: [EXTERNAL_IP],
  loadBalancerIngress: [
    { ip: VIP, ipMode: 'VIP' },
    { ip: VIP_2, ipMode: 'VIP' },
  ],
  healthCheckNodePort: 31_234,
}

const to = {
  clusterIP: { to: CLUSTER_IP, port: 80 },
  externalIP: { to: EXTERNAL_IP, port: 80 },
  nodePort: { to: NODE_IP, port: NODE_PORT },
  vip: { to: VIP, port: 80 },
  vip2: { to: VIP_2, port: 80 },
} as const

const EXTERNAL = ['nodePort', 'externalIP', 'vip'] as const

function fate(objects: readonly KubernetesObject[], packet: Packet, host?: Host): Fate {
  return trace(modelOf(NODE, ...objects), packet, host)
}

describe('a Service without endpoints', () => {
  it.each([
    ['a pod', POD, 'clusterIP'],
    ['outside', OUTSIDE, 'externalIP'],
    ['a pod', POD, 'nodePort'],
    ['outside', OUTSIDE, 'nodePort'],
    ['a pod', POD, 'vip'],
    ['outside', OUTSIDE, 'vip'],
    ['the node', NODE_IP, 'clusterIP'],
    ['the node', NODE_IP, 'vip'],
  ] as const)('refuses %s at %3$s (TR-23)', (_, from, where) => {
    expect(fate([service('web', everywhere)], { from, ...to[where] })).toBe('refuse')
  })
})

describe('a ClusterIP', () => {
  const protocols = (...all: string[]) => ({
    ports: all.map((protocol) => ({ name: 'p', protocol, port: 80, nodePort: 0 })),
  })
  const ports = (...all: [string, number][]) => ({
    ports: all.map(([protocol, port]) => ({ name: 'p', protocol, port })),
  })
  const web = service('web', protocols('TCP'))
  const one = slice('s', 'web', [here()], ports(['TCP', 8080]))
  const cidr = serviceCIDR('kubernetes', '10.96.0.0/16')

  it.each<[string, readonly KubernetesObject[], Packet, Fate]>([
    ['sends a pod to its endpoint', [web, one], { from: POD, ...to.clusterIP }, [HERE]],
    [
      'masquerades an endpoint that reaches itself (M9)',
      [web, one],
      { from: '10.244.1.1', ...to.clusterIP },
      [`${HERE} masq`],
    ],
    [
      'sends to any of several endpoints, and masquerades only the one that is the source (M9)',
      [web, slice('s', 'web', [here(), there()], ports(['TCP', 8080]))],
      { from: '10.244.1.1', ...to.clusterIP },
      [`${HERE} masq`, THERE],
    ],
    [
      'keeps its protocols apart on one port (TR-1, IN-8)',
      [
        service('web', protocols('TCP', 'UDP', 'SCTP')),
        slice('s', 'web', [here()], ports(['TCP', 1], ['UDP', 2], ['SCTP', 3])),
      ],
      { from: POD, ...to.clusterIP, protocol: 'UDP' },
      ['10.244.1.1:2'],
    ],
    [
      'refuses UDP to a port that is TCP alone (TR-1, TR-60)',
      [web, one],
      { from: POD, ...to.clusterIP, protocol: 'UDP' },
      'refuse',
    ],
    [
      'refuses the port of another Service (TR-1, TR-60)',
      [
        web,
        one,
        service('api', {
          clusterIP: '10.96.0.2',
          clusterIPs: ['10.96.0.2'],
          ports: [{ name: '', protocol: 'TCP', port: 443, nodePort: 0 }],
        }),
      ],
      { from: POD, to: CLUSTER_IP, port: 443 },
      'refuse',
    ],
    [
      'of nobody drops (TR-61)',
      [web, one, cidr],
      { from: POD, to: '10.96.0.99', port: 80 },
      'drop',
    ],
    [
      'of nobody outside of the ranges is none',
      [web, one, cidr],
      { from: POD, to: '10.97.0.1', port: 80 },
      'pass',
    ],
  ])('%s', (_, objects, packet, expected) => {
    expect(fate(objects, packet)).toEqual(expected)
  })
})

describe('source ranges of a load balancer with two addresses', () => {
  const limited = service('web', {
    ...everywhere,
    loadBalancerSourceRanges: ['192.0.2.0/24', '203.0.113.64/26'],
  })
  const objects = [limited, slice('s', 'web', [here(), there()])]
  const inside = '203.0.113.100'
  const both = [`${HERE} masq`, `${THERE} masq`]

  it.each<[string, string, keyof typeof to, Fate]>([
    ['let in a source inside (TR-31)', inside, 'vip', both],
    ['let it in at the second address, too (TR-31)', inside, 'vip2', both],
    ['drop a source outside (TR-31)', OUTSIDE, 'vip', 'drop'],
    ['drop it at the second address, too (TR-31)', OUTSIDE, 'vip2', 'drop'],
    ['do not concern the NodePort (TR-30)', OUTSIDE, 'nodePort', both],
    ['do not concern the external IP (TR-30)', OUTSIDE, 'externalIP', both],
    ['do not concern the ClusterIP (TR-30)', POD, 'clusterIP', [HERE, THERE]],
    ['drop a pod outside (TR-32)', POD, 'vip', 'drop'],
    ['let in the node, and masquerade it', NODE_IP, 'vip', both],
    ['let in the address itself as source, the node being inside (TR-33)', VIP, 'vip', both],
    ['let in the other address as source (TR-33)', VIP_2, 'vip', both],
  ])('%s', (_, from, where, expected) => {
    expect(fate(objects, { from, ...to[where] })).toEqual(expected)
  })

  it('are enforced without endpoints: outside is dropped, inside refused (TR-34)', () => {
    expect(fate([limited], { from: OUTSIDE, ...to.vip })).toBe('drop')
    expect(fate([limited], { from: inside, ...to.vip })).toBe('refuse')
  })
})

describe('NodePorts', () => {
  const dual = service('web', {
    type: 'NodePort',
    clusterIPs: [CLUSTER_IP, 'fd00:10:96::1'],
    ipFamilies: ['IPv4', 'IPv6'],
    ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: NODE_PORT }],
  })
  const objects = [
    dual,
    slice('s4', 'web', [there()]),
    slice('s6', 'web', [endpoint('fd00:10:244:2::1')], { addressType: 'IPv6' }),
  ]
  const FOUR: Fate = [`${THERE} masq`]
  const SIX: Fate = ['[fd00:10:244:2::1]:8080 masq']
  const serves = (change: Partial<Host>, address: string) => {
    const from = address.includes(':') ? 'fd00:9::9' : OUTSIDE
    return fate(objects, { from, to: address, port: NODE_PORT }, { ...HOST, ...change })
  }

  it.each<[string, Partial<Host>, Record<string, Fate>]>([
    [
      'nothing listed (TR-40)',
      {},
      {
        '192.0.2.10': FOUR,
        '192.0.2.11': FOUR,
        '127.0.0.1': 'pass',
        'fd00:2::10': SIX,
        'fd00:2::11': SIX,
        '::1': 'pass',
      },
    ],
    [
      'nothing listed, with localhost (TR-44, TR-45)',
      { localhostNodePorts: true },
      { '192.0.2.11': FOUR, '127.0.0.1': FOUR, '127.9.9.9': FOUR, '::1': 'pass' },
    ],
    [
      'both loopbacks listed, with localhost (TR-44, TR-45)',
      { localhostNodePorts: true, nodePortAddresses: ['127.0.0.0/8', '::1/128'] },
      { '192.0.2.10': 'pass', '127.0.0.1': FOUR, 'fd00:2::10': 'pass', '::1': 'pass' },
    ],
    [
      'both loopbacks listed, without localhost (TR-44, TR-45)',
      { nodePortAddresses: ['127.0.0.0/8', '::1/128'] },
      { '192.0.2.10': 'pass', '127.0.0.1': 'pass', '::1': 'pass' },
    ],
    [
      'a range of one address, the other family open (TR-41)',
      { nodePortAddresses: ['192.0.2.10/32'] },
      { '192.0.2.10': FOUR, '192.0.2.11': 'pass', 'fd00:2::10': SIX, 'fd00:2::11': SIX },
    ],
    [
      'several ranges of both families (TR-41)',
      { nodePortAddresses: ['192.0.2.10/32', '192.0.2.11/32', 'fd00:2::10/128'] },
      { '192.0.2.11': FOUR, 'fd00:2::10': SIX, 'fd00:2::11': 'pass' },
    ],
    [
      'primary (TR-42)',
      { nodePortAddresses: ['primary'] },
      { '192.0.2.10': FOUR, '192.0.2.11': 'pass', 'fd00:2::10': SIX, 'fd00:2::11': 'pass' },
    ],
  ])('are served with %s', (_, host, expected) => {
    for (const [address, want] of Object.entries(expected)) {
      expect([address, serves(host, address)]).toEqual([address, want])
    }
  })

  it('serve the ClusterIP of a pod whatever is listed', () => {
    const host = { ...HOST, nodePortAddresses: ['127.0.0.0/8'] }
    expect(fate(objects, { from: POD, ...to.clusterIP }, host)).toEqual([THERE])
  })

  it('are masqueraded on localhost, too (TR-44)', () => {
    const host = { ...HOST, localhostNodePorts: true }
    const packet = { from: '127.0.0.1', to: '127.0.0.1', port: NODE_PORT }
    expect(fate(objects, packet, host)).toEqual(FOUR)
  })
})

describe('the internal policy', () => {
  const policy = (internalTrafficPolicy: 'Cluster' | 'Local') =>
    service('web', { internalTrafficPolicy })
  const second = endpoint('10.244.1.2', { nodeName: 'n1' })

  it.each<[string, 'Cluster' | 'Local', Endpoint[], Fate]>([
    ['Cluster takes all', 'Cluster', [here(), there()], [HERE, THERE]],
    ['Local takes the one that is here', 'Local', [here(), there()], [HERE]],
    [
      'Local takes all that are here',
      'Local',
      [here(), second, there()],
      [HERE, '10.244.1.2:8080'],
    ],
    ['Local drops where none is here (TR-22)', 'Local', [there()], 'drop'],
    ['Local refuses where there is none at all (TR-23)', 'Local', [], 'refuse'],
  ])('%s', (_, internal, endpoints, expected) => {
    const objects = [policy(internal), slice('s', 'web', endpoints)]
    expect(fate(objects, { from: POD, ...to.clusterIP })).toEqual(expected)
  })

  it('Local refuses when the slices are deleted (TR-23)', () => {
    const model = modelOf(NODE, policy('Local'), slice('s', 'web', [there()]))
    expect(trace(model, { from: POD, ...to.clusterIP })).toBe('drop')
    model.apply(remove(slice('s', 'web', [])))
    expect(trace(model, { from: POD, ...to.clusterIP })).toBe('refuse')
  })
})

describe('endpoints that terminate', () => {
  const policies = (policy: 'Cluster' | 'Local') =>
    service('web', {
      ...everywhere,
      internalTrafficPolicy: policy,
      externalTrafficPolicy: policy,
    })
  const masq = (...names: string[]) => names.map((name) => `${name} masq`)

  /** What a pod finds at the ClusterIP, and outsiders at the load balancer. */
  it.each<[string, 'Cluster' | 'Local', Endpoint[], Fate, Fate]>([
    [
      'are not used while others are ready',
      'Cluster',
      [here(terminating), there()],
      [THERE],
      masq(THERE),
    ],
    [
      'are used when all do (EP-T13)',
      'Cluster',
      [here(terminating), there(terminating)],
      [HERE, THERE],
      masq(HERE, THERE),
    ],
    ['are not used when they do not serve', 'Cluster', [here(unusable)], 'refuse', 'refuse'],
    [
      'are not used while others are ready here',
      'Local',
      [here(terminating), endpoint('10.244.1.2', { nodeName: 'n1' }), there()],
      ['10.244.1.2:8080'],
      ['10.244.1.2:8080'],
    ],
    [
      'are used when all here do, though others are ready elsewhere (EP-3)',
      'Local',
      [here(terminating), there()],
      [HERE],
      [HERE],
    ],
    ['elsewhere alone are not used (TR-21, TR-22)', 'Local', [there(terminating)], 'drop', 'drop'],
    [
      'and do not serve, here and elsewhere, refuse (TR-23)',
      'Local',
      [here(unusable), there(unusable)],
      'refuse',
      'refuse',
    ],
  ])('%s: policy %s', (_, policy, endpoints, internal, external) => {
    const model = modelOf(NODE, policies(policy), slice('s', 'web', endpoints))
    expect(trace(model, { from: POD, ...to.clusterIP })).toEqual(internal)
    for (const where of EXTERNAL) {
      expect([where, trace(model, { from: OUTSIDE, ...to[where] })]).toEqual([where, external])
    }
    model.apply(set(slice('s', 'web', [])))
    for (const where of ['clusterIP', ...EXTERNAL] as const) {
      expect([where, trace(model, { from: OUTSIDE, ...to[where] })]).toEqual([where, 'refuse'])
    }
  })
})

describe('masquerading', () => {
  const MODES: Readonly<Record<string, Partial<Host>>> = {
    plain: {},
    'no detector': { clusterCIDR: '' },
    masqueradeAll: { masqueradeAll: true },
    both: { clusterCIDR: '', masqueradeAll: true },
  }
  const SOURCES = { pod: POD, node: NODE_IP, outside: OUTSIDE }
  const endpoints = slice('s', 'web', [here(), there()])

  /** C or L: the list that is used; m: masqueraded. In the order of MODES. */
  const MATRIX: [
    string,
    keyof typeof SOURCES,
    'ClusterIP' | 'external',
    'Cluster' | 'Local',
    string,
  ][] = [
    ['M1', 'pod', 'ClusterIP', 'Cluster', 'C C Cm Cm'],
    ['M2', 'pod', 'ClusterIP', 'Local', 'L L Lm Lm'],
    ['M3', 'node', 'ClusterIP', 'Cluster', 'Cm C Cm Cm'],
    ['M3', 'node', 'ClusterIP', 'Local', 'Lm L Lm Lm'],
    ['M4', 'outside', 'ClusterIP', 'Cluster', 'Cm C Cm Cm'],
    ['M4', 'outside', 'ClusterIP', 'Local', 'Lm L Lm Lm'],
    ['M5', 'pod', 'external', 'Cluster', 'Cm Cm Cm Cm'],
    ['M5', 'node', 'external', 'Cluster', 'Cm Cm Cm Cm'],
    ['M5', 'outside', 'external', 'Cluster', 'Cm Cm Cm Cm'],
    ['M6', 'pod', 'external', 'Local', 'C L C L'],
    ['M7', 'node', 'external', 'Local', 'Cm Cm Cm Cm'],
    ['M8', 'outside', 'external', 'Local', 'L L L L'],
  ]

  it.each(MATRIX)(
    '%s: %s to %s, policy %s: %s (TR-10, TR-11, TR-20)',
    (_, source, kind, policy, expected) => {
      const both = { internalTrafficPolicy: policy, externalTrafficPolicy: policy }
      const model = modelOf(NODE, service('web', { ...everywhere, ...both }), endpoints)
      for (const where of kind === 'ClusterIP' ? (['clusterIP'] as const) : EXTERNAL) {
        const found = Object.values(MODES).map((host) => {
          const packet = { from: SOURCES[source], ...to[where] }
          const names = trace(model, packet, { ...HOST, ...host })
          if (typeof names === 'string') return names
          return `${names.length === 2 ? 'C' : 'L'}${names.every((name) => name.endsWith('masq')) ? 'm' : ''}`
        })
        expect([where, found.join(' ')]).toEqual([where, expected])
      }
    },
  )
})
