import { describe, expect, it } from 'vitest'
import type { Endpoint, KubernetesObject, Service } from '../../../control/source/objects.ts'
import { endpoint, node, only, service, slice } from './build.ts'

const zones = (...names: string[]) => ({ zoneHints: names })
const nodes = (...names: string[]) => ({ nodeHints: names })
const local = { nodeName: 'n1' }
const unready = { ready: false, serving: false }
const terminating = { ready: false, serving: true, terminating: true }
const withNodePort: Partial<Service> = {
  type: 'NodePort',
  ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30_080 }],
}

interface Case {
  readonly rule: string
  readonly service?: Partial<Service>
  readonly zone?: string
  readonly endpoints: readonly Partial<Endpoint>[]
  readonly internal?: { active?: number[]; terminating?: number[]; drop?: boolean }
  readonly external?: { active?: number[]; terminating?: number[]; drop?: boolean }
  /** What the short-circuit uses; as `internal` unless given. */
  readonly cluster?: { active?: number[]; terminating?: number[]; drop?: boolean }
}

/** Endpoints are numbered from 1 in the order given; lists name those numbers. */
const CASES: readonly Case[] = [
  {
    rule: 'EP-T1: zone hints keep the endpoints of this zone',
    zone: 'a',
    endpoints: [zones('a'), zones('b'), zones('c'), zones('a')],
    internal: { active: [1, 4] },
  },
  {
    rule: 'EP-T2: one ready endpoint without a hint switches hints off',
    zone: 'a',
    endpoints: [zones('a'), zones('b'), {}, zones('a')],
    internal: { active: [1, 2, 3, 4] },
  },
  {
    rule: 'EP-T3: no endpoint for this zone means all',
    zone: 'b',
    endpoints: [zones('a'), zones('a')],
    internal: { active: [1, 2] },
  },
  {
    rule: 'EP-T4: hints of endpoints that are not ready do not count',
    zone: 'a',
    endpoints: [{ ...unready, ...zones('a') }, zones('b'), zones('c')],
    internal: { active: [2, 3] },
  },
  {
    rule: 'EP-T5: node hints for all, one for this node',
    endpoints: [nodes('n1'), nodes('n2'), nodes('n3')],
    internal: { active: [1] },
  },
  {
    rule: 'EP-T6: node hints for all, none for this node: the zone decides',
    zone: 'a',
    endpoints: [
      { ...nodes('n2'), ...zones('a') },
      { ...nodes('n3'), ...zones('b') },
    ],
    internal: { active: [1] },
  },
  {
    rule: 'EP-T7: hints never filter the local list',
    zone: 'a',
    service: { ...withNodePort, externalTrafficPolicy: 'Local' },
    endpoints: [{ ...local, ...zones('a') }, { ...local, ...zones('b') }, zones('a'), zones('b')],
    internal: { active: [1, 3] },
    external: { active: [1, 2] },
  },
  {
    rule: 'EP-T8: internal policy Local without local endpoints drops (TR-22)',
    service: { internalTrafficPolicy: 'Local' },
    endpoints: [{}, {}],
    internal: { drop: true },
  },
  {
    rule: 'EP-T9: both policies Local, all remote and terminating: still a drop (EP-5, EP-9)',
    service: {
      ...withNodePort,
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
    },
    endpoints: [terminating, terminating],
    internal: { drop: true },
    external: { drop: true },
    cluster: { terminating: [1, 2] },
  },
  {
    rule: 'EP-T10: the local list falls back to terminating ones by itself (EP-4)',
    service: { ...withNodePort, externalTrafficPolicy: 'Local' },
    endpoints: [{}, { ...local, ...terminating }, terminating, { ...local, ...unready }],
    internal: { active: [1], terminating: [2, 3] },
    external: { terminating: [2] },
  },
  {
    rule: 'EP-3, EP-4: each list falls back by itself: here the cluster list does, and no local one is left',
    service: { ...withNodePort, externalTrafficPolicy: 'Local' },
    endpoints: [terminating, terminating, { ...local, ...unready }],
    internal: { terminating: [1, 2] },
    external: { drop: true },
  },
  {
    rule: 'EP-1: without endpoints all lists are empty and refuse',
    service: {
      ...withNodePort,
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
    },
    endpoints: [],
    internal: {},
    external: {},
    cluster: {},
  },
  {
    rule: 'EP-7: a node without a zone never uses zone hints',
    endpoints: [zones('a'), zones('')],
    internal: { active: [1, 2] },
  },
  {
    rule: 'EP-7: node hints that name no node hereabouts fall to all, where zones do not decide',
    zone: 'a',
    endpoints: [
      { ...nodes('n2'), ...zones('a') },
      { ...nodes('n3'), zoneHints: undefined },
    ],
    internal: { active: [1, 2] },
  },
  {
    rule: 'EP-6: one endpoint may be for several zones',
    zone: 'b',
    endpoints: [zones('a', 'b'), zones('c'), zones('b')],
    internal: { active: [1, 3] },
  },
  {
    rule: 'EP-6: hints say nothing about terminating endpoints, which serve for all',
    zone: 'a',
    endpoints: [
      { ...terminating, ...zones('a') },
      { ...terminating, ...zones('b') },
    ],
    internal: { terminating: [1, 2] },
  },
  {
    rule: 'EP-8: hints count for the external classes, too',
    zone: 'a',
    service: withNodePort,
    endpoints: [zones('a'), zones('b')],
    internal: { active: [1] },
    external: { active: [1] },
  },
  {
    rule: 'TR-12, EP-9: internal policy Local leaves external traffic and the short-circuit alone',
    service: { ...withNodePort, internalTrafficPolicy: 'Local' },
    endpoints: [{}, local],
    internal: { active: [2] },
    external: { active: [1, 2] },
    cluster: { active: [1, 2] },
  },
  {
    rule: 'TR-20: the short-circuit works without a local endpoint, where outsiders are dropped (TR-21)',
    service: { ...withNodePort, externalTrafficPolicy: 'Local' },
    endpoints: [{}, {}],
    internal: { active: [1, 2] },
    external: { drop: true },
    cluster: { active: [1, 2] },
  },
  {
    rule: 'TR-23: nothing usable anywhere is refused for every class, whatever the policies',
    service: {
      ...withNodePort,
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
    },
    endpoints: [unready, { ...local, ...unready }],
    internal: {},
    external: {},
    cluster: {},
  },
  {
    rule: 'EP-T11: external policy Local means nothing without an external address (IN-11)',
    service: { externalTrafficPolicy: 'Local' },
    endpoints: [{}, {}],
    internal: { active: [1, 2] },
    external: { active: [1, 2] },
  },
  {
    rule: 'EP-T12: nothing usable anywhere is refused, not dropped (TR-23)',
    service: { internalTrafficPolicy: 'Local' },
    endpoints: [unready, unready],
    internal: { drop: false },
  },
  {
    rule: 'EP-T13: all terminating and serving: all of them serve',
    endpoints: [terminating, terminating],
    internal: { terminating: [1, 2] },
  },
  {
    rule: 'EP-7: one ready endpoint without a node hint switches node hints off',
    endpoints: [nodes('n1'), {}, nodes('n1', 'n3')],
    internal: { active: [1, 2, 3] },
  },
  {
    rule: 'EP-6: one endpoint may be for several nodes',
    endpoints: [nodes('n2', 'n1'), nodes('n3'), nodes('n1')],
    internal: { active: [1, 3] },
  },
  {
    rule: 'EP-6: node hints come before zone hints',
    zone: 'a',
    endpoints: [
      { ...nodes('n2'), ...zones('a') },
      { ...nodes('n1'), ...zones('b') },
    ],
    internal: { active: [2] },
  },
  {
    rule: 'EP-5: both policies Local, some endpoints here: both use those',
    service: {
      ...withNodePort,
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
    },
    endpoints: [{}, local, {}],
    internal: { active: [2] },
    external: { active: [2] },
    cluster: { active: [1, 2, 3] },
  },
  {
    rule: 'EP-5: internal policy Local alone, none here: a drop inside, all outside',
    service: { ...withNodePort, internalTrafficPolicy: 'Local' },
    endpoints: [{}, {}],
    internal: { drop: true },
    external: { active: [1, 2] },
    cluster: { active: [1, 2] },
  },
  {
    rule: 'IN-25: ready counts as written, also beside terminating and without serving',
    endpoints: [{ ready: true, serving: false, terminating: true }, terminating],
    internal: { active: [1], terminating: [2] },
  },
  {
    rule: 'EP-4: not ready, serving, but not terminating is never used',
    endpoints: [{ ready: false, serving: true }],
    internal: {},
  },
]

describe('endpoint selection', () => {
  it.each(CASES)('$rule', (given) => {
    const { service: change = {}, zone, endpoints, internal, external, cluster = internal } = given
    const objects: KubernetesObject[] = [
      node(zone),
      service('web', change),
      slice(
        'a',
        'web',
        endpoints.map((e, index) => endpoint(`10.0.0.${index + 1}`, e)),
      ),
    ]
    const port = only(...objects)
    const numbers = (list: readonly { address: string }[]) =>
      list.map((backend) => Number(backend.address.split('.')[3]))
    for (const [want, list] of [
      [internal, port.internal],
      [external, port.external],
      [cluster, port.cluster],
    ] as const) {
      if (want === undefined) continue
      expect(numbers(list.active)).toEqual(want.active ?? [])
      expect(numbers(list.terminating)).toEqual(want.terminating ?? [])
      expect(list.drop).toBe(want.drop ?? false)
    }
  })
})

describe('lists that are equal', () => {
  const both: Partial<Service> = {
    ...withNodePort,
    internalTrafficPolicy: 'Local',
    externalTrafficPolicy: 'Local',
  }
  const lists = (change: Partial<Service>, ...endpoints: readonly Partial<Endpoint>[]) => {
    const all = endpoints.map((e, index) => endpoint(`10.0.0.${index + 1}`, e))
    const { internal, external, cluster } = only(service('web', change), slice('a', 'web', all))
    return { internal, external, cluster }
  }

  it.each<[string, Partial<Service>, readonly Partial<Endpoint>[]]>([
    ['a port with a ClusterIP only', {}, [{}, local]],
    ['the same with internal policy Local', { internalTrafficPolicy: 'Local' }, [{}, local]],
    ['policies that are both Cluster', withNodePort, [{}, local]],
    ['policies that are both Local, when all endpoints are local', both, [local, local]],
    ['policies that are both Local, without endpoints', both, []],
  ])('are one object: %s', (_, change, endpoints) => {
    const { internal, external, cluster } = lists(change, ...endpoints)
    expect(external).toBe(internal)
    expect(cluster).toBe(internal)
  })

  it('are one object pair by pair, where only two of the three are equal', () => {
    const { internal, external, cluster } = lists(both, {}, local)
    expect(external).toBe(internal)
    expect(cluster).not.toBe(internal)
    const other = lists({ ...withNodePort, externalTrafficPolicy: 'Local' }, {}, local)
    expect(other.cluster).toBe(other.internal)
    expect(other.external).not.toBe(other.internal)
  })
})

describe('policies in effect', () => {
  it.each<[string, Partial<Service>, string, string]>([
    ['default', withNodePort, 'Cluster', 'Cluster'],
    [
      'Local for both',
      { ...withNodePort, internalTrafficPolicy: 'Local', externalTrafficPolicy: 'Local' },
      'Local',
      'Local',
    ],
    [
      'Local without an external frontend (IN-11)',
      { externalTrafficPolicy: 'Local' },
      'Cluster',
      'Cluster',
    ],
  ])('are told with the port: %s', (_, change, internal, external) => {
    const { internalPolicy, externalPolicy } = only(service('web', change))
    expect([internalPolicy, externalPolicy]).toEqual([internal, external])
  })
})
