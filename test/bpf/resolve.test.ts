import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kpAffinityChoice, kpAffinityClient } from '#abi'
import { serviceChecksum } from '../../control/mode/ebpf/checksum.ts'
import {
  ACTIVE,
  INTERNAL_DROP,
  type ServiceRecord,
  TERMINATING,
} from '../../control/mode/ebpf/records.ts'
import { chiSquareLimit, chiSquareOf } from './chi-square.ts'
import { Resolver, Verdict } from './resolver.ts'
import { range, TCP, UDP } from './tables.ts'

let resolver: Resolver

beforeEach(() => {
  resolver = new Resolver()
})

afterEach(() => resolver.close())

interface Case {
  readonly what: string
  readonly record: Partial<ServiceRecord>
  readonly verdict: number
  readonly backends?: readonly number[]
  readonly reason?: 'NO_ENDPOINT' | 'NO_LOCAL_ENDPOINT' | 'EMPTY_SLOT'
}

/** Slots 0 to 3 hold backends 10 to 13; slot 9 was never written. */
const CASES: readonly Case[] = [
  {
    what: 'chooses among active slots only, while there are any (EP-2)',
    record: { internal: range(0, 2, 2) },
    verdict: Verdict.TRANSLATE,
    backends: [10, 11],
  },
  {
    what: 'falls back to terminating slots when no active one is left (EP-2)',
    record: { internal: range(2, 0, 2) },
    verdict: Verdict.TRANSLATE,
    backends: [12, 13],
  },
  {
    what: 'refuses when nothing is usable anywhere (TR-23)',
    record: { internal: range(0, 0) },
    verdict: Verdict.REFUSE,
    reason: 'NO_ENDPOINT',
  },
  {
    what: 'drops when the local policy has no local endpoint (TR-22)',
    record: { internal: range(0, 0), flags: INTERNAL_DROP },
    verdict: Verdict.DROP,
    reason: 'NO_LOCAL_ENDPOINT',
  },
  {
    what: 'fails, and says so, on a slot that nobody wrote',
    record: { internal: range(9, 1) },
    verdict: Verdict.FAIL,
    reason: 'EMPTY_SLOT',
  },
]

describe.each([
  ['IPv4', '10.96.0.10'],
  ['IPv6', 'fd00:10:96::10'],
])('a frontend over %s', (_, address) => {
  it.each(CASES)('$what', ({ record, verdict, backends, reason }) => {
    const key = resolver.frontend(address, 80, TCP)
    resolver.fill(0, 4, 10)
    resolver.publish(key, record)
    const answers = Array.from({ length: 64 }, () => resolver.ask(key))
    expect(new Set(answers.map((answer) => answer.verdict))).toEqual(new Set([verdict]))
    if (backends !== undefined) {
      const seen = [...new Set(answers.map((answer) => answer.backendId))].sort()
      expect(seen).toEqual(backends)
    }
    if (reason !== undefined) expect(resolver.reason(reason)).toBe(64)
  })

  it('is matched exactly: another port, protocol or address is left alone (TR-1)', () => {
    resolver.fill(0, 1, 10)
    resolver.publish(resolver.frontend(address, 80, TCP), { internal: range(0, 1) })
    const other = address.replace(/10$/, '11')
    expect(resolver.ask(resolver.frontend(address, 80, TCP)).verdict).toBe(Verdict.TRANSLATE)
    for (const key of [
      resolver.frontend(address, 81, TCP),
      resolver.frontend(address, 80, UDP),
      resolver.frontend(other, 80, TCP),
    ]) {
      expect(resolver.ask(key).verdict).toBe(Verdict.PASS)
    }
  })
})

describe('the choice', () => {
  it('is uniform over the active slots (TR-3)', () => {
    const key = resolver.frontend('10.96.0.10', 80, TCP)
    const slots = 8
    const tries = 8_000
    resolver.fill(0, slots, 1)
    resolver.publish(key, { internal: range(0, slots) })
    const counts = new Array<number>(slots).fill(0)
    for (let i = 0; i < tries; i++) {
      const at = resolver.ask(key).backendId - 1
      counts[at] = (counts[at] ?? 0) + 1
    }
    expect(chiSquareOf(counts)).toBeLessThan(chiSquareLimit(slots))
  })
})

describe('a torn record', () => {
  it('is never used: it fails, and is counted', () => {
    const key = resolver.frontend('10.96.0.10', 80, TCP)
    resolver.fill(0, 2, 10)
    resolver.publish(key, { internal: range(0, 2) }, true)
    expect(resolver.ask(key).verdict).toBe(Verdict.FAIL)
    expect(resolver.reason('TORN_RECORD')).toBe(1)
  })

  it('is told from a whole one by a checksum on which C and TypeScript agree', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    fc.assert(
      fc.property(bytes(20), bytes(48), (key, value) => {
        resolver.map('services').update(key, value)
        const { checksum } = resolver.ask(key)
        resolver.map('services').delete(key)
        const view = (array: Uint8Array) => new DataView(array.buffer, array.byteOffset)
        expect(checksum).toBe(serviceChecksum(view(key), 0, view(value), 0))
      }),
      { numRuns: 300 },
    )
  })
})

describe('session affinity', () => {
  const service = { internal: range(0, 8), affinitySeconds: 60 }
  const key = () => resolver.frontend('10.96.0.10', 80, TCP)

  beforeEach(() => {
    resolver.fill(0, 8, 1)
    resolver.publish(key(), service)
  })

  /** The cookie that stands in the first two words of a client's address. */
  function netnsOf(client: Uint8Array): bigint {
    const words = new DataView(client.buffer, client.byteOffset + kpAffinityClient.address.offset)
    return (BigInt(words.getUint32(0, true)) << 32n) | BigInt(words.getUint32(4, true))
  }

  /** Moves every remembered choice into the past. */
  async function age(nanoseconds: bigint): Promise<void> {
    const map = resolver.map('affinity')
    const { keys, values, count } = await map.entries()
    expect(count).toBeGreaterThan(0)
    for (let i = 0; i < count; i++) {
      const value = values.slice(i * kpAffinityChoice.size, (i + 1) * kpAffinityChoice.size)
      const at = kpAffinityChoice.lastUsed.offset
      const view = new DataView(value.buffer)
      view.setBigUint64(at, view.getBigUint64(at, true) - nanoseconds, true)
      map.update(keys.slice(i * kpAffinityClient.size, (i + 1) * kpAffinityClient.size), value)
    }
  }

  it('keeps a client on its backend (SA-2)', () => {
    const first = resolver.ask(key()).backendId
    for (let i = 0; i < 50; i++) expect(resolver.ask(key()).backendId).toBe(first)
  })

  it('is by client: others choose for themselves (SA-1)', () => {
    const seen = new Set<number>()
    for (let netns = 1n; netns <= 64n; netns++) seen.add(resolver.ask(key(), { netns }).backendId)
    expect(seen.size).toBeGreaterThan(3)
  })

  it('holds to the second before the timeout, and no longer (SA-2, S10)', async () => {
    const first = resolver.ask(key()).backendId
    await age(59_000_000_000n)
    expect(resolver.ask(key()).backendId).toBe(first)
    const seen = new Set<number>()
    for (let i = 0; i < 64; i++) {
      seen.add(resolver.ask(key()).backendId)
      await age(60_000_000_000n)
    }
    expect(seen.size).toBeGreaterThan(3)
  })

  it('remembers thousands of clients (SA-7)', () => {
    const clients = Array.from({ length: 5_000 }, (_, n) => ({ netns: BigInt(n + 1) }))
    const first = clients.map((client) => resolver.ask(key(), client).backendId)
    expect(clients.map((client) => resolver.ask(key(), client).backendId)).toEqual(first)
    expect(new Set(first).size).toBeGreaterThan(3)
  })

  it('is one client what shares an address: all processes of a network namespace (SA-8)', () => {
    const answers = Array.from({ length: 50 }, (_, socket) =>
      resolver.ask(key(), { netns: 9n, socket: BigInt(socket) }),
    )
    expect(new Set(answers.map(({ backendId }) => backendId)).size).toBe(1)
  })

  it('takes effect, and ends, for new connections when it is switched (SA-4)', () => {
    const answers = () => Array.from({ length: 64 }, () => resolver.ask(key()).backendId)
    resolver.publish(key(), { ...service, affinitySeconds: 0 })
    expect(new Set(answers()).size).toBeGreaterThan(3)
    resolver.publish(key(), service)
    expect(new Set(answers()).size).toBe(1)
    resolver.publish(key(), { ...service, affinitySeconds: 0 })
    expect(new Set(answers()).size).toBeGreaterThan(3)
  })

  it('is the memory of one node (SA-6)', () => {
    const other = new Resolver()
    try {
      other.fill(0, 8, 1)
      other.publish(key(), service)
      const clients = Array.from({ length: 64 }, (_, n) => ({ netns: BigInt(n + 1) }))
      const here = clients.map((client) => resolver.ask(key(), client).backendId)
      const there = clients.map((client) => other.ask(key(), client).backendId)
      expect(there).not.toEqual(here)
      expect(clients.map((client) => other.ask(key(), client).backendId)).toEqual(there)
    } finally {
      other.close()
    }
  })

  it('ends when the client was away for longer than the timeout (SA-2)', async () => {
    const seen = new Set<number>()
    for (let i = 0; i < 64; i++) {
      seen.add(resolver.ask(key()).backendId)
      await age(61_000_000_000n)
    }
    expect(seen.size).toBeGreaterThan(3)
  })

  it('slides: each connection starts the time anew (SA-2)', async () => {
    const first = resolver.ask(key()).backendId
    for (let i = 0; i < 20; i++) {
      await age(40_000_000_000n)
      expect(resolver.ask(key()).backendId).toBe(first)
    }
  })

  it('chooses again when the backend left the Service, and then keeps that (SA-3)', () => {
    const first = resolver.ask(key()).backendId
    resolver.member(1, first, 0)
    const others = { ...service, internal: first === 1 ? range(1, 7) : range(0, first - 1) }
    resolver.publish(key(), others)
    const second = resolver.ask(key()).backendId
    expect(second).not.toBe(first)
    for (let i = 0; i < 20; i++) expect(resolver.ask(key()).backendId).toBe(second)
  })

  it('does not believe an entry that shows another client, or half of another backend', async () => {
    const map = resolver.map('affinity')
    const { address, backendId } = kpAffinityChoice
    resolver.ask(key())
    const { keys, values } = await map.entries()
    const client = keys.slice(0, kpAffinityClient.size)
    const whole = values.slice(0, kpAffinityChoice.size)
    const remembered = new DataView(whole.buffer).getUint32(backendId.offset, true)
    const broken = whole.slice()
    broken[address.offset + 15] = (broken[address.offset + 15] as number) ^ 1
    const stranger = client.slice()
    stranger[kpAffinityClient.address.offset] = 1
    const seen = {
      whole: new Set<number>(),
      broken: new Set<number>(),
      stranger: new Set<number>(),
    }
    for (let i = 0; i < 64; i++) {
      map.update(client, whole)
      seen.whole.add(resolver.ask(key()).backendId)
      map.update(client, broken)
      seen.broken.add(resolver.ask(key()).backendId)
      map.update(stranger, whole)
      seen.stranger.add(resolver.ask(key(), { netns: netnsOf(stranger) }).backendId)
    }
    expect([...seen.whole]).toEqual([remembered])
    expect(seen.broken.size).toBeGreaterThan(3)
    expect(seen.stranger.size).toBeGreaterThan(3)
  })

  it.each([
    ['active', ACTIVE],
    ['terminating', TERMINATING],
  ])('ends where the backend is left to traffic from outside, %s there', (_, external) => {
    const first = resolver.ask(key()).backendId
    resolver.member(1, first, 0, external)
    const others = { ...service, internal: first === 1 ? range(1, 7) : range(0, first - 1) }
    resolver.publish(key(), others)
    expect(resolver.ask(key()).backendId).not.toBe(first)
  })

  it('ends where nothing is left for traffic from this node, though others may use the backend', () => {
    const first = resolver.ask(key()).backendId
    resolver.member(1, first, 0, ACTIVE)
    resolver.publish(key(), { ...service, internal: range(0, 0), flags: INTERNAL_DROP })
    expect(resolver.ask(key()).verdict).toBe(Verdict.DROP)
  })

  it('does not depend on the state for traffic from outside', () => {
    const first = resolver.ask(key()).backendId
    for (const external of [ACTIVE, TERMINATING, 0]) {
      resolver.member(1, first, ACTIVE, external)
      expect(resolver.ask(key()).backendId).toBe(first)
    }
  })

  it('leaves a terminating backend while an active one exists, and stays where none does', () => {
    const first = resolver.ask(key()).backendId
    resolver.member(1, first, TERMINATING)
    resolver.publish(key(), { ...service, internal: range(0, 0, 8) })
    expect(resolver.ask(key()).backendId).toBe(first)
    resolver.member(1, first === 1 ? 2 : 1, ACTIVE)
    resolver.publish(key(), { ...service, internal: range(first === 1 ? 1 : 0, 1) })
    expect(resolver.ask(key()).backendId).not.toBe(first)
  })
})
