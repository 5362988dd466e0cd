import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { NodeWatch, type NodeWatchOptions } from '../../../control/agent/node-watch.ts'
import { FakeTime } from '../events/fake-time.ts'
import { node } from '../model/build.ts'

const SECOND = 1_000
const addresses = [{ type: 'InternalIP', address: '192.0.2.1' }]
const bare = node(undefined, 'n1', { addresses })
const withCIDRs = (...podCIDRs: readonly string[]) => node(undefined, 'n1', { addresses, podCIDRs })

function begin(
  detectLocalMode: NodeWatchOptions['detectLocalMode'],
  check: NonNullable<NodeWatchOptions['check']> = () => [],
) {
  const clock = new FakeTime()
  const lines: { level: number; msg: string; reason?: string }[] = []
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  let ends = 0
  const end = () => void ends++
  const watch = new NodeWatch({ nodeName: 'n1', detectLocalMode, log, end, clock, check })
  watch.start()
  return { watch, clock, lines, ends: () => ends }
}

describe('an agent in mode NodeCIDR', () => {
  it('waits 30 s for its Node and 5 minutes more for podCIDRs, then ends and says why (IN-50)', async () => {
    const { watch, clock, lines, ends } = begin('NodeCIDR')
    await clock.pass(31 * SECOND)
    watch.accepted(bare)
    await clock.pass(298 * SECOND)
    expect(ends()).toBe(0)
    expect(lines).toEqual([])
    await clock.pass(1 * SECOND)
    expect(ends()).toBe(1)
    expect(lines).toMatchObject([
      {
        level: 50,
        reason: expect.stringMatching(/^the Node has no podCIDRs, which detectLocalMode/),
      },
    ])
    watch.accepted(withCIDRs('10.244.1.0/24'))
    await clock.pass(1_000 * SECOND)
    expect(ends()).toBe(1)
  })

  it('takes podCIDRs that come in time (IN-50)', async () => {
    const { watch, clock, lines, ends } = begin('NodeCIDR')
    watch.accepted(bare)
    await clock.pass(329 * SECOND)
    watch.accepted(withCIDRs('10.244.1.0/24'))
    await clock.pass(1_000 * SECOND)
    expect({ ends: ends(), lines }).toEqual({ ends: 0, lines: [] })
  })

  it.each([
    ['change', ['10.244.2.0/24'], 'from 10.244.1.0/24 to 10.244.2.0/24'],
    ['become more', ['10.244.1.0/24', 'fd00::/64'], 'to 10.244.1.0/24, fd00::/64'],
    ['are taken away', [], 'to none'],
  ])('ends when podCIDRs %s, and says so (IN-51)', (_, podCIDRs, words) => {
    const { watch, lines, ends } = begin('NodeCIDR')
    watch.accepted(withCIDRs('10.244.1.0/24'))
    watch.accepted(withCIDRs('10.244.1.0/24'))
    expect(ends()).toBe(0)
    watch.accepted(withCIDRs(...podCIDRs))
    expect(ends()).toBe(1)
    expect(lines).toMatchObject([{ level: 50, reason: expect.stringContaining(words) }])
  })

  it('goes on when its Node is deleted and comes back as it was (IN-51)', () => {
    const { watch, ends } = begin('NodeCIDR')
    watch.accepted(withCIDRs('10.244.1.0/24'))
    watch.accepted(undefined)
    watch.accepted(withCIDRs('10.244.1.0/24'))
    expect(ends()).toBe(0)
    watch.accepted(undefined)
    watch.accepted(withCIDRs('10.244.2.0/24'))
    expect(ends()).toBe(1)
  })

  it('that is stopped waits for nothing any longer', async () => {
    const { watch, clock, ends } = begin('NodeCIDR')
    watch.stop()
    await clock.pass(1_000 * SECOND)
    watch.accepted(bare)
    expect(ends()).toBe(0)
  })
})

describe('an agent in any other mode', () => {
  it('says once that it goes on without its Node, and never ends for it (IN-50, IN-51)', async () => {
    const { watch, clock, lines, ends } = begin('ClusterCIDR')
    await clock.pass(29 * SECOND)
    expect(lines).toEqual([])
    await clock.pass(1_000 * SECOND)
    watch.accepted(withCIDRs('10.244.1.0/24'))
    watch.accepted(withCIDRs())
    expect(ends()).toBe(0)
    expect(lines).toMatchObject([
      { level: 40, msg: expect.stringContaining('the Node object does not exist') },
    ])
  })

  it('logs other addresses and goes on (IN-51)', () => {
    const { watch, lines, ends } = begin('BridgeInterface')
    const moved = [{ type: 'InternalIP', address: '192.0.2.9' }]
    watch.accepted(bare)
    watch.accepted(node('a', 'n1', { addresses }))
    watch.accepted(node('a', 'n1', { addresses: moved }))
    expect(ends()).toBe(0)
    expect(lines).toMatchObject([
      {
        level: 30,
        msg: 'node addresses changed',
        from: { 4: '192.0.2.1' },
        to: { 4: '192.0.2.9' },
      },
    ])
  })

  it('ends where its configuration cannot work on this Node, and says of the rest what to do (CF-5)', () => {
    const findings = [
      { severity: 'warning', message: 'nodePortAddresses has no IPv6 range' },
      { severity: 'error', message: 'clusterCIDR is "fd00::/64", of IPv6 only' },
    ] as const
    const { watch, lines, ends } = begin('ClusterCIDR', () => findings)
    expect(ends()).toBe(0)
    watch.accepted(bare)
    expect(ends()).toBe(1)
    expect(lines).toMatchObject([
      { level: 40, msg: 'nodePortAddresses has no IPv6 range' },
      { level: 50, reason: 'clusterCIDR is "fd00::/64", of IPv6 only' },
    ])
  })

  it('compares its configuration with a Node that comes late, too (CF-5)', async () => {
    const { watch, clock, ends } = begin('ClusterCIDR', () => [
      { severity: 'error', message: 'no' },
    ])
    await clock.pass(40 * SECOND)
    expect(ends()).toBe(0)
    watch.accepted(bare)
    expect(ends()).toBe(1)
  })

  it('compares its configuration with the Node once (CF-5)', () => {
    let checks = 0
    const { watch } = begin('ClusterCIDR', () => {
      checks++
      return []
    })
    watch.accepted(bare)
    watch.accepted(withCIDRs('10.244.1.0/24'))
    expect(checks).toBe(1)
  })
})
