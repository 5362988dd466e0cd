import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kpAddressRole, kpCidr } from '#abi'
import { AddressKeeper } from '../../../control/mode/ebpf/address-keeper.ts'
import { textOfWords } from '../../../control/mode/ebpf/cidr-rows.ts'
import { formatAddress } from '../../../control/model/address.ts'
import type { GuardChanges } from '../../../control/model/guards.ts'
import { FakeBpfError, FakeMaps } from './fake-maps.ts'

const { CLUSTER_IP, NODE_PORTS } = kpAddressRole

const guards = (
  added: readonly string[],
  removed: readonly string[] = [],
  serviceCIDRs?: readonly string[],
): GuardChanges => ({ added, removed, serviceCIDRs })

function addresses(maps: FakeMaps): Record<string, number> {
  return Object.fromEntries(
    [...maps.rows.addresses.values()].map(([key, value]) => [
      formatAddress(new Uint32Array(key.slice().buffer), 0),
      new DataView(value.buffer, value.byteOffset).getUint32(0, true),
    ]),
  )
}

function cidrs(maps: FakeMaps): string[] {
  return [...maps.rows.service_cidrs.values()]
    .map(([key]) => {
      const view = new DataView(key.buffer, key.byteOffset)
      return textOfWords(view, kpCidr.address.offset, view.getUint32(0, true))
    })
    .sort()
}

describe('AddressKeeper', () => {
  it('writes what addresses are, an address that is both too (TR-40, TR-60)', async () => {
    const maps = new FakeMaps()
    const keeper = new AddressKeeper(maps)
    await keeper.change({
      guards: guards(['10.96.0.1', 'fd00::1', '172.20.0.1'], [], ['10.96.0.0/12', 'fd00::/108']),
      nodePorts: ['172.20.0.1', '172.20.0.2'],
    })
    expect(addresses(maps)).toEqual({
      '10.96.0.1': CLUSTER_IP,
      'fd00::1': CLUSTER_IP,
      '172.20.0.1': CLUSTER_IP | NODE_PORTS,
      '172.20.0.2': NODE_PORTS,
    })
    expect(cidrs(maps)).toEqual(['10.96.0.0/12', 'fd00::/108'])
    expect(await keeper.verify()).toEqual([])
  })

  it('writes only what changes', async () => {
    const maps = new FakeMaps()
    const keeper = new AddressKeeper(maps)
    await keeper.change({ guards: guards(['10.96.0.1', '10.96.0.2']), nodePorts: ['10.0.0.1'] })
    maps.syscalls = 0
    await keeper.change({ guards: guards([]), nodePorts: ['10.0.0.1'] })
    expect(maps.syscalls).toBe(0)
    await keeper.change({ guards: guards(['10.96.0.3'], ['10.96.0.1']), nodePorts: ['10.0.0.9'] })
    expect(maps.syscalls).toBe(4)
    expect(Object.keys(addresses(maps)).sort()).toEqual(['10.0.0.9', '10.96.0.2', '10.96.0.3'])
  })

  it('removes nothing that an earlier agent left before everything is known (IN-4)', async () => {
    const maps = new FakeMaps()
    await new AddressKeeper(maps).change({
      guards: guards(['10.96.0.1', '10.96.0.2'], [], ['10.96.0.0/12', '10.112.0.0/16']),
      nodePorts: ['10.0.0.1'],
      complete: true,
    })
    const next = new AddressKeeper(maps)
    await next.change({ guards: guards(['10.96.0.2']), nodePorts: ['10.0.0.1'] })
    expect(Object.keys(addresses(maps))).toHaveLength(3)
    expect(cidrs(maps)).toHaveLength(2)
    await next.change({ guards: guards([], [], ['10.96.0.0/12']), complete: true })
    expect(Object.keys(addresses(maps)).sort()).toEqual(['10.0.0.1', '10.96.0.2'])
    expect(cidrs(maps)).toEqual(['10.96.0.0/12'])
  })

  it('names drift', async () => {
    const maps = new FakeMaps()
    const keeper = new AddressKeeper(maps)
    await keeper.change({ guards: guards(['10.96.0.1', '10.96.0.2'], [], ['10.96.0.0/12']) })
    const [[key] = []] = maps.rows.addresses.values()
    maps.delete('addresses', key as Uint8Array)
    maps.rows.service_cidrs.clear()
    expect(await keeper.verify()).toEqual([
      `addresses: 10.96.0.1 should be ${CLUSTER_IP}`,
      'service_cidrs: 10.96.0.0/12 is missing',
    ])
  })

  it('serves NodePorts first where there is no room for all, and counts the rest', async () => {
    const maps = new FakeMaps()
    maps.limits = { ...maps.limits, addresses: 2 }
    const keeper = new AddressKeeper(maps)
    await keeper.change({ guards: guards(['10.96.0.1', '10.96.0.2']), nodePorts: ['10.0.0.1'] })
    expect(addresses(maps)).toEqual({ '10.0.0.1': NODE_PORTS, '10.96.0.1': CLUSTER_IP })
    expect(keeper.left).toBe(1)
    await keeper.change({ guards: guards([], ['10.96.0.1']) })
    await keeper.change({ guards: guards(['10.96.0.2']) })
    expect(keeper.left).toBe(0)
  })

  it('forgets an address that had no room and is gone, and takes the next one in when there is room', async () => {
    const maps = new FakeMaps()
    maps.limits = { ...maps.limits, addresses: 1 }
    const keeper = new AddressKeeper(maps)
    await keeper.change({ guards: guards(['10.96.0.1', '10.96.0.2', '10.96.0.3']) })
    expect(keeper.left).toBe(2)
    await keeper.change({ guards: guards([], ['10.96.0.3']) })
    expect(keeper.left).toBe(1)
    await keeper.change({ guards: guards([], ['10.96.0.1']) })
    expect(addresses(maps)).toEqual({ '10.96.0.2': CLUSTER_IP })
    expect(keeper.left).toBe(0)
  })

  it('takes as many service ranges as there is room for, and counts the rest (TR-61)', async () => {
    const maps = new FakeMaps()
    const keeper = new AddressKeeper(maps)
    const many = Array.from({ length: 10 }, (_, n) => `10.${n}.0.0/16`)
    await keeper.change({ guards: guards([], [], many) })
    expect(cidrs(maps)).toHaveLength(8)
    expect(keeper.leftCidrs).toBe(2)
    await keeper.change({ guards: guards([], [], many.slice(5)) })
    expect(cidrs(maps)).toEqual(many.slice(5))
    expect(keeper.leftCidrs).toBe(0)
    expect(await keeper.verify()).toEqual([])
  })

  it('ends at what is desired, whatever failed on the way', async () => {
    const address = fc.nat(5).map((host) => `10.96.0.${host + 1}`)
    const step = fc.record({
      added: fc.uniqueArray(address),
      removed: fc.uniqueArray(address),
      nodePorts: fc.uniqueArray(address),
      fails: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const maps = new FakeMaps()
        const keeper = new AddressKeeper(maps)
        const clusterIPs = new Set<string>()
        let last: readonly string[] = []
        for (const { added, removed, nodePorts, fails } of steps) {
          maps.onWrite = (write) => {
            if (fails && write % 2 === 0) throw new FakeBpfError('EIO', 'addresses')
          }
          const gone = removed.filter((one) => !added.includes(one))
          for (const one of added) clusterIPs.add(one)
          for (const one of gone) clusterIPs.delete(one)
          last = nodePorts
          await keeper.change({ guards: guards(added, gone), nodePorts }).catch(() => undefined)
        }
        maps.onWrite = () => {}
        await keeper.change({ complete: true })
        const all = new Set([...clusterIPs, ...last])
        const wanted = [...all].map((one) => [
          one,
          (clusterIPs.has(one) ? CLUSTER_IP : 0) | (last.includes(one) ? NODE_PORTS : 0),
        ])
        expect(addresses(maps)).toEqual(Object.fromEntries(wanted))
        expect(await keeper.verify()).toEqual([])
      }),
    )
  })
})
