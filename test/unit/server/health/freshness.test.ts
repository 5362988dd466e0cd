import { describe, expect, it } from 'vitest'
import { type FamilyName, Freshness } from '../../../../control/server/health/freshness.ts'
import { FakeClock } from './clock.ts'

const BOTH: readonly FamilyName[] = ['IPv4', 'IPv6']

function begun() {
  const clock = new FakeClock()
  const freshness = new Freshness(BOTH, 30_000, clock)
  freshness.begin()
  return { clock, freshness }
}

const healthOf = (freshness: Freshness) =>
  Object.fromEntries([...freshness.status()].map(([family, { healthy }]) => [family, healthy]))

describe('Freshness', () => {
  it('is healthy with an empty status before syncing begins (HL-1)', () => {
    const freshness = new Freshness(BOTH, 30_000, new FakeClock())
    expect(freshness.healthy).toBe(true)
    expect(freshness.status().size).toBe(0)
    expect(freshness.lastUpdated).toBeUndefined()
  })

  it.each([
    ['healthy', 59.999, true],
    ['unhealthy', 60, false],
  ])(
    'is %s after a change has waited for %d s of two sync periods of 30 s (HL-1)',
    (_, seconds, ok) => {
      const { clock, freshness } = begun()
      freshness.queued(['IPv4'])
      clock.pass(seconds)
      expect(freshness.healthy).toBe(ok)
    },
  )

  it('counts from the oldest change that waits, not from the newest (HL-1)', () => {
    const { clock, freshness } = begun()
    freshness.queued(['IPv4'])
    clock.pass(40)
    freshness.queued(['IPv4'])
    clock.pass(20)
    expect(freshness.healthy).toBe(false)
  })

  it('is healthy again after a success (HL-1)', () => {
    const { clock, freshness } = begun()
    freshness.queued(['IPv4'])
    clock.pass(100)
    freshness.updated(['IPv4'])
    expect(freshness.healthy).toBe(true)
    expect(freshness.status().get('IPv4')?.lastUpdated).toBe(clock.wallMs)
  })

  it('judges each family on its own, and all together (HL-2)', () => {
    const { clock, freshness } = begun()
    freshness.queued(BOTH)
    freshness.updated(['IPv4'])
    clock.pass(60)
    expect(healthOf(freshness)).toEqual({ IPv4: true, IPv6: false })
    expect(freshness.healthy).toBe(false)
  })

  it('stays healthy for ever while nothing waits', () => {
    const { clock, freshness } = begun()
    clock.pass(1e6)
    expect(freshness.healthy).toBe(true)
  })

  it('does not mind when the clock jumps', () => {
    const { clock, freshness } = begun()
    freshness.queued(BOTH)
    clock.jump(86_400)
    expect(freshness.healthy).toBe(true)
    clock.jump(-200_000)
    clock.pass(60)
    expect(freshness.healthy).toBe(false)
  })

  it('knows nothing of a family that this host does not have', () => {
    const clock = new FakeClock()
    const freshness = new Freshness(['IPv4'], 30_000, clock)
    freshness.begin()
    freshness.queued(BOTH)
    freshness.updated(['IPv4'])
    clock.pass(60)
    expect(healthOf(freshness)).toEqual({ IPv4: true })
    expect(freshness.healthy).toBe(true)
  })
})
