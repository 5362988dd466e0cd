/** A family as kube-proxy names it in health answers and metric labels. */
export type FamilyName = 'IPv4' | 'IPv6'

/** Time, so that tests can make their own. */
export interface HealthClock {
  /** Milliseconds since the epoch, for people. */
  wall(): number
  /** Milliseconds that never jump: a corrected clock makes nobody unhealthy. */
  monotonic(): number
}

export const systemHealthClock: HealthClock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
}

export interface FamilyHealth {
  /** Milliseconds since the epoch of the last success, or of the start. */
  readonly lastUpdated: number
  readonly healthy: boolean
}

/**
 * Is what was asked for in the kernel? Each family on its own: a family is unhealthy when the oldest
 * change that is not there yet is too old (HL-1).
 */
export class Freshness {
  readonly #families: readonly FamilyName[]
  readonly #patience: number
  readonly #clock: HealthClock
  readonly #lastUpdated = new Map<FamilyName, number>()
  readonly #oldestPending = new Map<FamilyName, number>()

  /** @param syncPeriodMs a change may wait for twice this time */
  constructor(
    families: readonly FamilyName[],
    syncPeriodMs: number,
    clock: HealthClock = systemHealthClock,
  ) {
    this.#families = families
    this.#patience = 2 * syncPeriodMs
    this.#clock = clock
  }

  /** Syncing begins. Before, everything is healthy, and there is no status. */
  begin(): void {
    this.updated(this.#families)
  }

  /** Changes of these families are to be brought into the kernel. */
  queued(families: readonly FamilyName[]): void {
    for (const family of families) {
      if (this.#oldestPending.has(family) || !this.#families.includes(family)) continue
      this.#oldestPending.set(family, this.#clock.monotonic())
    }
  }

  /** All changes of these families that were queued are in the kernel. */
  updated(families: readonly FamilyName[]): void {
    for (const family of families) {
      if (!this.#families.includes(family)) continue
      this.#oldestPending.delete(family)
      this.#lastUpdated.set(family, this.#clock.wall())
    }
  }

  /** HL-2. */
  get healthy(): boolean {
    return [...this.#oldestPending.keys()].every((family) => this.#isFresh(family))
  }

  /** Milliseconds since the epoch of the newest success; undefined before {@link begin}. */
  get lastUpdated(): number | undefined {
    return this.#lastUpdated.size === 0 ? undefined : Math.max(...this.#lastUpdated.values())
  }

  /** Empty before {@link begin}. */
  status(): ReadonlyMap<FamilyName, FamilyHealth> {
    return new Map(
      [...this.#lastUpdated].map(([family, lastUpdated]) => {
        return [family, { lastUpdated, healthy: this.#isFresh(family) }]
      }),
    )
  }

  #isFresh(family: FamilyName): boolean {
    const since = this.#oldestPending.get(family)
    return since === undefined || this.#clock.monotonic() - since < this.#patience
  }
}
