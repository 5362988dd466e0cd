const LEAST_MS = 500
const MOST_MS = 30_000

/**
 * Delays between attempts: anywhere between half a second and a bound that doubles up to 30 s. The whole
 * range is random, so that the nodes of a cluster do not come back together (AP-24).
 */
export class Backoff {
  readonly #random: () => number
  #bound = 2 * LEAST_MS

  constructor(random: () => number) {
    this.#random = random
  }

  /** Milliseconds to wait now. */
  next(): number {
    const bound = this.#bound
    this.#bound = Math.min(bound * 2, MOST_MS)
    return LEAST_MS + this.#random() * (bound - LEAST_MS)
  }

  /** After a time of calm. */
  reset(): void {
    this.#bound = 2 * LEAST_MS
  }
}
