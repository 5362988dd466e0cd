import { formatAddress, parseAddress } from './address.ts'
import type { Family } from './service-port.ts'

export interface CanonicalAddress {
  readonly family: Family
  readonly text: string
}

const words = new Uint32Array(4)

/** Zeros that begin a part of a dotted quad and are not all of it. */
const LEADING_ZEROS = /(?<=^|\.)0+(?=\d)/g

/**
 * Brings an address to its one spelling (IN-9): leading zeros of IPv4 parts are dropped and read as
 * decimal, v4-mapped IPv6 is IPv4, IPv6 as RFC 5952 writes it.
 *
 * @returns undefined where `text` is no address
 */
export function canonicalAddress(text: string): CanonicalAddress | undefined {
  if (parseAddress(text, words)) {
    // Dotted quads without leading zeros have one spelling only; nearly every address is one.
    if (!text.includes(':')) return { family: 4, text }
  } else if (text.includes(':') || !parseAddress(text.replace(LEADING_ZEROS, ''), words)) {
    return undefined
  }
  const canonical = formatAddress(words)
  return { family: canonical.includes(':') ? 6 : 4, text: canonical }
}
