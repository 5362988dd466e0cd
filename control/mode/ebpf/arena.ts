/**
 * Allocator of slot ranges. Free stretches are kept in lists by size (powers of two) and carry their
 * length at both ends, so that allocation and coalescing cost the same at ten ranges and at a
 * hundred thousand. State lives in typed arrays whose untouched pages cost no memory.
 */
export class Arena {
  readonly capacity: number
  /** Slots that are not allocated; not necessarily in one piece. */
  free = 0
  /** At the first and last slot of a free stretch: its length. Elsewhere 0. */
  readonly #length: Uint32Array
  /** List links by first slot, plus one; 0 ends a list. */
  readonly #next: Uint32Array
  readonly #previous: Uint32Array
  readonly #heads = new Uint32Array(33)

  /** @param capacity slots in total; all of them are free at first */
  constructor(capacity: number) {
    this.capacity = capacity
    this.#length = new Uint32Array(capacity)
    this.#next = new Uint32Array(capacity)
    this.#previous = new Uint32Array(capacity)
    if (capacity > 0) this.#insert(0, capacity)
    this.free = capacity
  }

  /** Takes `count` (at least 1) adjacent slots. Returns the first, or -1 where no stretch is long enough. */
  allocate(count: number): number {
    const base = this.#find(count)
    if (base < 0) return -1
    const length = this.#length[base] as number
    this.#remove(base, length)
    if (length > count) this.#insert(base + count, length - count)
    this.free -= count
    return base
  }

  /** Gives back what {@link allocate} or {@link reserve} took. */
  release(base: number, count: number): void {
    let start = base
    let length = count
    const before = base > 0 ? (this.#length[base - 1] as number) : 0
    if (before > 0) {
      start = base - before
      this.#remove(start, before)
      length += before
    }
    const end = base + count
    const after = end < this.capacity ? (this.#length[end] as number) : 0
    if (after > 0) {
      this.#remove(end, after)
      length += after
    }
    this.#insert(start, length)
    this.free += count
  }

  /**
   * Starts anew with exactly the given slots taken.
   *
   * @param used one byte per slot, non-zero: in use
   */
  rebuild(used: Uint8Array): void {
    this.#length.fill(0)
    this.#heads.fill(0)
    this.free = 0
    for (let start = 0; start < this.capacity; ) {
      const taken = used.indexOf(0, start)
      if (taken < 0) return
      let end = taken
      while (end < this.capacity && used[end] === 0) end++
      this.#insert(taken, end - taken)
      this.free += end - taken
      start = end
    }
  }

  /** The first stretch of a class whose members all fit, else the first fit of the class below. */
  #find(count: number): number {
    for (let sizeClass = classOf(count - 1) + 1; sizeClass < 33; sizeClass++) {
      const head = this.#heads[sizeClass] as number
      if (head > 0) return head - 1
    }
    let at = this.#heads[classOf(count)] as number
    while (at > 0 && (this.#length[at - 1] as number) < count) at = this.#next[at - 1] as number
    return at - 1
  }

  #insert(base: number, length: number): void {
    const sizeClass = classOf(length)
    const head = this.#heads[sizeClass] as number
    this.#length[base] = length
    this.#length[base + length - 1] = length
    this.#next[base] = head
    this.#previous[base] = 0
    if (head > 0) this.#previous[head - 1] = base + 1
    this.#heads[sizeClass] = base + 1
  }

  #remove(base: number, length: number): void {
    const next = this.#next[base] as number
    const previous = this.#previous[base] as number
    if (previous > 0) this.#next[previous - 1] = next
    else this.#heads[classOf(length)] = next
    if (next > 0) this.#previous[next - 1] = previous
    this.#length[base] = 0
    this.#length[base + length - 1] = 0
  }
}

/** floor(log2(length)); -1 for 0. Every member of class n has at least 2^n slots. */
function classOf(length: number): number {
  return 31 - Math.clz32(length)
}
