import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kpAlgorithm, kpClass } from '#abi'
import { BackendRegistry } from '../../control/mode/ebpf/backends.ts'
import { maglevTable } from '../../control/mode/ebpf/maglev.ts'
import { ALGORITHMS } from '../../control/mode/ebpf/records.ts'
import { SCHEDULERS, type Scheduler } from '../../control/model/scheduler.ts'
import { chiSquareLimit, chiSquareOf } from './chi-square.ts'
import { Resolver } from './resolver.ts'
import { range, TCP, viewOf } from './tables.ts'

let resolver: Resolver
let key: Uint8Array

beforeEach(() => {
  resolver = new Resolver()
  key = resolver.frontend('10.96.0.1', 80, TCP)
})

afterEach(() => resolver.close())

/** Backends 1 to `count`, in slots 0 to `count` - 1. */
function publish(scheduler: Scheduler, count: number, frontend = key): void {
  for (let slot = 0; slot < count; slot++) {
    resolver.slot(slot, `10.244.${slot >> 8}.${(slot & 255) + 1}`, slot + 1)
  }
  resolver.publish(frontend, {
    internal: range(0, count),
    algorithm: ALGORITHMS[scheduler],
    frontendClass: kpClass.CLUSTER_IP,
  })
}

/** How many of the answers each of `count` backends is. */
function tally(answers: readonly number[], count: number): number[] {
  const counts = new Array<number>(count).fill(0)
  for (const id of answers) counts[id - 1] = (counts[id - 1] ?? 0) + 1
  return counts
}

const repeat = <T>(times: number, one: (turn: number) => T): T[] =>
  Array.from({ length: times }, (_, turn) => one(turn))

function load(backendId: number, connections: number): void {
  const value = new Uint8Array(8)
  viewOf(value).setBigInt64(0, BigInt(connections), true)
  resolver.map('loads').update(new Uint8Array(new Uint32Array([backendId]).buffer), value)
}

describe.each(['rr', 'wrr'] as const)('%s', (scheduler) => {
  it('goes through the endpoints in order, whoever asks', () => {
    publish(scheduler, 3)
    const answers = repeat(7, (turn) => resolver.ask(key, { netns: BigInt(turn) }).backendId)
    expect(answers).toEqual([1, 2, 3, 1, 2, 3, 1])
  })

  it('has a turn for each Service, and goes on where a list gets shorter', () => {
    const other = resolver.frontend('10.96.0.2', 80, TCP)
    publish(scheduler, 4)
    resolver.publish(other, {
      serviceId: 2,
      internal: range(0, 2),
      algorithm: kpAlgorithm.ROUND_ROBIN,
    })
    expect(repeat(3, () => resolver.ask(key).backendId)).toEqual([1, 2, 3])
    expect(repeat(3, () => resolver.ask(other).backendId)).toEqual([1, 2, 1])
    publish(scheduler, 2)
    expect(repeat(3, () => resolver.ask(key).backendId)).toEqual([1, 2, 1])
  })
})

describe.each(['lc', 'wlc', 'sed', 'nq'] as const)('%s', (scheduler) => {
  it('takes the endpoint with the fewest connections', () => {
    publish(scheduler, 5)
    for (const [at, connections] of [7, 3, 1, 9, 2].entries()) load(at + 1, connections)
    expect(new Set(repeat(50, () => resolver.ask(key).backendId))).toEqual(new Set([3]))
    load(3, 4)
    expect(new Set(repeat(50, () => resolver.ask(key).backendId))).toEqual(new Set([5]))
  })

  it('gives endpoints that are alike equal shares (chi-square)', () => {
    publish(scheduler, 8)
    const answers = repeat(3_200, () => resolver.ask(key).backendId)
    expect(chiSquareOf(tally(answers, 8))).toBeLessThan(chiSquareLimit(8))
  })

  it('finds the one of 64', () => {
    publish(scheduler, 64)
    for (let id = 1; id <= 64; id++) load(id, id === 40 ? 1 : 2)
    expect(new Set(repeat(20, () => resolver.ask(key).backendId))).toEqual(new Set([40]))
  })

  it('of more than 64 takes the better of two, and so leaves the busiest alone', () => {
    publish(scheduler, 100)
    for (let id = 1; id <= 100; id++) load(id, id)
    const answers = repeat(2_000, () => resolver.ask(key).backendId)
    const upperHalf = answers.filter((id) => id > 50).length / answers.length
    // Both picks are in the upper half with a chance of a quarter.
    expect(upperHalf).toBeGreaterThan(0.2)
    expect(upperHalf).toBeLessThan(0.3)
  })
})

describe('sh', () => {
  it('gives a client the same endpoint again, and clients equal shares (chi-square)', () => {
    publish('sh', 8)
    const answers = repeat(
      3_200,
      (turn) => resolver.ask(key, { netns: BigInt(turn + 1) }).backendId,
    )
    expect(chiSquareOf(tally(answers, 8))).toBeLessThan(chiSquareLimit(8))
    const again = repeat(3_200, (turn) => resolver.ask(key, { netns: BigInt(turn + 1) }).backendId)
    expect(again).toEqual(answers)
  })
})

describe('dh', () => {
  it('gives everybody who names an address the same endpoint, and addresses equal shares', () => {
    const frontends = repeat(50, (turn) => resolver.frontend(`10.96.1.${turn + 1}`, 80, TCP))
    const answers = frontends.map((frontend) => {
      publish('dh', 4, frontend)
      const seen = new Set(
        repeat(5, (n) => resolver.ask(frontend, { netns: BigInt(n + 1) }).backendId),
      )
      expect(seen.size).toBe(1)
      return [...seen][0] ?? 0
    })
    expect(chiSquareOf(tally(answers, 4))).toBeLessThan(chiSquareLimit(4))
  })
})

describe('mh', () => {
  /** The backends of a Maglev table, as the planner stores them. */
  function publishTable(ids: readonly number[]): void {
    const registry = new BackendRegistry()
    const indexes = ids.map((id) => {
      registry.look(
        {
          address: `10.244.0.${id}`,
          port: 8080,
          targetUid: '',
          targetName: '',
          zone: '',
          local: false,
        },
        TCP,
      )
      return registry.add(id)
    })
    const table = maglevTable(indexes, registry)
    for (const [slot, index] of table.entries()) {
      resolver.slot(slot, `10.244.0.${registry.id(index)}`, registry.id(index))
    }
    resolver.publish(key, { internal: range(0, table.length), algorithm: kpAlgorithm.MAGLEV })
  }

  const sockets = repeat(4_000, (turn) => ({ netns: 5n, socket: BigInt(turn + 1) }))
  const answersOf = () => sockets.map((client) => resolver.ask(key, client).backendId)

  it('gives endpoints equal shares of the connections (chi-square)', () => {
    publishTable([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    // The shares of the table itself differ by up to one place in 25, hence the wider bound.
    expect(chiSquareOf(tally(answersOf(), 10))).toBeLessThan(chiSquareLimit(10) * 2)
  })

  it('moves few connections when an endpoint goes', () => {
    publishTable([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const before = answersOf()
    publishTable([1, 2, 3, 4, 5, 6, 7, 9, 10])
    const after = answersOf()
    const moved = after.filter((id, turn) => before[turn] !== 8 && before[turn] !== id)
    expect(moved.length / after.length).toBeLessThan(0.15)
  })
})

describe('every scheduler', () => {
  it.each(SCHEDULERS)('%s falls back to terminating endpoints (EP-2)', (scheduler) => {
    publish(scheduler, 3)
    resolver.publish(key, { internal: range(0, 0, 3), algorithm: ALGORITHMS[scheduler] })
    for (let turn = 0; turn < 20; turn++) {
      const { backendId } = resolver.ask(key, { netns: BigInt(turn), socket: BigInt(turn) })
      expect([1, 2, 3]).toContain(backendId)
    }
  })
})
