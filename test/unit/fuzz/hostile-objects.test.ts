import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { wholeNumber } from '../../fuzz/environment.ts'
import { ROUND, runRound } from '../../fuzz/round.ts'

/** The same inputs every time, unless told otherwise; `make fuzz` looks further. */
const seed = wholeNumber('FUZZ_SEED') ?? 1
const inputs = wholeNumber('FUZZ_INPUTS') ?? 20_000
const rounds = Math.ceil(inputs / ROUND)

const unhandled: unknown[] = []
const note = (reason: unknown) => void unhandled.push(reason)
beforeAll(() => void process.on('unhandledRejection', note))
afterAll(() => void process.off('unhandledRejection', note))

describe(`hostile objects (seed ${seed})`, () => {
  it('crash nothing, are rejected one by one, leave nothing behind and disturb no other Service', async () => {
    const total = { taken: 0, rejected: 0, 'passed over': 0 }
    for (let round = 0; round < rounds; round++) {
      const count = Math.min(ROUND, inputs - round * ROUND)
      const { outcomes } = await runRound(seed + round, count)
      total.taken += outcomes.taken
      total.rejected += outcomes.rejected
      total['passed over'] += outcomes['passed over']
    }
    expect(unhandled).toEqual([])
    expect(total.taken + total.rejected + total['passed over']).toBe(inputs)
    // The generator is worth something only while it makes all sorts.
    expect(Math.min(...Object.values(total))).toBeGreaterThan(inputs / 20)
  }, 300_000)
})
