/** Time as the reflector sees it, so that tests can make their own. */
export interface Clock {
  /** Milliseconds; only differences count. */
  now(): number
  /** Resolves after the time, or at once when the signal fires; never rejects. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
  /** Calls back once after the time; returns what calls it off. */
  timer(milliseconds: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, milliseconds)
      signal.addEventListener('abort', done)
    }),
  timer: (milliseconds, callback) => {
    const timer = setTimeout(callback, milliseconds)
    return () => clearTimeout(timer)
  },
}
