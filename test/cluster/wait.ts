import { setTimeout as sleep } from 'node:timers/promises'

export interface WaitOptions {
  /** Milliseconds until the wait fails; generous, because the machine may be busy. */
  readonly timeout?: number
  /** Milliseconds between two looks. */
  readonly interval?: number
  /** Added to the message of a failure: a log's last lines, the last state seen. */
  readonly context?: () => string
}

/**
 * Looks again and again until `probe` returns something other than undefined or false. A probe that
 * throws has not succeeded yet; its last error is part of the failure.
 * @throws Error naming `what` when the time is over.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false>> {
  const { timeout = 60_000, interval = 25, context } = options
  const end = performance.now() + timeout
  let error: unknown
  for (;;) {
    try {
      const value = await probe()
      if (value !== undefined && value !== null && value !== false)
        return value as Exclude<T, undefined | null | false>
      error = undefined
    } catch (thrown) {
      error = thrown
    }
    if (performance.now() > end) break
    await sleep(interval)
  }
  const reason = error === undefined ? '' : `: ${(error as Error).message}`
  throw new Error(`${what} did not happen in ${timeout} ms${reason}\n${context?.() ?? ''}`)
}
