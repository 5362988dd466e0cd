import { describe, expect, it } from 'vitest'
import { nodePortAddresses } from '../../../control/model/node-addresses.ts'
import { LOOPBACK_IPS, type NodeIPs } from '../../../control/model/node-ips.ts'

const INTERFACES = [
  '127.0.0.1',
  '::1',
  '192.0.2.10',
  '192.0.2.11',
  '172.18.0.2',
  'fe80::1',
  '2001:db8::10',
  'fd00::10',
]
const FOUR = ['172.18.0.2', '192.0.2.10', '192.0.2.11']
const SIX = ['2001:db8::10', 'fd00::10', 'fe80::1']
const NODE_IPS: NodeIPs = { primary: 4, 4: '192.0.2.10', 6: 'fd00::10' }

interface Case {
  readonly rule: string
  readonly given: readonly string[]
  readonly localhost?: boolean
  readonly nodeIPs?: NodeIPs
  readonly four: readonly string[]
  readonly six: readonly string[]
  /** Families matched as a whole. */
  readonly all?: readonly number[]
  readonly wholeLoopback?: boolean
}

const CASES: readonly Case[] = [
  {
    rule: 'TR-40: nothing listed is every local address',
    given: [],
    four: FOUR,
    six: SIX,
    all: [4, 6],
  },
  {
    rule: 'TR-41: CIDRs choose among local addresses; a family without any is matched as a whole',
    given: ['192.0.2.0/24'],
    four: ['192.0.2.10', '192.0.2.11'],
    six: SIX,
    all: [6],
  },
  {
    rule: 'TR-41: each family has its own',
    given: ['192.0.2.11/32', 'fd00::/8'],
    four: ['192.0.2.11'],
    six: ['fd00::10'],
  },
  {
    rule: 'TR-41: a length of 0 anywhere is a match of all',
    given: ['192.0.2.11/32', '0.0.0.0/0'],
    four: FOUR,
    six: SIX,
    all: [4, 6],
  },
  {
    rule: 'TR-41: a CIDR without a local address serves nowhere',
    given: ['203.0.113.0/24', '2001:db8:9::/64'],
    four: [],
    six: [],
  },
  {
    rule: 'TR-42: primary is the IPs of the node',
    given: ['primary'],
    nodeIPs: NODE_IPS,
    four: ['192.0.2.10'],
    six: ['fd00::10'],
  },
  {
    rule: 'TR-42: primary with an unknown family leaves that one unlimited',
    given: ['primary'],
    nodeIPs: { ...NODE_IPS, 6: '::1' },
    four: ['192.0.2.10'],
    six: SIX,
    all: [6],
  },
  {
    rule: 'TR-42: primary without any IP is no limit',
    given: ['primary'],
    nodeIPs: LOOPBACK_IPS,
    four: FOUR,
    six: SIX,
    all: [4, 6],
  },
  {
    rule: 'TR-44: localhost is the whole of 127.0.0.0/8 where all is matched',
    given: [],
    localhost: true,
    four: ['127.0.0.1', ...FOUR],
    six: SIX,
    all: [4, 6],
    wholeLoopback: true,
  },
  {
    rule: 'TR-44: localhost listed is the address that an interface has',
    given: ['127.0.0.0/8'],
    localhost: true,
    four: ['127.0.0.1'],
    six: SIX,
    all: [6],
  },
  {
    rule: 'TR-44: localhost not listed is not served',
    given: ['192.0.2.0/24'],
    localhost: true,
    four: ['192.0.2.10', '192.0.2.11'],
    six: SIX,
    all: [6],
  },
  {
    rule: 'TR-44: localhost listed and switched off is not served',
    given: ['127.0.0.0/8'],
    four: [],
    six: SIX,
    all: [6],
  },
  {
    rule: 'TR-45: ::1 is never served',
    given: ['::1/128'],
    localhost: true,
    four: ['127.0.0.1', ...FOUR],
    six: [],
    all: [4],
    wholeLoopback: true,
  },
]

describe('the addresses that serve NodePorts', () => {
  it.each(CASES)('$rule', (row) => {
    const { given, localhost = false, nodeIPs = NODE_IPS, all = [], wholeLoopback = false } = row
    const options = { nodePortAddresses: given, localhost }
    expect(nodePortAddresses(4, INTERFACES, nodeIPs, options)).toEqual({
      matchAll: all.includes(4),
      addresses: row.four,
      wholeLoopback,
    })
    expect(nodePortAddresses(6, INTERFACES, nodeIPs, options)).toEqual({
      matchAll: all.includes(6),
      addresses: row.six,
      wholeLoopback: false,
    })
  })

  it('follow the interfaces, and name an address of two of them once (TR-43)', () => {
    const options = { nodePortAddresses: ['192.0.2.0/24'], localhost: false }
    const found = (...addresses: string[]) =>
      nodePortAddresses(4, addresses, NODE_IPS, options).addresses
    expect(found('192.0.2.10')).toEqual(['192.0.2.10'])
    expect(found('192.0.2.20', '192.0.2.10', '192.0.2.10')).toEqual(['192.0.2.10', '192.0.2.20'])
    expect(found()).toEqual([])
  })

  it.each([
    [['nonsense'], 0],
    [['192.0.2.0/24', 'primary'], 1],
    [['192.0.2.1'], 0],
  ])('are not decided from %j, which names its entry', (given, index) => {
    const options = { nodePortAddresses: given, localhost: false }
    expect(() => nodePortAddresses(4, INTERFACES, NODE_IPS, options)).toThrow(
      `nodePortAddresses[${index}] is "${given[index]}": write a CIDR, or primary alone`,
    )
  })
})
