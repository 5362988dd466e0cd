import { formatAddress, parseAddress } from '../../model/address.ts'

/** Bits that an IPv4 prefix has before it in the maps, where its address is v4-mapped. */
const MAPPED_BITS = 96

/**
 * A canonical CIDR as LPM maps have it: four words in network byte order and the bits that count.
 *
 * @throws RangeError where it is none
 */
export function cidrWords(cidr: string): { words: Uint32Array; length: number } {
  const slash = cidr.lastIndexOf('/')
  const words = new Uint32Array(4)
  const length = Number(cidr.slice(slash + 1))
  if (slash < 0 || !parseAddress(cidr.slice(0, slash), words) || !Number.isInteger(length)) {
    throw new RangeError(`"${cidr}" is not a CIDR`)
  }
  return { words, length: cidr.includes(':') ? length : MAPPED_BITS + length }
}

/** The inverse of {@link cidrWords}. */
export function textOfWords(view: DataView, offset: number, length: number): string {
  const words = new Uint32Array(4)
  for (let word = 0; word < 4; word++) words[word] = view.getUint32(offset + word * 4, true)
  const address = formatAddress(words, 0)
  return `${address}/${address.includes(':') ? length : length - MAPPED_BITS}`
}
