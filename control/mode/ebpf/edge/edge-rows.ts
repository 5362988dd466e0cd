import { kpCidr, kpUplink } from '#abi'
import { parseAddress } from '../../../model/address.ts'
import { cidrWords } from '../cidr-rows.ts'
import type { Uplink } from './uplinks.ts'

/** A key and a value as a map has them. */
export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

const bytesOf = (words: Uint32Array) => new Uint8Array(words.buffer)

/** `pod_cidrs`. @throws RangeError for what is no CIDR */
export function podCidrRows(cidrs: readonly string[]): Row[] {
  return cidrs.map((cidr) => {
    const key = new Uint8Array(kpCidr.size)
    const { words, length } = cidrWords(cidr)
    new DataView(key.buffer).setUint32(kpCidr.prefixLength.offset, length, true)
    key.set(bytesOf(words), kpCidr.address.offset)
    return { key, value: bytesOf(Uint32Array.of(1)) }
  })
}

/** `uplinks` */
export function uplinkRows(uplinks: readonly Uplink[]): Row[] {
  return uplinks.map(({ index, source }) => {
    const value = new Uint8Array(kpUplink.size)
    const places = [
      [source[4], kpUplink.address4.offset],
      [source[6], kpUplink.address6.offset],
    ] as const
    for (const [address, offset] of places) {
      const words = new Uint32Array(4)
      if (address !== undefined && parseAddress(address, words)) value.set(bytesOf(words), offset)
    }
    return { key: bytesOf(Uint32Array.of(index)), value }
  })
}
