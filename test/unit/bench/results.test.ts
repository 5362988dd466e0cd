import { describe, expect, test } from 'vitest'
import { judged, type Measurement, type Result } from '../../bench/results.ts'
import { formatResults } from '../../bench/table.ts'

const measurement: Measurement = {
  id: 'P1',
  metric: 'connect() p50 / direct',
  unit: 'ratio',
  arm: 'kproxy',
  size: 10_000,
  value: 1.012,
  low: 1.004,
  high: 1.021,
}

const judgement = (goal: Measurement['goal'], change: Partial<Measurement> = {}) => {
  const { goal: text, met } = judged({ ...measurement, ...change, goal })
  return [text, met]
}

describe('goals', () => {
  test('a result without a goal is neither met nor missed', () => {
    expect(judgement(undefined)).toEqual([null, null])
  })

  test('limits are judged by the value, not by the kinder end of the interval', () => {
    expect(judgement({ kind: 'at most', limit: 1.02 })).toEqual(['<= 1.02', true])
    expect(judgement({ kind: 'at most', limit: 1.01 })).toEqual(['<= 1.01', false])
    expect(judgement({ kind: 'at least', limit: 1.02 })).toEqual(['>= 1.02', false])
  })

  test('a slope is zero when its interval holds zero', () => {
    expect(judgement({ kind: 'contains', limit: 0 }, { low: -0.1, high: 0.1 })[1]).toBe(true)
    expect(judgement({ kind: 'contains', limit: 0 }, { low: 0.01, high: 0.1 })[1]).toBe(false)
  })

  test('a ratio reaches 1.00 by rounding or by its interval, and not otherwise', () => {
    const goal = { kind: 'reaches', limit: 1 } as const
    expect(judgement(goal, { value: 1.004, low: 1.002, high: 1.006 })).toEqual(['= 1.00', true])
    expect(judgement(goal, { value: 1.02, low: 0.99, high: 1.05 })[1]).toBe(true)
    expect(judgement(goal, { value: 1.22, low: 1.21, high: 1.23 })[1]).toBe(false)
  })
})

describe('the table', () => {
  test('groups by question, aligns columns and names what was missed', () => {
    const results: Result[] = [
      judged({ ...measurement, goal: { kind: 'at most', limit: 1.01 } }),
      judged({ ...measurement, id: 'P9', metric: 'RSS', unit: 'MB', value: 93, low: 93, high: 93 }),
    ]
    expect(formatResults(results).split('\n')).toEqual([
      'P1  connect() to a Service among many, against direct pod-to-pod',
      '  SERVICES  ARM     METRIC                  VALUE  95 % INTERVAL   UNIT   GOAL',
      '     10000  kproxy  connect() p50 / direct  1.012  [1.004, 1.021]  ratio  <= 1.01  MISSED',
      '',
      'P9  memory of the agent and of its maps',
      '  SERVICES  ARM     METRIC                  VALUE  95 % INTERVAL   UNIT   GOAL',
      '     10000  kproxy  RSS                      93.0                  MB',
    ])
  })
})
