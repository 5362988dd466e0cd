import { describe, expect, it } from 'vitest'
import { familiesOf } from '../../../control/model/families.ts'
import {
  NODE_WAIT_MS,
  nodeGate,
  POD_CIDR_WAIT_MS,
  restartReason,
} from '../../../control/model/node-gate.ts'
import { node } from './build.ts'

const addresses = [{ type: 'InternalIP', address: '192.0.2.1' }]
const ready = node(undefined, 'n1', { addresses })
const complete = node(undefined, 'n1', { addresses, podCIDRs: ['10.0.0.0/24'] })
const LATE = NODE_WAIT_MS + POD_CIDR_WAIT_MS

describe('a start', () => {
  it.each([
    ['goes on with a Node that has addresses', ready, 'ClusterCIDR', 0, 'go'],
    ['waits for the Node', undefined, 'ClusterCIDR', NODE_WAIT_MS - 1, 'wait'],
    ['waits for its addresses', node(undefined), 'ClusterCIDR', 0, 'wait'],
    ['goes on without a Node after 30 s', undefined, 'ClusterCIDR', NODE_WAIT_MS, 'go'],
    ['goes on with pod CIDRs in mode NodeCIDR', complete, 'NodeCIDR', 0, 'go'],
    ['waits 5 minutes more for pod CIDRs', ready, 'NodeCIDR', LATE - 1, 'wait'],
    ['waits as long for a Node in mode NodeCIDR', undefined, 'NodeCIDR', LATE - 1, 'wait'],
    ['ends without pod CIDRs after that', ready, 'NodeCIDR', LATE, 'end'],
  ] as const)('%s (IN-50)', (_, known, mode, waitedMs, decision) => {
    expect(nodeGate(known, mode, waitedMs).decision).toBe(decision)
  })

  it('says why it goes on or ends without what it waited for (IN-50)', () => {
    expect(nodeGate(undefined, 'ClusterCIDR', NODE_WAIT_MS)).toMatchObject({
      warning: expect.stringContaining('127.0.0.1 and ::1 stand in'),
    })
    expect(nodeGate(ready, 'NodeCIDR', LATE)).toMatchObject({
      message: expect.stringContaining('the Node has no podCIDRs'),
    })
  })
})

describe('a restart is needed', () => {
  const started = ['10.0.0.0/24']
  it('when pod CIDRs change in mode NodeCIDR (IN-51)', () => {
    const moved = node(undefined, 'n1', { podCIDRs: ['10.9.0.0/24'] })
    expect(restartReason('NodeCIDR', started, moved)).toBe(
      "the Node's podCIDRs have changed from 10.0.0.0/24 to 10.9.0.0/24; a restart takes them up",
    )
    expect(restartReason('NodeCIDR', started, node(undefined))).toContain('to none')
  })

  it.each([
    ['in another mode', 'ClusterCIDR', node(undefined)],
    ['while they are the same', 'NodeCIDR', complete],
    ['when the Node is deleted', 'NodeCIDR', undefined],
  ] as const)('not %s (IN-51)', (_, mode, known) => {
    expect(restartReason(mode, started, known)).toBeUndefined()
  })
})

describe('the families that are served (IN-44)', () => {
  const both = { hasIPv6: true, disablesIPv6: false }
  it.each([
    ['both, the primary one first', 4, both, [4, 6]],
    ['both, the primary one first', 6, both, [6, 4]],
    ['IPv4 where the kernel has no IPv6', 4, { ...both, hasIPv6: false }, [4]],
    ['IPv4 where IPv6 is switched off', 4, { ...both, disablesIPv6: true }, [4]],
  ] as const)('are %s: primary IPv%i', (_, primary, host, expected) => {
    expect(familiesOf(primary, host)).toEqual(expected)
  })

  it('cannot do without the primary one', () => {
    expect(familiesOf(6, { ...both, disablesIPv6: true })).toContain('switched off by sysctl')
    expect(familiesOf(6, { ...both, hasIPv6: false })).toContain('not in this kernel')
  })
})
