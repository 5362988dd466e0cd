/** More distinct lists than this, and the oldest are not shared any longer. */
const LIMIT = 4096
/** Longer ones, as characters of JSON, are not shared: they are like no other, and a few thousand are gigabytes. */
const LONGEST = 4096

const EMPTY: readonly never[] = Object.freeze([])

/**
 * Keeps one copy of equal lists. Ports and families of most Services and slices are one of few, and
 * lists that are mostly empty cost 10,000 times an empty array.
 */
export class SharedLists {
  readonly #lists = new Map<string, readonly unknown[]>()

  /** The one copy of a list of plain values. */
  share<T>(list: readonly T[]): readonly T[] {
    if (list.length === 0) return EMPTY
    const content = JSON.stringify(list)
    if (content.length > LONGEST) return list
    const known = this.#lists.get(content)
    if (known !== undefined) return known as readonly T[]
    if (this.#lists.size >= LIMIT) this.#lists.clear()
    this.#lists.set(content, list)
    return list
  }
}
