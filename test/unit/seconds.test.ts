import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toSeconds } from '../../control/seconds.ts'

describe('toSeconds', () => {
  it.each([
    [0.4988609999999198, 0.000499],
    [750.1234567891, 0.750123],
    [30_000, 30],
    [0, 0],
  ])('makes %d milliseconds %d', (milliseconds, seconds) => {
    expect(toSeconds(milliseconds)).toBe(seconds)
  })

  it('is printed with six digits after the point at most', () => {
    const milliseconds = fc.double({ min: 0, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(milliseconds, (ms) => {
        expect(JSON.stringify(toSeconds(ms))).toMatch(/^\d+(\.\d{1,6})?$/)
      }),
    )
  })
})
