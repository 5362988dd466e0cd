import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Arena } from '../../../control/mode/ebpf/arena.ts'

const commands = fc.array(
  fc.record({ allocate: fc.boolean(), size: fc.integer({ min: 1, max: 20 }), pick: fc.nat(100) }),
  { maxLength: 120 },
)

describe('the arena', () => {
  it('never gives out a slot twice, and counts what is free', () => {
    fc.assert(
      fc.property(commands, (list) => {
        const arena = new Arena(128)
        const taken = new Uint8Array(128)
        const ranges: { base: number; size: number }[] = []
        for (const { allocate, size, pick } of list) {
          if (allocate) {
            const base = arena.allocate(size)
            if (base < 0) {
              expect(longestFree(taken)).toBeLessThan(size)
              continue
            }
            expect(taken.subarray(base, base + size)).toEqual(new Uint8Array(size))
            expect(base + size).toBeLessThanOrEqual(128)
            taken.fill(1, base, base + size)
            ranges.push({ base, size })
          } else {
            const [range] = ranges.splice(pick % Math.max(1, ranges.length), 1)
            if (range === undefined) continue
            arena.release(range.base, range.size)
            taken.fill(0, range.base, range.base + range.size)
          }
          expect(arena.free).toBe(taken.filter((byte) => byte === 0).length)
        }
      }),
    )
  })

  it('is one piece again when everything was given back', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...Array(12).keys()], { minLength: 12 }), (order) => {
        const arena = new Arena(60)
        const bases = order.map(() => arena.allocate(5))
        for (const at of order) arena.release(bases[at] as number, 5)
        expect(arena.allocate(60)).toBe(0)
      }),
    )
  })

  it('finds exactly the gaps after a rebuild', () => {
    const arena = new Arena(10)
    arena.rebuild(Uint8Array.of(1, 0, 0, 1, 1, 0, 1, 0, 0, 0))
    expect(arena.free).toBe(6)
    expect(arena.allocate(3)).toBe(7)
    expect(arena.allocate(2)).toBe(1)
    expect(arena.allocate(2)).toBe(-1)
    expect(arena.allocate(1)).toBe(5)
    expect(arena.allocate(1)).toBe(-1)
  })

  it('allocates neighbours for services that come one after another', () => {
    const arena = new Arena(100)
    expect([arena.allocate(3), arena.allocate(3), arena.allocate(3)]).toEqual([0, 3, 6])
  })
})

function longestFree(taken: Uint8Array): number {
  return Math.max(
    ...taken
      .join('')
      .split('1')
      .map((gap) => gap.length),
  )
}
