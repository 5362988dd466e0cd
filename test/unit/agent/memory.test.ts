import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { releaseMemorySoon } from '../../../control/agent/memory.ts'

describe('releaseMemorySoon', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })

  it('asks once, when the start has settled, for a collection that gives pages back', () => {
    const gc = vi.fn()
    vi.stubGlobal('gc', gc)
    releaseMemorySoon()
    expect(gc).not.toHaveBeenCalled()
    vi.advanceTimersByTime(60_000)
    expect(gc.mock.calls).toEqual([[{ type: 'major', flavor: 'last-resort' }]])
  })

  it('does nothing where the launcher did not expose the collector', () => {
    vi.stubGlobal('gc', undefined)
    releaseMemorySoon()
    expect(() => vi.advanceTimersByTime(60_000)).not.toThrow()
  })
})
