import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { releaseMemorySoon } from '../../../control/agent/memory.ts'

describe('releaseMemorySoon', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('asks once, when the start has settled', () => {
    const release = vi.fn()
    releaseMemorySoon(release)
    expect(release).not.toHaveBeenCalled()
    vi.advanceTimersByTime(60_000)
    expect(release).toHaveBeenCalledOnce()
  })
})
