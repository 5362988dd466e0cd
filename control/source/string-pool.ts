/** More distinct values than this and the pool starts afresh; strings already given out stay valid. */
const POOL_LIMIT = 65_536
/** Longer strings are hardly ever repeated. */
const LONGEST_BYTES = 63
/** Longer ones are not kept: all names are shorter, and a full pool of these would be gigabytes. */
const LONGEST_KEPT = 253
const BUCKETS = 8_192

/**
 * Shares equal strings. Node names, zones, namespaces and port names repeat in every endpoint, and at
 * 100,000 endpoints each copy costs megabytes.
 */
export class StringPool {
  #strings = new Map<string, string>()
  /** Recently seen short ASCII strings by a hash of their bytes; a collision only costs a miss. */
  readonly #recent: (string | undefined)[] = new Array(BUCKETS).fill(undefined)

  /** The one copy of this string, or another one if it is longer than a name can be. */
  intern(value: string): string {
    if (value.length > LONGEST_KEPT) return flat(value)
    const known = this.#strings.get(value)
    if (known !== undefined) return known
    if (this.#strings.size >= POOL_LIMIT) this.#strings = new Map()
    const copy = flat(value)
    this.#strings.set(copy, copy)
    return copy
  }

  /** The one copy of a UTF-8 string; most often found without decoding it. */
  internBytes(bytes: Buffer, start: number, end: number): string {
    if (end - start > LONGEST_BYTES) return bytes.toString('utf8', start, end)
    let hash = end - start
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0
    const bucket = (hash ^ (hash >>> 13)) & (BUCKETS - 1)
    const recent = this.#recent[bucket]
    if (recent !== undefined && isSame(recent, bytes, start, end)) return recent
    const value = this.intern(bytes.toString('utf8', start, end))
    this.#recent[bucket] = value
    return value
  }
}

/** Never true for text beyond ASCII, whose bytes and characters do not correspond. */
function isSame(value: string, bytes: Buffer, start: number, end: number): boolean {
  if (value.length !== end - start) return false
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0
    if (byte > 0x7f || value.charCodeAt(at - start) !== byte) return false
  }
  return true
}

/**
 * A copy with storage of its own. Substrings of a text and concatenations point into their parents,
 * and one address kept that way keeps a whole file or response alive.
 */
export function flat(value: string): string {
  return value === '' ? '' : Buffer.from(value).toString()
}
