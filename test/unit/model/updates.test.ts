import { describe, expect, it } from 'vitest'
import { backendName } from '../../../control/model/held-slice.ts'
import type { ServicePortChange } from '../../../control/model/service-port.ts'
import type { KubernetesObject, Service } from '../../../control/source/objects.ts'
import type { SourceEvent } from '../../../control/source/source.ts'
import { endpoint, modelOf, remove, service, set, slice } from './build.ts'

/*
 * What one event after another makes of service ports: the scenarios of kube-proxy's tests of its Service
 * and endpoint maps.
 */

const port = (name: string, number: number, protocol = 'TCP') => ({
  name,
  protocol,
  port: number,
  nodePort: 0,
})

/** Changes as text: "-" and the port's name for one that goes, the endpoints of one that is. */
function told(changes: readonly ServicePortChange[]): Record<string, string | readonly string[]> {
  return Object.fromEntries(
    changes.map((change) => [
      change.key.replace('default/web:', '').replace('/4', ''),
      change.type === 'delete' ? 'gone' : change.port.internal.active.map(backendName),
    ]),
  )
}

interface Update {
  readonly what: string
  readonly before: readonly KubernetesObject[]
  readonly events: readonly SourceEvent[]
  readonly changes: Record<string, string | readonly string[]>
}

function expectEach(updates: readonly Update[]): void {
  it.each(updates)('$what', ({ before, events, changes }) => {
    const model = modelOf(...before)
    model.take()
    for (const event of events) model.apply(event)
    expect(told(model.take())).toEqual(changes)
  })
}

describe('a Service', () => {
  const web = service('web', { ports: [port('a', 80), port('b', 81)] })
  const like = (change: Partial<Service>) => ({ ...web, ...change })

  expectEach([
    { what: 'appears', before: [], events: [set(web)], changes: { 'a/TCP': [], 'b/TCP': [] } },
    {
      what: 'goes (IN-6)',
      before: [web],
      events: [remove(web)],
      changes: { 'a/TCP': 'gone', 'b/TCP': 'gone' },
    },
    {
      what: 'becomes headless (IN-3)',
      before: [web],
      events: [set(like({ clusterIP: 'None', clusterIPs: ['None'] }))],
      changes: { 'a/TCP': 'gone', 'b/TCP': 'gone' },
    },
    {
      what: 'was headless (IN-3)',
      before: [like({ clusterIP: 'None', clusterIPs: ['None'] })],
      events: [set(web)],
      changes: { 'a/TCP': [], 'b/TCP': [] },
    },
    {
      what: 'becomes an ExternalName (IN-3)',
      before: [web],
      events: [set(like({ type: 'ExternalName' }))],
      changes: { 'a/TCP': 'gone', 'b/TCP': 'gone' },
    },
    {
      what: 'loses a port and gains one (IN-12)',
      before: [web],
      events: [set(like({ ports: [port('a', 80), port('c', 82)] }))],
      changes: { 'b/TCP': 'gone', 'c/TCP': [] },
    },
    {
      what: 'gains the same port for another protocol (IN-8)',
      before: [web],
      events: [set(like({ ports: [port('a', 80), port('b', 81), port('a', 80, 'UDP')] }))],
      changes: { 'a/UDP': [] },
    },
    {
      what: 'gets an address of a load balancer',
      before: [web],
      events: [
        set(like({ type: 'LoadBalancer', loadBalancerIngress: [{ ip: '192.0.2.1', ipMode: '' }] })),
      ],
      changes: { 'a/TCP': [], 'b/TCP': [] },
    },
    {
      what: 'is deleted and created between two looks (IN-12)',
      before: [web],
      events: [remove(web), set(web)],
      changes: {},
    },
    {
      what: 'comes and goes between two looks (IN-12)',
      before: [],
      events: [set(web), remove(web)],
      changes: {},
    },
  ])
})

describe('EndpointSlices', () => {
  const web = service('web', { ports: [port('a', 80), port('b', 81)] })
  const ports = (...all: [string, number, string?][]) => ({
    ports: all.map(([name, number, protocol = 'TCP']) => ({ name, protocol, port: number })),
  })
  const one = slice('s1', 'web', [endpoint('10.0.0.1')], ports(['a', 8080]))
  const two = slice('s2', 'web', [endpoint('10.0.0.2')], ports(['b', 8081]))

  expectEach([
    {
      what: 'appear, for one port each (IN-22)',
      before: [web],
      events: [set(one), set(two)],
      changes: { 'a/TCP': ['10.0.0.1:8080'], 'b/TCP': ['10.0.0.2:8081'] },
    },
    {
      what: 'of one port in two: one goes (IN-22)',
      before: [web, one, slice('s2', 'web', [endpoint('10.0.0.2')], ports(['a', 8080]))],
      events: [remove(one)],
      changes: { 'a/TCP': ['10.0.0.2:8080'] },
    },
    {
      what: 'gain an endpoint',
      before: [web, one],
      events: [set({ ...one, endpoints: [endpoint('10.0.0.1'), endpoint('10.0.0.3')] })],
      changes: { 'a/TCP': ['10.0.0.1:8080', '10.0.0.3:8080'] },
    },
    {
      what: 'gain a port (IN-22)',
      before: [web, one],
      events: [set({ ...one, ...ports(['a', 8080], ['b', 8081]) })],
      changes: { 'b/TCP': ['10.0.0.1:8081'] },
    },
    {
      what: 'rename a port (IN-22)',
      before: [web, one],
      events: [set({ ...one, ...ports(['b', 8080]) })],
      changes: { 'a/TCP': [], 'b/TCP': ['10.0.0.1:8080'] },
    },
    {
      what: 'renumber a port (IN-23)',
      before: [web, one],
      events: [set({ ...one, ...ports(['a', 9090]) })],
      changes: { 'a/TCP': ['10.0.0.1:9090'] },
    },
    {
      what: 'change the protocol of a port (IN-22)',
      before: [web, one],
      events: [set({ ...one, ...ports(['a', 8080, 'UDP']) })],
      changes: { 'a/TCP': [] },
    },
    {
      what: 'have other numbers for the same name (IN-23)',
      before: [web, one],
      events: [set(slice('s2', 'web', [endpoint('10.0.0.2')], ports(['a', 9090])))],
      changes: { 'a/TCP': ['10.0.0.1:8080', '10.0.0.2:9090'] },
    },
    {
      what: 'hand an endpoint from one to the other (IN-31)',
      before: [web, one],
      events: [set(slice('s3', 'web', [endpoint('10.0.0.1')], ports(['a', 8080]))), remove(one)],
      changes: {},
    },
    { what: 'go', before: [web, one], events: [remove(one)], changes: { 'a/TCP': [] } },
    {
      what: 'change in what nobody reads',
      before: [web, one],
      events: [
        set({ ...one, metadata: { ...one.metadata, resourceVersion: '2', uid: 'another' } }),
      ],
      changes: {},
    },
  ])
})
