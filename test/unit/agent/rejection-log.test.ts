import { describe, expect, it } from 'vitest'
import { RejectionLog } from '../../../control/agent/rejection-log.ts'

describe('a rejection', () => {
  it('is news once for each reason', () => {
    const log = new RejectionLog()
    expect(log.isNews('Service default/a', 'one')).toBe(true)
    expect(log.isNews('Service default/a', 'one')).toBe(false)
    expect(log.isNews('Service default/a', 'other')).toBe(true)
    expect(log.isNews('Service default/b', 'other')).toBe(true)
  })

  it('of subjects without end is forgotten some time', () => {
    const log = new RejectionLog()
    for (let index = 0; index < 5_000; index++) log.isNews(`Service default/${index}`, 'one')
    expect(log.isNews('Service default/0', 'one')).toBe(true)
    expect(log.isNews('Service default/4999', 'one')).toBe(false)
  })
})
