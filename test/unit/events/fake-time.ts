import type { Clock } from '../../../control/source/kubernetes/clock.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** Time that passes only when a test says so. */
export class FakeTime implements Clock {
  #now = 0
  #timers: Timer[] = []

  now(): number {
    return this.#now
  }

  sleep(): Promise<void> {
    return new Promise(() => {})
  }

  timer(milliseconds: number, callback: () => void): () => void {
    const timer = { at: this.#now + milliseconds, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Lets time pass, one timer after the other, and what they begin come to its end. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    for (;;) {
      await settled()
      const next = this.#timers.toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      this.#now = Math.max(this.#now, next.at)
      this.#timers = this.#timers.filter((other) => other !== next)
      next.callback()
    }
    this.#now = end
    await settled()
  }
}

/** Everything that waits for nothing outside has happened. */
export const settled = () => new Promise((resolve) => setImmediate(resolve))
