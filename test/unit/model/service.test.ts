import { describe, expect, it } from 'vitest'
import type { Service } from '../../../control/source/objects.ts'
import { active, desired, endpoint, modelOf, only, remove, service, set, slice } from './build.ts'

const at = (ip: string): Partial<Service> => ({ clusterIP: ip, clusterIPs: [ip] })
const port = (name: string, number: number, protocol = 'TCP') => ({
  name,
  protocol,
  port: number,
  nodePort: 0,
})
const messages = (...services: readonly Service[]) => {
  const model = modelOf(...services)
  model.take()
  return model.problems().map((problem) => `${problem.subject}: ${problem.message}`)
}

describe('a Service without frontends', () => {
  it.each([
    ['no ClusterIP', { clusterIP: '', clusterIPs: [] }],
    ['a headless one', { clusterIP: 'None', clusterIPs: ['None'] }],
    ['ExternalName, though an address is still set', { type: 'ExternalName' }],
  ])('is skipped: %s (IN-3)', (_, change) => {
    const model = modelOf(service('web', change))
    expect(model.take()).toEqual([])
    expect(model.counts.services).toBe(0)
    expect(model.problems()).toEqual([])
  })

  it('is what ClusterIP becomes by turning to ExternalName, and back (IN-3)', () => {
    const model = modelOf(service('web'))
    const types = () => model.take().map((change) => change.type)
    expect(types()).toEqual(['set'])
    model.apply(set(service('web', { type: 'ExternalName' })))
    expect(types()).toEqual(['delete'])
    model.apply(set(service('web')))
    expect(types()).toEqual(['set'])
  })
})

describe('addresses of a Service', () => {
  it('fall back to clusterIP where a hand-written Service has no clusterIPs', () => {
    expect(only(service('web', { clusterIPs: [] })).frontends[0]?.address).toBe('10.96.0.1')
  })

  it('of the other family than ipFamilies says are left out and reported (IN-7)', () => {
    const web = service('web', { ...at('fd00::1'), ipFamilies: ['IPv4'] })
    expect(desired(web).size).toBe(0)
    expect(messages(web)).toEqual([
      'Service default/web: clusterIPs has "fd00::1" where ipFamilies has IPv4; make them agree',
    ])
  })

  it.each([
    ['0.0.0.0', 'the unspecified address'],
    ['127.0.0.1', 'a loopback address'],
    ['169.254.1.1', 'a link-local address'],
    ['239.0.0.1', 'a multicast address'],
    ['::', 'the unspecified address'],
    ['::1', 'a loopback address'],
    ['fe80::1', 'a link-local address'],
    ['ff02::1', 'a multicast address'],
  ])('that no Service can have are refused: %s', (ip, words) => {
    const web = service('web', { ...at(ip), ipFamilies: [ip.includes(':') ? 'IPv6' : 'IPv4'] })
    expect(desired(web).size).toBe(0)
    expect(messages(web)).toEqual([
      `Service default/web: clusterIP "${ip}" is ${words}, which no Service can have; give one of the service range`,
    ])
  })

  it('that are invalid among externalIPs are skipped and reported, blanks in silence (IN-9)', () => {
    const web = service('web', { externalIPs: ['192.0.2.1', '', ' ', '192.0.2.256'] })
    expect(desired(web).size).toBe(1)
    expect(messages(web)).toEqual([
      'Service default/web: externalIPs "192.0.2.256" is not an IP address; correct or remove it',
    ])
  })
})

describe('ports of a Service', () => {
  it('that repeat a name or a number are left out and reported; the first serves', () => {
    const web = service('web', { ports: [port('a', 80), port('a', 81), port('b', 80)] })
    expect([...desired(web).keys()]).toEqual(['default/web:a/TCP/4'])
    expect(messages(web)).toEqual([
      'Service default/web: ports[name="a"].name is there twice for TCP; rename one',
      'Service default/web: ports[name="b"].port 80/TCP is that of "a" too; change one',
    ])
  })

  it('may repeat both for another protocol, SCTP included (IN-8)', () => {
    const ports = ['TCP', 'UDP', 'SCTP'].map((protocol) => port('a', 80, protocol))
    expect(desired(service('web', { ports })).size).toBe(3)
  })
})

describe('the external policy Local (IN-11)', () => {
  const local: Partial<Service> = { externalTrafficPolicy: 'Local' }
  const endpoints = slice('s', 'web', [endpoint('10.0.0.1')])
  const vip = (ip: string, ipMode = 'VIP') => ({ loadBalancerIngress: [{ ip, ipMode }] })
  const balanced: Partial<Service> = { ...local, type: 'LoadBalancer' }
  const isHonoured = (change: Partial<Service>) =>
    only(service('web', change), endpoints).external.drop

  it.each<[string, Partial<Service>]>([
    ['a node port', { ...local, type: 'NodePort', ports: [{ ...port('', 80), nodePort: 30_080 }] }],
    ['an external IP', { ...local, externalIPs: ['192.0.2.1'] }],
    ['a load balancer address', { ...balanced, ...vip('192.0.2.1') }],
  ])('counts for a port with %s', (_, change) => {
    expect(isHonoured(change)).toBe(true)
  })

  it.each<[string, Partial<Service>]>([
    ['nothing external', local],
    ['a balancer without address and node port', balanced],
    ['an external IP of the other family', { ...local, externalIPs: ['2001:db8::1'] }],
    ['a balancer that traffic must really pass', { ...balanced, ...vip('192.0.2.1', 'Proxy') }],
    ['no valid external IP', { ...local, externalIPs: ['nonsense'] }],
  ])('is ignored for a port with %s', (_, change) => {
    expect(isHonoured(change)).toBe(false)
  })
})

describe('a frontend that three Services claim (TR-6)', () => {
  it('has one owner, and each of the others is told which', () => {
    const model = modelOf(service('b'), service('c'))
    model.take()
    model.apply(set(service('a')))
    model.take()
    expect(model.problems().map((p) => `${p.subject}: ${p.message}`)).toEqual(
      ['b', 'c'].map(
        (name) =>
          `Service default/${name}: 10.96.0.1:80/TCP goes to Service default/a, which precedes this one by class of address, age or name; change one of the two`,
      ),
    )
  })
})

describe('problems', () => {
  it('of one slice are listed up to a limit, and the rest is counted', () => {
    const bad = Array.from({ length: 100 }, (_, i) => endpoint(`10.0.0.${300 + i}`))
    const model = modelOf(service('web'), slice('s', 'web', [...bad, endpoint('10.0.0.1')]))
    const [change] = model.take()
    expect(change?.type === 'set' && active(change.port)).toEqual(['10.0.0.1'])
    expect(model.problems()).toHaveLength(21)
    expect(model.problems().at(-1)?.message).toBe('80 more problems show when these are mended')
  })

  it.each(['0.0.0.0', '224.0.0.1'])('include the endpoint address %s, which is no host', (ip) => {
    const model = modelOf(service('web'), slice('s', 'web', [endpoint(ip)]))
    model.take()
    expect(model.problems()[0]?.message).toContain(`"${ip}" is no host's`)
  })

  it('include a misspelled address type, not FQDN (IN-21)', () => {
    const types = ['ipv4', 'constructor', 'FQDN']
    const model = modelOf(
      service('web'),
      ...types.map((addressType) => slice(addressType, 'web', [], { addressType })),
    )
    model.take()
    expect(model.problems().map((p) => p.message)).toEqual([
      'addressType is "constructor"; write IPv4 or IPv6',
      'addressType is "ipv4"; write IPv4 or IPv6',
    ])
  })

  it('go with the Service', () => {
    const web = service('web', { externalIPs: ['nonsense'] })
    const model = modelOf(web)
    model.take()
    expect(model.problems()).toHaveLength(1)
    model.apply(remove(web))
    model.take()
    expect(model.problems()).toEqual([])
  })
})

describe('the whole state', () => {
  it('comes again when asked for again, with the removal of what is gone since', () => {
    const b = service('b', at('10.96.0.2'))
    const model = modelOf(service('a'), b)
    expect(model.takeAll().map((change) => change.type)).toEqual(['set', 'set'])
    model.apply(remove(b))
    expect(model.takeAll().map((change) => `${change.type} ${change.key}`)).toEqual([
      'delete default/b:/TCP/4',
      'set default/a:/TCP/4',
    ])
    expect(model.take()).toEqual([])
  })
})
