/**
 * Addresses between text and the 16 network-order bytes of `kp_address`. IPv4 is kept v4-mapped
 * (::ffff:a.b.c.d). Hand-written because a full apply reads a hundred thousand of them.
 */

/** ::ffff:0:0/96 as the third word of an address, read as the host (little endian) reads it. */
export const MAPPED = 0xffff0000
const DOT = 46
const COLON = 58
const ZERO = 48

/**
 * Reads an address into four words of `out` from `at`; each word holds its network-order bytes.
 *
 * @returns false where `text` is no IPv4 or IPv6 address (zones and leading zeros included)
 */
export function parseAddress(text: string, out: Uint32Array, at = 0): boolean {
  if (text.indexOf(':') < 0) {
    const word = parseFour(text, 0)
    if (word < 0) return false
    out[at] = 0
    out[at + 1] = 0
    out[at + 2] = MAPPED
    out[at + 3] = word
    return true
  }
  return parseSix(text, out, at)
}

/** IPv4 from `start` to the end as one word, or -1. */
function parseFour(text: string, start: number): number {
  let word = 0
  let part = -1
  let shift = 0
  for (let i = start; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT
    if (code === DOT) {
      if (part < 0 || shift > 24) return -1
      word += part * 2 ** shift
      shift += 8
      part = -1
      continue
    }
    const digit = code - ZERO
    if (digit < 0 || digit > 9 || part === 0) return -1
    part = part < 0 ? digit : part * 10 + digit
    if (part > 255) return -1
  }
  return shift === 32 ? word : -1
}

const groups = new Uint16Array(8)

function parseSix(text: string, out: Uint32Array, at: number): boolean {
  let count = 0
  let gap = -1
  let i = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return false
    gap = 0
    i = 2
  }
  while (i < text.length) {
    const end = groupEnd(text, i)
    if (text.charCodeAt(end) === DOT) {
      const four = count <= 6 ? parseFour(text, i) : -1
      if (four < 0) return false
      groups[count++] = ((four & 0xff) << 8) | ((four >>> 8) & 0xff)
      groups[count++] = ((four >>> 8) & 0xff00) | (four >>> 24)
      i = text.length
      break
    }
    const value = parseGroup(text, i, end)
    if (value < 0 || count === 8) return false
    groups[count++] = value
    i = end
    if (i === text.length) break
    i++
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false
      gap = count
      i++
    } else if (i === text.length) return false
  }
  if (gap < 0 ? count !== 8 : count > 7) return false
  spread(count, gap, out, at)
  return true
}

function groupEnd(text: string, start: number): number {
  let end = start
  while (end < text.length && text.charCodeAt(end) !== COLON && text.charCodeAt(end) !== DOT) end++
  return end
}

function parseGroup(text: string, start: number, end: number): number {
  if (end === start || end > start + 4) return -1
  let value = 0
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i)
    const lower = code | 32
    let digit = -1
    if (code >= ZERO && code <= 57) digit = code - ZERO
    else if (lower >= 97 && lower <= 102) digit = lower - 87
    if (digit < 0) return -1
    value = value * 16 + digit
  }
  return value
}

/** Writes the groups with the `::` (at `gap`, or none) filled by zeros. */
function spread(count: number, gap: number, out: Uint32Array, at: number): void {
  const missing = 8 - count
  for (let word = 0; word < 4; word++) {
    const high = groupAt(word * 2, gap, missing)
    const low = groupAt(word * 2 + 1, gap, missing)
    out[at + word] =
      ((high >>> 8) | ((high & 0xff) << 8) | ((low >>> 8) << 16) | ((low & 0xff) << 24)) >>> 0
  }
}

function groupAt(index: number, gap: number, missing: number): number {
  if (gap < 0 || index < gap) return groups[index] as number
  return index < gap + missing ? 0 : (groups[index - missing] as number)
}

/** Canonical text (RFC 5952; v4-mapped addresses as dotted quads) of four words of `words`. */
export function formatAddress(words: Uint32Array, at = 0): string {
  const word = (index: number) => words[at + index] as number
  if (word(0) === 0 && word(1) === 0 && word(2) === MAPPED) {
    const four = word(3)
    return `${four & 0xff}.${(four >>> 8) & 0xff}.${(four >>> 16) & 0xff}.${four >>> 24}`
  }
  const parts: number[] = []
  for (let index = 0; index < 4; index++) {
    const value = word(index)
    parts.push(((value & 0xff) << 8) | ((value >>> 8) & 0xff))
    parts.push(((value >>> 8) & 0xff00) | (value >>> 24))
  }
  const { start, length } = longestZeros(parts)
  const hex = (from: number, to: number) =>
    parts
      .slice(from, to)
      .map((part) => part.toString(16))
      .join(':')
  return length < 2 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`
}

function longestZeros(parts: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < parts.length; start++) {
    let end = start
    while (parts[end] === 0) end++
    if (end - start > best.length) best = { start, length: end - start }
    if (end > start) start = end
  }
  return best
}
