import { describe, expect, test } from 'vitest'
import { cpuTimeOf, milliCpu, sampleOf } from '../../bench/cpu.ts'

describe('CPU time of a process', () => {
  const stat = (command: string) =>
    `4711 (${command}) S 1 4711 4711 0 -1 4194304 9000 0 3 0 1234 66 7 8 20 0 11 0 500 1000000 2000`

  test('is user and system time, in milliseconds, without that of its children', () => {
    expect(cpuTimeOf(stat('node'))).toBe(13_000)
  })

  test('does not depend on what the command is called', () => {
    expect(cpuTimeOf(stat('a) S 1 (b c'))).toBe(13_000)
  })
})

describe('a share of CPU', () => {
  test('is of the whole time, also where windows differ', () => {
    const readings = [
      { at: 0, cpu: 100 },
      { at: 1_000, cpu: 110 },
      { at: 4_000, cpu: 120 },
    ]
    expect(milliCpu(readings).value).toBe(5)
  })

  test('has an interval that spans what the windows show', () => {
    const cpu = [0, 10, 10, 30, 30, 40, 60, 60, 70]
    const { value, low, high } = milliCpu(cpu.map((cpu, at) => ({ at: at * 1e4, cpu })))
    expect(value).toBeCloseTo(0.875)
    expect(low).toBeGreaterThanOrEqual(0)
    expect(low).toBeLessThan(value)
    expect(high).toBeGreaterThan(value)
    expect(high).toBeLessThanOrEqual(2)
  })

  test('needs two readings', () => {
    expect(() => milliCpu([{ at: 0, cpu: 0 }])).toThrow(/two readings/)
  })
})

describe('a sample of a metrics page', () => {
  const page = [
    '# HELP syncs_total Syncs',
    '# TYPE syncs_total counter',
    'syncs_total{result="error"} 2',
    'syncs_total{result="success"} 40',
    'syncs_total_more 7',
    '',
  ].join('\n')

  test('is found by its whole name and labels', () => {
    expect(sampleOf(page, 'syncs_total{result="success"}')).toBe(40)
    expect(sampleOf(page, 'syncs_total_more')).toBe(7)
  })

  test('that is not there is an error, not zero', () => {
    expect(() => sampleOf(page, 'syncs_total')).toThrow(/no syncs_total/)
  })
})
