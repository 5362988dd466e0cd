/** Ids are 32 bits wide and never used twice; 0 means "none" in every map. */
const LAST_ID = 0xffffffff

/** How many ids one write to `meta` reserves, so that one change does not cost one more syscall. */
export const ID_BLOCK = 1024

/**
 * Gives out ids that were never given out before, across restarts: the high-water mark is in `meta`
 * before the first id below it is used, and a restarted agent goes on at the mark.
 */
export class IdAllocator {
  readonly #kind: string
  #next: number
  #mark: number

  /**
   * @param kind for messages: "service" or "backend"
   * @param mark the persisted mark: ids below it may be in use; 0 or 1 where none was given out
   */
  constructor(kind: string, mark: number) {
    this.#kind = kind
    this.#next = Math.max(1, mark)
    this.#mark = this.#next
  }

  /** Ids below this must be persisted as used before any of them is. */
  get mark(): number {
    return this.#mark
  }

  /** Takes the next id. @throws RangeError after four billion ids */
  take(): number {
    const id = this.#next
    if (id >= LAST_ID) {
      throw new RangeError(
        `all ${LAST_ID} ${this.#kind} ids of this node were used; run "kproxy cleanup" and start the agent anew`,
      )
    }
    this.#next = id + 1
    if (this.#next > this.#mark) this.#mark = Math.min(LAST_ID, this.#mark + ID_BLOCK)
    return id
  }
}
