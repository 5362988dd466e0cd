import { BlockList } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Cidr, canonicalCidr, contains } from '../../../control/model/cidr.ts'

const cidr = (text: string) => canonicalCidr(text) as Cidr

describe('a CIDR', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0/8', 4],
    ['10.1.2.3/8', '10.0.0.0/8', 4],
    ['010.001.002.003/31', '10.1.2.2/31', 4],
    ['192.0.2.7/32', '192.0.2.7/32', 4],
    ['0.0.0.0/0', '0.0.0.0/0', 4],
    ['255.255.255.255/0', '0.0.0.0/0', 4],
    ['::/0', '::/0', 6],
    ['2001:DB8:0::1/32', '2001:db8::/32', 6],
    ['fd00::1/128', 'fd00::1/128', 6],
    ['::ffff:10.1.2.3/104', '10.0.0.0/8', 4],
    ['::ffff:10.1.2.3/95', '::fffe:0:0/95', 6],
  ] as const)('has one spelling: %s (IN-9)', (text, canonical, family) => {
    expect(canonicalCidr(text)).toMatchObject({ text: canonical, family })
  })

  it.each([
    '',
    '10.0.0.0',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '::/129',
    '10.0.0.0/8x',
    '10.0.0/8',
    'fd00::/8/8',
    'primary',
  ])('is not made of "%s"', (text) => {
    expect(canonicalCidr(text)).toBeUndefined()
  })

  it('contains the addresses that it should, and none of the other family', () => {
    const v4 = fc.tuple(fc.ipV4(), fc.nat(32), fc.ipV4())
    fc.assert(
      fc.property(v4, fc.boolean(), ([network, length, stranger], near) => {
        // Half of the addresses share the network's first bytes, so that long prefixes match too.
        const [a, b, c] = network.split('.')
        const address = near ? `${a}.${b}.${c}.${stranger.split('.')[3]}` : stranger
        const list = new BlockList()
        list.addSubnet(network, length, 'ipv4')
        expect(contains(cidr(`${network}/${length}`), address)).toBe(list.check(address, 'ipv4'))
      }),
    )
    const group = fc.nat(0xffff).map((value) => value.toString(16))
    const v6 = fc.array(group, { minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(v6, fc.nat(128), fc.nat(8), v6, (network, length, shared, rest) => {
        const address = [...network.slice(0, shared), ...rest.slice(shared)].join(':')
        const list = new BlockList()
        list.addSubnet(network.join(':'), length, 'ipv6')
        const found = contains(cidr(`${network.join(':')}/${length}`), address)
        expect(found).toBe(list.check(address, 'ipv6'))
      }),
    )
    expect(contains(cidr('::/0'), '10.0.0.1')).toBe(false)
    expect(contains(cidr('0.0.0.0/0'), 'fd00::1')).toBe(false)
    expect(contains(cidr('0.0.0.0/0'), 'nonsense')).toBe(false)
  })
})
