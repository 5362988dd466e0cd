import { describe, expect, it } from 'vitest'
import type { Service } from '../../../control/source/objects.ts'
import { endpoint, modelOf, remove, service, serviceCIDR, set, slice } from './build.ts'

const at = (...ips: string[]): Partial<Service> => ({
  clusterIP: ips[0] ?? '',
  clusterIPs: ips,
  ipFamilies: ips.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4')),
})
const ports = (...numbers: number[]) => ({
  ports: numbers.map((port) => ({ name: `p${port}`, protocol: 'TCP', port, nodePort: 0 })),
})
const none = { added: [], removed: [], serviceCIDRs: undefined }

describe('active ClusterIPs (TR-60)', () => {
  it('are those of Services with a port, endpoints or not, in both families', () => {
    const web = service('web', { ...at('10.96.0.1', 'fd00::1'), ...ports(80, 81) })
    const model = modelOf(web, service('portless', { ...at('10.96.0.2'), ports: [] }))
    expect(model.takeGuards()).toEqual({ ...none, added: ['10.96.0.1', 'fd00::1'] })
    expect(model.takeGuards()).toEqual(none)
  })

  it('do not include external addresses', () => {
    const externalIPs = ['198.51.100.7']
    const loadBalancerIngress = [{ ip: '203.0.113.7', ipMode: 'VIP' }]
    const model = modelOf(service('web', { ...at('10.96.0.1'), externalIPs, loadBalancerIngress }))
    expect(model.takeGuards().added).toEqual(['10.96.0.1'])
  })

  it('do not change with endpoints or ports, only with the address', () => {
    const model = modelOf(service('web', at('10.96.0.1')))
    model.takeGuards()
    model.apply(set(slice('s', 'web', [endpoint('10.0.0.1')])))
    model.apply(set(service('web', { ...at('10.96.0.1'), ...ports(80, 81) })))
    expect(model.takeGuards()).toEqual(none)
    model.apply(set(service('web', at('10.96.0.9'))))
    expect(model.takeGuards()).toEqual({ ...none, added: ['10.96.0.9'], removed: ['10.96.0.1'] })
    model.apply(set(service('web', { ...at('10.96.0.9'), type: 'ExternalName' })))
    expect(model.takeGuards()).toEqual({ ...none, removed: ['10.96.0.9'] })
  })

  it('stay while another Service has the same address', () => {
    const a = service('a', { ...at('10.96.0.1'), ...ports(80) })
    const b = service('b', { ...at('10.96.0.1'), ...ports(81) })
    const model = modelOf(a, b)
    expect(model.takeGuards().added).toEqual(['10.96.0.1'])
    model.apply(remove(a))
    expect(model.takeGuards()).toEqual(none)
    model.apply(remove(b))
    expect(model.takeGuards().removed).toEqual(['10.96.0.1'])
  })

  it('that come and go, or go and come back, between two looks are no change', () => {
    const web = service('web', at('10.96.0.1'))
    const model = modelOf(web)
    model.take()
    model.apply(remove(web))
    model.take()
    expect(model.takeGuards()).toEqual(none)
    model.apply(set(web))
    model.takeGuards()
    model.apply(remove(web))
    model.take()
    model.apply(set(web))
    expect(model.takeGuards()).toEqual(none)
  })
})

describe('service ranges (IN-60)', () => {
  it('are those of all objects, canonical and each once; told whole when they change', () => {
    const model = modelOf(
      serviceCIDR('kubernetes', '10.96.0.9/16', 'fd00::/112'),
      serviceCIDR('more', '203.0.113.0/24', '10.96.0.0/16', 'nonsense'),
    )
    const all = ['10.96.0.0/16', '203.0.113.0/24', 'fd00::/112']
    expect(model.takeGuards()).toEqual({ ...none, serviceCIDRs: all })
    model.apply(set(serviceCIDR('kubernetes', 'fd00::/112', '10.96.0.0/16')))
    expect(model.takeGuards()).toEqual(none)
    model.apply(remove(serviceCIDR('more')))
    expect(model.takeGuards().serviceCIDRs).toEqual(['10.96.0.0/16', 'fd00::/112'])
    model.apply(remove(serviceCIDR('kubernetes')))
    expect(model.takeGuards().serviceCIDRs).toEqual([])
  })
})

describe('traffic that matches no frontend', () => {
  it.each([
    ['10.96.0.1', 'refuse', 'an active ClusterIP (TR-60)'],
    ['198.18.0.1', 'refuse', 'an active ClusterIP outside of the ranges (TR-60)'],
    ['10.96.0.2', 'drop', 'an address of the range that no Service has (TR-61)'],
    ['fd00::2', 'drop', 'the same of the other family (TR-61)'],
    ['192.0.2.1', 'pass', 'an address of no service range'],
  ])('to %s is a case of %s: %s', (address, verdict) => {
    const model = modelOf(
      service('web', at('10.96.0.1')),
      service('odd', at('198.18.0.1')),
      serviceCIDR('kubernetes', '10.96.0.0/16', 'fd00::/112'),
    )
    expect(model.guardOf(address)).toBe(verdict)
  })
})
