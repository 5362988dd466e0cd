import { describe, expect, it } from 'vitest'
import type { ServicePort } from '../../../control/model/service-port.ts'
import type { Service } from '../../../control/source/objects.ts'
import {
  created,
  desired,
  modelOf,
  modelWith,
  only,
  problemsOf,
  remove,
  service,
  set,
} from './build.ts'

const shown = (port: ServicePort | undefined) =>
  port?.frontends.map((frontend) => `${frontend.class} ${frontend.address} ${frontend.port}`)

const port = (name: string, number: number, nodePort: number, protocol = 'TCP') => ({
  name,
  protocol,
  port: number,
  nodePort,
})
const vip = (ip: string, ipMode = 'VIP') => ({ ip, ipMode })

const dual: Partial<Service> = {
  type: 'LoadBalancer',
  clusterIPs: ['10.96.0.1', 'fd00::1'],
  ipFamilies: ['IPv4', 'IPv6'],
  ports: [port('', 80, 30_080)],
  externalIPs: ['198.51.100.7', '2001:db8::7'],
  loadBalancerIngress: [vip('203.0.113.7'), vip('2001:db8::b')],
}

describe('the destination classes of a service port', () => {
  it('are the ClusterIP, the NodePort, load balancer and external IPs, by family (TR-1)', () => {
    const ports = desired(service('web', dual))
    expect(shown(ports.get('default/web:/TCP/4'))).toEqual([
      'ClusterIP 10.96.0.1 80',
      'NodePort 0.0.0.0 30080',
      'LoadBalancerIP 203.0.113.7 80',
      'ExternalIP 198.51.100.7 80',
    ])
    expect(shown(ports.get('default/web:/TCP/6'))).toEqual([
      'ClusterIP fd00::1 80',
      'NodePort :: 30080',
      'LoadBalancerIP 2001:db8::b 80',
      'ExternalIP 2001:db8::7 80',
    ])
  })

  it.each<[string, Partial<Service>]>([
    [
      'a load balancer that traffic must really pass',
      { loadBalancerIngress: [vip('203.0.113.7', 'Proxy')] },
    ],
    ['a load balancer known by host name only', { loadBalancerIngress: [vip('', '')] }],
    ['blank and unreadable external IPs (IN-9)', { externalIPs: ['', ' ', 'nonsense'] }],
    ['a NodePort that is 0', { ports: [port('', 80, 0)] }],
    ['addresses of a family that the Service is not of (IN-7)', { externalIPs: ['2001:db8::7'] }],
  ])('are the ClusterIP alone with %s', (_, change) => {
    expect(shown(only(service('web', { type: 'LoadBalancer', ...change })))).toEqual([
      'ClusterIP 10.96.0.1 80',
    ])
  })

  it('do not include external IPs where the cluster forbids them', () => {
    const model = modelWith(
      { allowExternalIPs: false },
      service('web', { externalIPs: ['bad', '198.51.100.7'] }),
    )
    const [change] = model.take()
    expect(shown(change?.type === 'set' ? change.port : undefined)).toEqual([
      'ClusterIP 10.96.0.1 80',
    ])
    expect(model.problems()).toEqual([])
  })

  it('name an address once: a load balancer keeps its source ranges', () => {
    const twice = service('web', {
      externalIPs: ['203.0.113.7', '203.0.113.007', '10.96.0.1'],
      loadBalancerIngress: [vip('203.0.113.7'), vip('203.0.113.7'), vip('10.96.0.1')],
    })
    expect(shown(only(twice))).toEqual(['ClusterIP 10.96.0.1 80', 'LoadBalancerIP 203.0.113.7 80'])
    expect(problemsOf(modelOf(twice))).toEqual([])
  })

  it('leave out a NodePort that is no port number, and say so', () => {
    const web = service('web', { type: 'NodePort', ports: [port('http', 80, 70_000)] })
    expect(shown(only(web))).toEqual(['ClusterIP 10.96.0.1 80'])
    expect(problemsOf(modelOf(web))).toEqual([
      'Service default/web: ports[name="http"].nodePort is 70000; give a number from 1 to 65535, or 0 for none',
    ])
  })

  it('change with the type and the ports of a Service (IN-12)', () => {
    const model = modelOf(service('web'))
    const next = (change: Partial<Service>) => {
      model.apply(set(service('web', change)))
      return model.take().map((one) => (one.type === 'set' ? shown(one.port) : one.key))
    }
    model.take()
    expect(next({ type: 'NodePort', ports: [port('', 80, 30_080)] })).toEqual([
      ['ClusterIP 10.96.0.1 80', 'NodePort 0.0.0.0 30080'],
    ])
    expect(next({ type: 'NodePort', ports: [port('', 80, 30_081)] })).toEqual([
      ['ClusterIP 10.96.0.1 80', 'NodePort 0.0.0.0 30081'],
    ])
    expect(next({ type: 'NodePort', ports: [port('', 80, 30_081, 'UDP')] })).toEqual([
      'default/web:/TCP/4',
      ['ClusterIP 10.96.0.1 80', 'NodePort 0.0.0.0 30081'],
    ])
    expect(next({})).toEqual(['default/web:/UDP/4', ['ClusterIP 10.96.0.1 80']])
  })
})

describe('frontends that several Services name (TR-6)', () => {
  const at = (ip: string): Partial<Service> => ({ clusterIP: ip, clusterIPs: [ip] })
  const granted = (...services: readonly Service[]) =>
    Object.fromEntries([...desired(...services)].map(([key, found]) => [key, shown(found)]))

  it('may have one NodePort number for different protocols (TR-47)', () => {
    const a = service('a', { type: 'NodePort', ports: [port('', 80, 30_080)] })
    const b = service('b', { ...at('10.96.0.2'), ports: [port('', 80, 30_080, 'UDP')] })
    expect(granted(a, b)).toEqual({
      'default/a:/TCP/4': ['ClusterIP 10.96.0.1 80', 'NodePort 0.0.0.0 30080'],
      'default/b:/UDP/4': ['ClusterIP 10.96.0.2 80', 'NodePort 0.0.0.0 30080'],
    })
  })

  it('lose only the NodePort that another has, and are told in its words', () => {
    const a = service('a', { ports: [port('', 80, 30_080)] })
    const b = service('b', { ...at('10.96.0.2'), ports: [port('', 80, 30_080)] })
    expect(granted(a, b)['default/b:/TCP/4']).toEqual(['ClusterIP 10.96.0.2 80'])
    expect(problemsOf(modelOf(b, a))).toEqual([
      'Service default/b: nodePort 30080/TCP of IPv4 goes to Service default/a, which precedes this one by class of address, age or name; change one of the two',
    ])
  })

  it('do not lose a ClusterIP to an external IP, whoever comes first', () => {
    const thief = service('a-thief', { ...at('10.96.0.9'), externalIPs: ['10.96.0.1'] })
    const victim = service('victim', at('10.96.0.1'))
    for (const order of [
      [thief, victim],
      [victim, thief],
    ]) {
      const model = modelOf()
      for (const one of order) {
        model.apply(set(one))
        model.take()
      }
      expect(problemsOf(model)).toEqual([
        'Service default/a-thief: 10.96.0.1:80/TCP goes to Service default/victim, which precedes this one by class of address, age or name; change one of the two',
      ])
      expect(granted(...order)['default/victim:/TCP/4']).toEqual(['ClusterIP 10.96.0.1 80'])
    }
  })

  it('stay with the Service that was there first, whatever the order of events', () => {
    const settled = created(service('b'), 1_000)
    const newcomer = created(service('a'), 2_000)
    const manifest = service('0')
    for (const order of [
      [settled, newcomer, manifest],
      [manifest, newcomer, settled],
    ]) {
      const model = modelOf()
      for (const one of order) {
        model.apply(set(one))
        model.take()
      }
      expect(problemsOf(model)).toEqual(
        ['0', 'a'].map(
          (name) =>
            `Service default/${name}: 10.96.0.1:80/TCP goes to Service default/b, which precedes this one by class of address, age or name; change one of the two`,
        ),
      )
      expect(Object.keys(granted(...order))).toEqual(['default/b:/TCP/4'])
    }
  })

  it('are not disturbed by a Service that comes later', () => {
    const model = modelOf(created(service('b'), 1_000))
    model.take()
    model.apply(set(created(service('a'), 2_000)))
    expect(model.take()).toEqual([])
  })

  it('go to the other one when their owner is created anew', () => {
    const model = modelOf(created(service('b'), 1_000), created(service('a'), 2_000))
    model.take()
    model.apply(set(created(service('b'), 3_000)))
    expect(model.take().map((change) => `${change.type} ${change.key}`)).toEqual([
      'delete default/b:/TCP/4',
      'set default/a:/TCP/4',
    ])
  })

  it('are told when one Service names one twice', () => {
    const twice = service('a', { ports: [port('x', 80, 30_080), port('y', 81, 30_080)] })
    expect(problemsOf(modelOf(twice))).toEqual([
      'Service default/a: nodePort 30080/TCP of IPv4 is named twice by this Service; remove one',
    ])
  })

  it('let an external IP in when the owner of the address goes', () => {
    const waiting = service('a', { ...at('10.96.0.9'), externalIPs: ['10.96.0.1'] })
    const owner = service('b', at('10.96.0.1'))
    const model = modelOf(waiting, owner)
    model.take()
    model.apply(remove(owner))
    const changes = model.take()
    expect(changes.map((change) => `${change.type} ${change.key}`)).toEqual([
      'delete default/b:/TCP/4',
      'set default/a:/TCP/4',
    ])
    expect(model.problems()).toEqual([])
  })
})
