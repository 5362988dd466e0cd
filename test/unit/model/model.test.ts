import { describe, expect, it } from 'vitest'
import { Model } from '../../../control/model/model.ts'
import {
  active,
  endpoint,
  modelOf,
  node,
  remove,
  service,
  serviceCIDR,
  set,
  slice,
} from './build.ts'

describe('Model', () => {
  it('is synced when both lists are complete; the Node is no gate (IN-4)', () => {
    const model = new Model({ nodeName: 'n1' })
    expect(model.synced).toBe(false)
    model.apply({ type: 'synced', kind: 'Service' })
    expect(model.synced).toBe(false)
    model.apply({ type: 'synced', kind: 'EndpointSlice' })
    expect(model.synced).toBe(true)
  })

  it('says nothing when an object is delivered again (IN-5, IN-32)', () => {
    const web = service('web')
    const a = slice('a', 'web', [endpoint('10.0.0.1')])
    const model = modelOf(web, a)
    expect(model.take()).toHaveLength(1)
    for (const object of [web, a, service('web'), slice('a', 'web', [endpoint('10.0.0.1')])]) {
      model.apply(set(object))
    }
    expect(model.take()).toEqual([])
  })

  it('drops a change that is undone before it is taken (IN-12)', () => {
    const model = modelOf(service('web'), slice('a', 'web', [endpoint('10.0.0.1')]))
    model.take()
    model.apply(set(slice('a', 'web', [endpoint('10.0.0.2')])))
    model.apply(set(slice('a', 'web', [endpoint('10.0.0.1')])))
    expect(model.take()).toEqual([])
  })

  it('removes and adds in one step when a port is renamed (IN-12)', () => {
    const model = modelOf(service('web'))
    model.take()
    model.apply(
      set(service('web', { ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 0 }] })),
    )
    expect(model.take().map((change) => `${change.type} ${change.key}`)).toEqual([
      'delete default/web:/TCP/4',
      'set default/web:http/TCP/4',
    ])
  })

  it('moves a slice that changes its Service', () => {
    const b = service('b', { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'] })
    const model = modelOf(service('a'), b, slice('s', 'a', [endpoint('10.0.0.1')]))
    model.take()
    model.apply(set(slice('s', 'b', [endpoint('10.0.0.1')])))
    const changes = model.take()
    const lists = changes.map(
      (change) => change.type === 'set' && [change.key, active(change.port)],
    )
    expect(lists).toEqual([
      ['default/a:/TCP/4', []],
      ['default/b:/TCP/4', ['10.0.0.1']],
    ])
  })

  it('looks at every Service again when the zone of this node changes (IN-52)', () => {
    const hinted = ['a', 'b'].map((zone, i) => endpoint(`10.0.0.${i + 1}`, { zoneHints: [zone] }))
    const model = modelOf(service('web'), slice('s', 'web', hinted))
    model.take()
    model.apply(set(node('b')))
    const [change] = model.take()
    expect(change?.type === 'set' && active(change.port)).toEqual(['10.0.0.2'])
    model.apply(set(node('b')))
    expect(model.take()).toEqual([])
    model.apply(set(node('a', 'another-node')))
    expect(model.take()).toEqual([])
  })

  it('looks at nothing again for other labels, conditions and heartbeats of this node (IN-52)', () => {
    const hinted = ['a', 'b'].map((zone, i) => endpoint(`10.0.0.${i + 1}`, { zoneHints: [zone] }))
    const model = modelOf(service('web'), slice('s', 'web', hinted), node('a'))
    model.take()
    const { metadata, ...rest } = node('a')
    const labels = { ...metadata.labels, 'kubernetes.io/arch': 'arm64' }
    const taints = [{ key: 'node.kubernetes.io/not-ready', value: '', effect: 'NoSchedule' }]
    model.apply(set({ ...rest, metadata: { ...metadata, labels, resourceVersion: '2' }, taints }))
    expect(model.take()).toEqual([])
    model.apply(set(node(undefined)))
    expect(model.take()).toHaveLength(1)
  })

  it('takes the deletion of what it never had for nothing (IN-6, IN-32)', () => {
    const model = modelOf(service('web'))
    model.take()
    for (const one of [service('other'), slice('s', 'web', []), node('a'), serviceCIDR('x')]) {
      model.apply(remove(one))
    }
    expect(model.take()).toEqual([])
    expect(model.takeGuards()).toEqual({
      added: ['10.96.0.1'],
      removed: [],
      serviceCIDRs: undefined,
    })
  })

  it('forgets a Service and its slices entirely, in either order (IN-32)', () => {
    const objects = [service('web'), slice('a', 'web', [endpoint('10.0.0.1')])]
    for (const order of [objects, objects.toReversed()]) {
      const model = modelOf(...objects)
      model.take()
      for (const object of order) {
        model.apply(remove(object))
        model.take()
      }
      expect(model.counts).toEqual({ services: 0, slices: 0, endpoints: 0 })
      expect(model.takeAll()).toEqual([])
      model.apply(set(service('web')))
      expect(model.take()).toMatchObject([{ port: { internal: { active: [] } } }])
    }
  })

  it('counts what it holds', () => {
    const a = slice('a', 'web', [endpoint('10.0.0.1'), endpoint('10.0.0.2')])
    const model = modelOf(service('web'), a, slice('b', 'web', [endpoint('10.0.0.3')]))
    expect(model.counts).toEqual({ services: 1, slices: 2, endpoints: 3 })
    model.apply(remove(a))
    expect(model.counts).toEqual({ services: 1, slices: 1, endpoints: 1 })
  })
})
