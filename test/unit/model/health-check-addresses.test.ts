import { describe, expect, it } from 'vitest'
import { healthCheckAddresses } from '../../../control/model/health-check-addresses.ts'
import { LOOPBACK_IPS, type NodeIPs } from '../../../control/model/node-ips.ts'

const INTERFACES = ['127.0.0.1', '::1', '192.0.2.10', '192.0.2.11', 'fe80::1', '2001:db8::10']
const NODE_IPS: NodeIPs = { primary: 4, 4: '192.0.2.10', 6: '2001:db8::10' }

describe('health check node ports listen (HL-10)', () => {
  it.each<[string, string[], NodeIPs, string[], string[]]>([
    ['everywhere when nothing is listed (TR-40)', [], NODE_IPS, ['0.0.0.0'], ['::']],
    [
      'at the addresses in a range, and everywhere in a family without one (TR-41)',
      ['192.0.2.0/24'],
      NODE_IPS,
      ['192.0.2.10', '192.0.2.11'],
      ['::'],
    ],
    [
      'everywhere where one range is everything (TR-41)',
      ['192.0.2.11/32', '0.0.0.0/0', '2001:db8::/32'],
      NODE_IPS,
      ['0.0.0.0'],
      ['2001:db8::10'],
    ],
    [
      'at the IPs of the node when primary is listed (TR-42)',
      ['primary'],
      NODE_IPS,
      ['192.0.2.10'],
      ['2001:db8::10'],
    ],
    [
      'everywhere in a family of which primary is not known (TR-42)',
      ['primary'],
      { ...NODE_IPS, 6: LOOPBACK_IPS[6] },
      ['192.0.2.10'],
      ['::'],
    ],
    [
      'nowhere when the host has no address of what is listed',
      ['203.0.113.0/24', '2001:db8:9::/64'],
      NODE_IPS,
      [],
      [],
    ],
    ['on loopback where it is listed', ['127.0.0.0/8'], NODE_IPS, ['127.0.0.1'], ['::']],
    [
      'at no link-local address, which cannot be listened on without its interface',
      ['192.0.2.10/32', 'fe80::/10'],
      NODE_IPS,
      ['192.0.2.10'],
      [],
    ],
  ])('%s', (_, given, nodeIPs, four, six) => {
    expect(healthCheckAddresses(4, INTERFACES, nodeIPs, given)).toEqual(four)
    expect(healthCheckAddresses(6, INTERFACES, nodeIPs, given)).toEqual(six)
  })
})
