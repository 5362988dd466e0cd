import { expect, it } from 'vitest'
import { fingerprint } from '../../../control/model/fingerprint.ts'
import type { EndpointList, ServicePort } from '../../../control/model/service-port.ts'

const list = (...hosts: readonly number[]): EndpointList => ({
  active: hosts.map((host) => ({
    address: `10.0.0.${host}`,
    port: 8080,
    local: false,
    targetUid: '',
    targetName: '',
    zone: '',
  })),
  terminating: [],
  drop: false,
})

const [one, two, three] = [list(1), list(2), list(3)]

const PORT: ServicePort = {
  key: 'default/web:/TCP/4',
  namespace: 'default',
  name: 'web',
  portName: '',
  protocol: 'TCP',
  family: 4,
  frontends: [{ class: 'ClusterIP', address: '10.96.0.1', port: 80 }],
  internal: one,
  external: two,
  cluster: three,
  internalPolicy: 'Cluster',
  externalPolicy: 'Cluster',
  affinitySeconds: 0,
  scheduler: 'random',
  sourceRanges: [],
  sourceRangesIncludeNode: false,
}

const backend = one.active[0] as (typeof one.active)[0]
const oneBut = (change: Partial<typeof backend>): EndpointList => {
  return { ...one, active: [{ ...backend, ...change }] }
}

it.each<[string, Partial<ServicePort>]>([
  [
    'the class of a frontend',
    { frontends: [{ class: 'ExternalIP', address: '10.96.0.1', port: 80 }] },
  ],
  [
    'the address of a frontend',
    { frontends: [{ class: 'ClusterIP', address: '10.96.0.2', port: 80 }] },
  ],
  [
    'the port of a frontend',
    { frontends: [{ class: 'ClusterIP', address: '10.96.0.1', port: 81 }] },
  ],
  [
    'another frontend',
    { frontends: [...PORT.frontends, { class: 'NodePort', address: '0.0.0.0', port: 80 }] },
  ],
  ['the internal list', { internal: list(4) }],
  ['the external list', { external: list(4) }],
  ['the cluster list', { cluster: list(4) }],
  ['an external list that is the internal one', { external: one }],
  ['a cluster list that is the internal one', { cluster: one }],
  ['a cluster list that is the external one', { cluster: two }],
  ['a list that drops', { external: { ...two, drop: true } }],
  ['an endpoint that terminates', { internal: { ...one, active: [], terminating: one.active } }],
  ['the address of an endpoint', { internal: oneBut({ address: '10.0.0.4' }) }],
  ['the port of an endpoint', { internal: oneBut({ port: 8081 }) }],
  ['the place of an endpoint', { internal: oneBut({ local: true }) }],
  ['the pod of an endpoint', { internal: oneBut({ targetUid: 'another' }) }],
  ['an endpoint besides', { besides: two.active }],
  ['the internal policy', { internalPolicy: 'Local' }],
  ['the external policy', { externalPolicy: 'Local' }],
  ['the affinity', { affinitySeconds: 1 }],
  ['the scheduler', { scheduler: 'rr' }],
  ['a source range', { sourceRanges: ['10.0.0.0/8'] }],
  ['the node among the sources', { sourceRangesIncludeNode: true }],
])('a fingerprint tells apart %s', (_, change) => {
  expect(fingerprint({ ...PORT, ...change })).not.toBe(fingerprint(PORT))
})

it('a fingerprint is the same for the same content, and an exact number', () => {
  expect(fingerprint(structuredClone(PORT))).toBe(fingerprint(PORT))
  expect(Number.isSafeInteger(fingerprint(PORT))).toBe(true)
})
