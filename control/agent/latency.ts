import { toSeconds } from '../seconds.ts'
import type { LatencyStatus } from '../server/api.ts'

/** Quantiles over the latest samples; a ring, so that cost and memory stay fixed. */
export class Latency {
  readonly #ring = new Float64Array(1024)
  #count = 0

  /** Records one latency in milliseconds. */
  record(milliseconds: number): void {
    this.#ring[this.#count % this.#ring.length] = milliseconds
    this.#count++
  }

  status(): LatencyStatus | null {
    const samples = Math.min(this.#count, this.#ring.length)
    if (samples === 0) return null
    const sorted = this.#ring.slice(0, samples).sort()
    const quantile = (q: number) => toSeconds(sorted[Math.ceil(q * samples) - 1] ?? 0)
    return { samples, p50Seconds: quantile(0.5), p99Seconds: quantile(0.99) }
  }
}
