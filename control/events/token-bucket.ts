/** Lets through a burst, and then so much in so long. */
export class TokenBucket {
  readonly #burst: number
  readonly #refillMs: number
  readonly #now: () => number
  #tokens: number
  #at: number

  /**
   * @param refillMs milliseconds after which one more is allowed
   * @param now milliseconds that never jump
   */
  constructor(burst: number, refillMs: number, now: () => number) {
    this.#burst = burst
    this.#refillMs = refillMs
    this.#now = now
    this.#tokens = burst
    this.#at = now()
  }

  /** Takes one if there is one. */
  take(): boolean {
    if (this.wait > 0) return false
    this.#tokens--
    return true
  }

  /** Milliseconds until there is one. */
  get wait(): number {
    const now = this.#now()
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) / this.#refillMs)
    this.#at = now
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) * this.#refillMs)
  }
}
