import { describe, expect, it } from 'vitest'
import { formatAge, formatBytes, formatSeconds } from '../../../control/cli/duration.ts'
import { formatTable } from '../../../control/cli/table.ts'

describe('formatAge', () => {
  it.each([
    [0, '0s'],
    [59.9, '59s'],
    [60, '1m'],
    [312, '5m12s'],
    [3600, '1h'],
    [3725, '1h2m'],
    [273_600, '3d4h'],
    [-5, '0s'],
  ])('prints %d seconds as %s', (seconds, text) => {
    expect(formatAge(seconds)).toBe(text)
  })
})

describe('formatSeconds', () => {
  it.each([
    [0.000085, '85 us'],
    [0.0012, '1.2 ms'],
    [3.41, '3.4 s'],
    [0.11, '110 ms'],
    [0.0271, '27 ms'],
    [0.00996, '10 ms'],
    [120, '120 s'],
  ])('prints %d as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text)
  })
})

describe('formatBytes', () => {
  it.each([
    [512, '512 B'],
    [2048, '2.0 KiB'],
    [6_606_028, '6.3 MiB'],
  ])('prints %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })
})

describe('formatTable', () => {
  it('aligns columns by three spaces, without borders or trailing blanks', () => {
    const text = formatTable(
      ['NAME', 'ENDPOINTS'],
      [
        ['web', 3],
        ['a-longer-name', ''],
      ],
    )
    expect(text).toBe(
      ['NAME            ENDPOINTS', 'web             3', 'a-longer-name   <none>'].join('\n'),
    )
  })
})
