import { describe, expect, it } from 'vitest'
import { nodeIPsOf } from '../../../control/model/node-ips.ts'
import { modelOf, modelWith, node, remove, set } from './build.ts'

const withAddresses = (...addresses: readonly string[]) =>
  node(undefined, 'n1', {
    addresses: addresses.map((text) => {
      const [type = '', address = ''] = text.split(' ')
      return { type, address }
    }),
  })
const shown = (...parameters: Parameters<typeof nodeIPsOf>) => {
  const ips = nodeIPsOf(...parameters)
  return [`IPv${ips.primary}`, ips[4], ips[6]]
}

describe('the IPs of a node', () => {
  it.each([
    [
      'the first InternalIP is primary (IN-41)',
      ['Hostname n1', 'InternalIP 192.0.2.1', 'InternalIP 192.0.2.2'],
      ['IPv4', '192.0.2.1', '::1'],
    ],
    [
      'ExternalIPs come after InternalIPs (IN-41)',
      ['ExternalIP 198.51.100.1', 'InternalIP 192.0.2.1'],
      ['IPv4', '192.0.2.1', '::1'],
    ],
    [
      'an ExternalIP stands in (IN-41)',
      ['ExternalIP 198.51.100.1'],
      ['IPv4', '198.51.100.1', '::1'],
    ],
    [
      'the first one of the other family is secondary (IN-41)',
      [
        'InternalIP fd00::1',
        'InternalIP fd00::2',
        'ExternalIP 198.51.100.1',
        'ExternalIP 198.51.100.2',
      ],
      ['IPv6', '198.51.100.1', 'fd00::1'],
    ],
    [
      'what cannot be read is passed over',
      ['InternalIP node.example', 'InternalIP 192.0.2.1'],
      ['IPv4', '192.0.2.1', '::1'],
    ],
    [
      'both families are known, IPv4 first (IN-41)',
      ['InternalIP 192.0.2.1', 'InternalIP fd00::1'],
      ['IPv4', '192.0.2.1', 'fd00::1'],
    ],
    ['one family is known, IPv6 (IN-41)', ['InternalIP fd00::1'], ['IPv6', '127.0.0.1', 'fd00::1']],
    [
      'an ExternalIP is secondary, an InternalIP of the same family primary (IN-41)',
      ['InternalIP 192.0.2.1', 'ExternalIP 198.51.100.1', 'ExternalIP fd00::1'],
      ['IPv4', '192.0.2.1', 'fd00::1'],
    ],
    ['they are canonical (IN-9)', ['InternalIP FD00:0::1'], ['IPv6', '127.0.0.1', 'fd00::1']],
    ['loopback stands in where nothing is known (IN-42)', [], ['IPv4', '127.0.0.1', '::1']],
  ])('%s', (_, addresses, expected) => {
    expect(shown(withAddresses(...addresses))).toEqual(expected)
  })

  it.each([
    ['0.0.0.0', ['IPv6', '192.0.2.1', 'fd00::1']],
    ['::', ['IPv6', '192.0.2.1', 'fd00::1']],
    ['', ['IPv6', '192.0.2.1', 'fd00::1']],
    ['192.0.2.9', ['IPv4', '192.0.2.9', 'fd00::1']],
    ['fd00::9', ['IPv6', '192.0.2.1', 'fd00::9']],
  ])('give way to a bind address that is no wildcard: "%s" (IN-42)', (bindAddress, expected) => {
    const known = withAddresses('InternalIP fd00::1', 'InternalIP 192.0.2.1')
    expect(shown(known, bindAddress)).toEqual(expected)
  })

  it('are told of no node at all (IN-42)', () => {
    expect(shown(undefined)).toEqual(['IPv4', '127.0.0.1', '::1'])
    expect(shown(undefined, '::')).toEqual(['IPv4', '127.0.0.1', '::1'])
    expect(shown(undefined, '192.0.2.9')).toEqual(['IPv4', '192.0.2.9', '::1'])
    expect(shown(undefined, 'fd00::9')).toEqual(['IPv6', '127.0.0.1', 'fd00::9'])
  })
})

describe('this Node as the model shows it', () => {
  const own = {
    ...node('a', 'n1', {
      addresses: [{ type: 'InternalIP', address: '192.0.2.1' }],
      podCIDRs: ['10.0.0.0/24'],
      taints: [{ key: 'ToBeDeletedByClusterAutoscaler', value: '1', effect: 'NoSchedule' }],
    }),
  }

  it('has its taints, its deletion and its pod CIDRs, and is absent when deleted (IN-53)', () => {
    const model = modelOf(node('b', 'another'))
    expect(model.node).toBeUndefined()
    model.apply(set(own))
    expect(model.node).toMatchObject({ podCIDRs: ['10.0.0.0/24'], taints: own.taints })
    const deleting = { ...own, metadata: { ...own.metadata, deletionTimestamp: 1 } }
    model.apply(set(deleting))
    expect(model.node?.metadata.deletionTimestamp).toBe(1)
    model.apply(remove(node('b', 'another')))
    expect(model.node).toBe(deleting)
    model.apply(remove(own))
    expect(model.node).toBeUndefined()
  })

  it('lends its IPs, less what the bind address says (IN-42)', () => {
    expect(modelOf(own).nodeIPs).toEqual({ primary: 4, 4: '192.0.2.1', 6: '::1' })
    const bound = modelWith({ bindAddress: 'fd00::9' }, own)
    expect(bound.nodeIPs).toEqual({ primary: 6, 4: '192.0.2.1', 6: 'fd00::9' })
  })
})
