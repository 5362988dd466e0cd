import { kpSourceRange } from '#abi'
import { cidrWords, textOfWords } from './cidr-rows.ts'
import { type MapRows, ROW_SIZES } from './kernel-maps.ts'
import type { Operation } from './operations.ts'
import { deletesOf, updatesOf } from './row-operations.ts'
import { Rows } from './rows.ts'

/** One row: this CIDR may use the LoadBalancer IPs of this service port (TR-30). */
export interface SourceRange {
  readonly serviceId: number
  /** Canonical. */
  readonly cidr: string
}

/** The id stands before the address and always counts. */
const ID_BITS = 32

/** Adds a row, or its key. */
export function addSourceRange(rows: Rows, { serviceId, cidr }: SourceRange): void {
  const { words, length } = cidrWords(cidr)
  rows.add()
  rows.keys.setUint32(rows.keyOffset + kpSourceRange.prefixLength.offset, ID_BITS + length, true)
  rows.keys.setUint32(rows.keyOffset + kpSourceRange.serviceId.offset, serviceId, true)
  for (const [word, value] of words.entries()) {
    rows.keys.setUint32(rows.keyOffset + kpSourceRange.address.offset + word * 4, value, true)
  }
  rows.values.setUint32(rows.valueOffset, 1, true)
}

/** What the key at an offset says. */
export function sourceRangeAt(keys: DataView, offset: number): SourceRange {
  const length = keys.getUint32(offset + kpSourceRange.prefixLength.offset, true) - ID_BITS
  return {
    serviceId: keys.getUint32(offset + kpSourceRange.serviceId.offset, true),
    cidr: textOfWords(keys, offset + kpSourceRange.address.offset, length),
  }
}

/** What rows read back say. */
export function readSourceRanges({ keys, count }: MapRows): SourceRange[] {
  const view = new DataView(keys.buffer, keys.byteOffset)
  const size = ROW_SIZES.source_ranges.key
  return Array.from({ length: count }, (_, row) => sourceRangeAt(view, row * size))
}

/** What differs between the rows that there are and those that there should be, and what mends it. */
export function inspectSourceRanges(
  wanted: ReadonlyMap<number, readonly string[]>,
  found: MapRows,
): { problems: string[]; operations: Operation[] } {
  const problems: string[] = []
  const nameOf = ({ serviceId, cidr }: SourceRange) => `${cidr} of service ${serviceId}`
  const put = new Rows('source_ranges')
  const gone = new Rows('source_ranges')
  const missing = new Map<string, SourceRange>()
  for (const [serviceId, cidrs] of wanted) {
    for (const cidr of cidrs) missing.set(nameOf({ serviceId, cidr }), { serviceId, cidr })
  }
  for (const range of readSourceRanges(found)) {
    if (missing.delete(nameOf(range))) continue
    problems.push(`source_ranges: ${nameOf(range)} should not be there`)
    addSourceRange(gone, range)
  }
  for (const [name, range] of missing) {
    problems.push(`source_ranges: ${name} is missing`)
    addSourceRange(put, range)
  }
  return { problems, operations: [...updatesOf(put), ...deletesOf(gone)] }
}
