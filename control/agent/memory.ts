/** After the first sync, the canary and whatever else ends the start. */
const SETTLE_MS = 1_000

/** Calls once when the start has settled: reading and publishing the first lists takes far more memory than stays. */
export function releaseMemorySoon(release: () => void): void {
  setTimeout(release, SETTLE_MS).unref()
}
