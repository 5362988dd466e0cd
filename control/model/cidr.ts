import { formatAddress, parseAddress } from './address.ts'
import { canonicalAddress } from './canonical.ts'
import type { Family } from './service-port.ts'

/** A range of addresses. */
export interface Cidr {
  readonly family: Family
  /** Its one spelling: the lowest address and the prefix length. */
  readonly text: string
  /** Length of the prefix: 0 to 32, or 0 to 128. */
  readonly length: number
}

/** Bits in front of an IPv4 address in its v4-mapped form. */
const MAPPED_BITS = 96

const words = new Uint32Array(4)
const bytes = new Uint8Array(words.buffer)
const otherWords = new Uint32Array(4)
const otherBytes = new Uint8Array(otherWords.buffer)

/**
 * Brings a range to its one spelling, with the lenience that single addresses get (IN-9): leading zeros
 * are dropped, host bits cleared, a v4-mapped range is an IPv4 one.
 *
 * @returns undefined where `text` is no range in CIDR notation
 */
export function canonicalCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const digits = text.slice(slash + 1)
  const host = slash < 0 ? undefined : text.slice(0, slash)
  const address = host === undefined ? undefined : canonicalAddress(host)
  if (host === undefined || address === undefined || !/^\d{1,3}$/.test(digits)) return undefined
  const given = Number(digits)
  const isWritten6 = host.includes(':')
  if (given > (isWritten6 ? 128 : 32)) return undefined
  const bits = isWritten6 ? given : given + MAPPED_BITS
  parseAddress(address.text, words)
  clearFrom(bits)
  // Wider than all of the v4-mapped addresses, it is a range of IPv6 around them.
  const family = address.family === 4 && bits >= MAPPED_BITS ? 4 : 6
  const length = family === 4 ? bits - MAPPED_BITS : bits
  return { family, text: `${formatAddress(words)}/${length}`, length }
}

/** Whether a canonical address lies in the range; never one of the other family. */
export function contains(cidr: Cidr, address: string): boolean {
  if (address.includes(':') !== (cidr.family === 6)) return false
  if (!parseAddress(address, otherWords)) return false
  parseAddress(cidr.text.slice(0, cidr.text.indexOf('/')), words)
  const bits = cidr.family === 4 ? cidr.length + MAPPED_BITS : cidr.length
  for (let at = 0; at * 8 < bits; at++) {
    const shift = Math.max(8 - (bits - at * 8), 0)
    if ((bytes[at] as number) >> shift !== (otherBytes[at] as number) >> shift) return false
  }
  return true
}

function clearFrom(bits: number): void {
  for (let at = Math.floor(bits / 8); at < 16; at++) {
    const kept = Math.max(bits - at * 8, 0)
    bytes[at] = (bytes[at] as number) & (0xff00 >> kept)
  }
}
