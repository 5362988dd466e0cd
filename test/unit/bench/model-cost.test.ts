import { describe, expect, test } from 'vitest'
import { type ModelSeries, measureModelHere, modelResults } from '../../bench/model-cost.ts'

const slopesOf = (series: readonly ModelSeries[]) =>
  modelResults(series).filter(({ metric }) => metric.startsWith('slope'))

describe('the model alone', () => {
  const series = (services: number, medians: readonly number[], endpoints = 10) =>
    ({ event: 'service', services, endpoints, medians, p99: 0 }) as const

  test('a slope is microseconds for each further 10,000 Services', () => {
    const results = modelResults([series(1_000, [5, 5]), series(21_000, [9, 9])])
    expect(results.map(({ value, unit, size }) => [value, unit, size])).toEqual([
      [5, 'us', 1_000],
      [9, 'us', 21_000],
      [2, 'us/10000 Services', 21_000],
    ])
  })

  test('one size has no slope, and a Service of another kind has no part in one', () => {
    expect(slopesOf([series(1_000, [5])])).toEqual([])
    expect(slopesOf([series(1_000, [5]), series(1, [900], 5_000)])).toEqual([])
  })

  test('every event is measured at every size, and at one large Service', () => {
    const measured = measureModelHere({ sizes: [2, 3], rounds: 1 })
    expect(measured.map(({ event, services }) => `${event} ${services}`)).toEqual([
      ...['endpoint', 'service', 'arrival', 'again', 'heartbeat'].map((event) => `${event} 2`),
      ...['endpoint', 'service', 'arrival', 'again', 'heartbeat'].map((event) => `${event} 3`),
      'endpoint 1',
    ])
    expect(measured.every(({ medians }) => medians.length === 1)).toBe(true)
    expect(slopesOf(measured)).toHaveLength(5)
  })
})
