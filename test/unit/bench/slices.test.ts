import { describe, expect, test } from 'vitest'
import { differences, ratio, readRun, summary } from '../../bench/slices.ts'

function slice(round: number, arm: string, p50: number, count = 100, failures = 0): string {
  return JSON.stringify({
    round,
    arm,
    count,
    failures,
    error: failures === 0 ? '' : 'connect: Connection refused',
    p50,
    p99: p50 * 2,
    mean: p50,
    histogram: count === 0 ? [] : [40, count],
  })
}

function round(number: number, steal: number, direct: number, kproxy: number): string {
  return [
    slice(number, 'direct', direct),
    slice(number, 'kproxy', kproxy),
    JSON.stringify({ round: number, steal }),
  ].join('\n')
}

describe('runs of the client', () => {
  test('ratios are taken inside a round, so a slow machine cancels out', () => {
    const run = readRun([round(0, 0, 100, 110), round(1, 0, 1000, 1100)].join('\n'))
    expect(ratio(run, 'kproxy', 'direct')).toEqual({ value: 1.1, low: 1.1, high: 1.1 })
    expect(differences(run, 'kproxy', 'direct')).toEqual([10, 100])
  })

  test('a round with more than 5 % steal does not count, and is named', () => {
    const run = readRun(
      [round(0, 0.05, 100, 100), round(1, 0.051, 100, 900), round(2, 0.01, 100, 100)].join('\n'),
    )
    expect(run.rounds).toBe(2)
    expect(run.discarded).toEqual([1])
    expect(run.steal).toBe(0.05)
    expect(ratio(run, 'kproxy', 'direct').value).toBe(1)
  })

  test('a round that was cut off does not count', () => {
    const run = readRun([round(0, 0, 100, 100), slice(1, 'direct', 5)].join('\n'))
    expect(summary(run, 'direct')).toMatchObject({ count: 100, p50: 100 })
  })

  test('a round in which an arm got no CPU does not count', () => {
    const starved = [slice(1, 'direct', 100), slice(1, 'kproxy', 0, 0)]
    const text = [round(0, 0, 100, 100), ...starved, JSON.stringify({ round: 1, steal: 0 })]
    expect(readRun(text.join('\n'))).toMatchObject({ rounds: 1, discarded: [1] })
  })

  test('an arm that never connected is an error that says why', () => {
    const text = [slice(0, 'direct', 0, 0, 20), JSON.stringify({ round: 0, steal: 0 })].join('\n')
    expect(() => readRun(text)).toThrow(/arm direct .* Connection refused/)
  })

  test('a run with nothing but stolen rounds is refused', () => {
    expect(() => readRun(round(0, 0.3, 100, 100))).toThrow(/too busy/)
  })
})
