import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, parseDuration } from '../../../control/config/duration.ts'

describe('durations', () => {
  it.each([
    ['0', 0, '0s'],
    ['0s', 0, '0s'],
    ['30s', 30, '30s'],
    ['90s', 90, '1m30s'],
    ['24h', 86_400, '24h0m0s'],
    ['1h15m', 4_500, '1h15m0s'],
    ['1.5s', 1.5, '1.5s'],
    ['.5s', 0.5, '500ms'],
    ['100ms', 0.1, '100ms'],
    ['1m0.25s', 60.25, '1m0.25s'],
    ['15us', 0.000015, '15µs'],
    ['15µs', 0.000015, '15µs'],
    ['7ns', 7e-9, '7ns'],
    ['-1m', -60, '-1m0s'],
    ['+5s', 5, '5s'],
  ])('reads %s as %d seconds and writes it as %s, as Go does', (text, seconds, written) => {
    expect(parseDuration(text)).toBe(seconds)
    expect(formatDuration(seconds)).toBe(written)
  })

  it.each(['', '1', 's', '1 s', '5x', '1h-5m', '1e3s', '99999999999s'])('refuses "%s"', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  it('reads back what it wrote', () => {
    const milliseconds = fc.integer({ min: -1e12, max: 1e12 })
    fc.assert(
      fc.property(milliseconds, (ms) => {
        expect(parseDuration(formatDuration(ms / 1e3))).toBeCloseTo(ms / 1e3, 6)
      }),
    )
  })
})
