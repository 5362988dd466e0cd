import { describe, expect, it } from 'vitest'
import type { InterfaceAddress, NetworkInterface } from '#addon'
import { chooseUplinks, type UplinkInputs } from '../../../../control/mode/ebpf/edge/uplinks.ts'

const nic = (index: number, name: string, more: Partial<NetworkInterface> = {}) => ({
  ...{ index, name, hardwareType: 1, up: true, loopback: false },
  ...more,
})

const at = (index: number, address: string, more: Partial<InterfaceAddress> = {}) => ({
  ...{ index, interface: '', address, prefixLength: 24, scope: 'global' as const },
  ...{ tentative: false, dadFailed: false },
  ...more,
})

const inputs = (more: Partial<UplinkInputs> = {}): UplinkInputs => ({
  wanted: [],
  interfaces: [
    nic(1, 'lo', { hardwareType: 772, loopback: true }),
    nic(2, 'eth0'),
    nic(3, 'eth1'),
    nic(4, 'veth7'),
    nic(5, 'wg0', { hardwareType: 65534 }),
    nic(6, 'eth0.100'),
  ],
  addresses: [
    at(1, '127.0.0.1', { scope: 'host' }),
    at(2, '172.20.0.9'),
    at(2, '172.20.0.11'),
    at(2, 'fe80::1', { scope: 'link' }),
    at(2, 'fd00:20::10', { dadFailed: true }),
    at(2, 'fd00:20::11'),
    at(3, '192.0.2.1'),
    at(4, '10.244.1.1'),
  ],
  defaultRoutes: new Set(['eth0']),
  nodeIPs: { primary: 4, 4: '172.20.0.11', 6: '::1' },
  ...more,
})

const names = (more: Partial<UplinkInputs>) =>
  chooseUplinks(inputs(more)).uplinks.map(({ name, why }) => `${name}: ${why}`)

describe('uplinks', () => {
  it('are by default what a default route leads over, or what has an address of the node', () => {
    expect(names({})).toEqual(['eth0: default route'])
    expect(names({ nodeIPs: { primary: 4, 4: '192.0.2.1', 6: '::1' } })).toEqual([
      'eth0: default route',
      'eth1: node address 192.0.2.1',
    ])
    expect(names({ nodeIPs: undefined, defaultRoutes: new Set(['lo', 'eth1']) })).toEqual([
      'eth1: default route',
    ])
  })

  it('are those that are named, by globs as well', () => {
    expect(names({ wanted: ['eth1'] })).toEqual(['eth1: --uplinks eth1'])
    expect(names({ wanted: ['eth?', 'v*'] })).toEqual([
      'eth0: --uplinks eth?',
      'eth1: --uplinks eth?',
      'veth7: --uplinks v*',
    ])
    expect(names({ wanted: ['eth0.100'] })).toEqual(['eth0.100: --uplinks eth0.100'])
    expect(names({ wanted: ['none'] })).toEqual([])
  })

  it('lend the address of the node, else the first that reaches everywhere', () => {
    const source = (more: Partial<UplinkInputs>) => chooseUplinks(inputs(more)).uplinks[0]?.source
    expect(source({})).toEqual({ 4: '172.20.0.11', 6: 'fd00:20::11' })
    expect(source({ nodeIPs: undefined })).toEqual({ 4: '172.20.0.9', 6: 'fd00:20::11' })
    expect(source({ wanted: ['eth1'] })).toEqual({ 4: '192.0.2.1', 6: undefined })
  })

  it.each([
    [['eth9'], 'uplink "eth9": there is no such interface; it is served once it appears'],
    [['wg0'], 'uplink "wg0" carries no Ethernet frames, and cannot be served'],
    [['lo'], 'uplink "lo" is the loopback interface, where nothing comes from outside'],
    [['x*'], 'no uplink: no interface matches x*'],
  ])('that cannot be are named: %s', (wanted, problem) => {
    expect(chooseUplinks(inputs({ wanted })).problems).toEqual([problem])
  })

  it('that are not to be found are said to be missing', () => {
    const none = { defaultRoutes: new Set<string>(), nodeIPs: undefined }
    expect(chooseUplinks(inputs(none)).problems).toEqual([
      expect.stringMatching(/^no uplink: .*--uplinks$/),
    ])
    expect(chooseUplinks(inputs({ wanted: ['none'] })).problems).toEqual([])
  })
})
