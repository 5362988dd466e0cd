import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Patroller } from '../../../control/agent/patroller.ts'
import type { PatrolReport } from '../../../control/mode/mode.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

function parts(reports: (PatrolReport | Error)[]) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const mode = {
    async patrol() {
      const report = reports.shift() ?? { checked: 0, isRoundEnd: false, problems: [] }
      if (report instanceof Error) throw report
      return report
    },
  }
  return { lines, patroller: new Patroller({ mode, log, periodMs: 1_000 }) }
}

describe('Patroller', () => {
  it('goes round once in every period and counts what was repaired', async () => {
    const { patroller, lines } = parts([
      { checked: 5, isRoundEnd: false, problems: [] },
      { checked: 3, isRoundEnd: false, problems: ['a row is missing', 'a slot differs'] },
    ])
    patroller.start()
    expect(patroller.status).toEqual({ checked: 0, repaired: 0, lastAt: null, last: [] })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(patroller.status).toEqual({ checked: 5, repaired: 0, lastAt: null, last: [] })
    expect(lines).toEqual([])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(patroller.status).toMatchObject({
      checked: 8,
      repaired: 2,
      last: ['a row is missing', 'a slot differs'],
    })
    expect(lines).toMatchObject([{ level: 40, count: 2 }])
    await patroller.stop()
  })

  it('goes on after a round that fails, and says so', async () => {
    const { patroller, lines } = parts([
      new Error('EIO'),
      { checked: 1, isRoundEnd: false, problems: [] },
    ])
    patroller.start()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(lines).toMatchObject([{ level: 50 }])
    expect(patroller.status.checked).toBe(1)
    await patroller.stop()
  })

  it('ends with the round that is under way', async () => {
    const { patroller } = parts([])
    patroller.start()
    await patroller.stop()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(patroller.status.checked).toBe(0)
  })
})
