import { describe, expect, it } from 'vitest'
import type { Service } from '../../../control/source/objects.ts'
import { modelOf, node, only, problemsOf, service, set } from './build.ts'

const balanced = (...loadBalancerSourceRanges: string[]): Service =>
  service('web', {
    type: 'LoadBalancer',
    loadBalancerIngress: [{ ip: '203.0.113.7', ipMode: 'VIP' }],
    loadBalancerSourceRanges,
  })
const at = (address: string) =>
  node(undefined, 'n1', { addresses: [{ type: 'InternalIP', address }] })

describe('the source ranges in effect', () => {
  it.each<[string, string[], string[]]>([
    [
      'are trimmed, canonical, sorted and each there once (IN-9)',
      [' 192.0.2.9/24 ', '010.0.0.0/8', '192.0.2.0/24'],
      ['10.0.0.0/8', '192.0.2.0/24'],
    ],
    ['are those of the family', ['192.0.2.0/24', '2001:db8::/32'], ['192.0.2.0/24']],
    ['are none where all are of the other family (IN-10)', ['2001:db8::/32'], []],
    ['are none where one has length 0', ['192.0.2.0/24', '0.0.0.0/0'], []],
    [
      'do not care for a length of 0 in the other family',
      ['192.0.2.0/24', '::/0'],
      ['192.0.2.0/24'],
    ],
    ['pass over blanks in silence (IN-9)', ['', ' '], []],
  ])('%s', (_, given, expected) => {
    const web = balanced(...given)
    expect(only(web).sourceRanges).toEqual(expected)
    expect(problemsOf(modelOf(web))).toEqual([])
  })

  it('leave out what is no range, and say so (IN-9)', () => {
    const web = balanced('192.0.2.0/33', '192.0.2.0/24')
    expect(only(web).sourceRanges).toEqual(['192.0.2.0/24'])
    expect(problemsOf(modelOf(web))).toEqual([
      'Service default/web: loadBalancerSourceRanges "192.0.2.0/33" is not a CIDR; write one such as 192.0.2.0/24',
    ])
  })

  it('are none of a port without an address of a load balancer (TR-30)', () => {
    const pending = { ...balanced('192.0.2.0/24'), loadBalancerIngress: [] }
    expect(only(pending)).toMatchObject({ sourceRanges: [], sourceRangesIncludeNode: false })
  })

  it('of both families are told apart', () => {
    const dual: Partial<Service> = {
      clusterIPs: ['10.96.0.1', 'fd00::1'],
      ipFamilies: ['IPv4', 'IPv6'],
      loadBalancerIngress: [
        { ip: '203.0.113.7', ipMode: 'VIP' },
        { ip: '2001:db8::7', ipMode: 'VIP' },
      ],
    }
    const model = modelOf({ ...balanced('192.0.2.0/24', '2001:db8::/32'), ...dual })
    const ranges = model.take().map((change) => change.type === 'set' && change.port.sourceRanges)
    expect(ranges).toEqual([['192.0.2.0/24'], ['2001:db8::/32']])
  })
})

describe('the node among the sources (TR-33)', () => {
  it.each([
    ['192.0.2.10', true],
    ['192.0.3.10', false],
    ['2001:db8::1', false],
  ])('is by its own IP: %s', (address, included) => {
    expect(only(balanced('192.0.2.0/24'), at(address)).sourceRangesIncludeNode).toBe(included)
  })

  it('is looked at again when its IP changes, for Services with ranges alone (IN-43)', () => {
    const other = service('other', { clusterIP: '10.96.0.2', clusterIPs: ['10.96.0.2'] })
    const model = modelOf(balanced('192.0.2.0/24'), other, at('192.0.3.10'))
    model.take()
    model.apply(set(at('192.0.2.10')))
    const changes = model.take()
    expect(changes).toMatchObject([
      { key: 'default/web:/TCP/4', port: { sourceRangesIncludeNode: true } },
    ])
    model.apply(set(at('192.0.2.11')))
    expect(model.take()).toEqual([])
  })

  it('is nothing where there are no ranges', () => {
    expect(only(balanced('0.0.0.0/0'), at('192.0.2.10')).sourceRangesIncludeNode).toBe(false)
  })
})
