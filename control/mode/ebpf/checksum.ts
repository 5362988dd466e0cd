import { kpFrontend, kpService } from '#abi'

const SEED = 0x9e3779b9
const MIX = 0x85ebca6b
const FINAL = 0xc2b2ae35
const KEY_WORDS = kpFrontend.size / 4
const VALUE_WORDS = kpService.size / 4

/**
 * The twin of `kp_checksum()`: mixes the frontend key and every word of the record but the checksum
 * itself. Readers verify it because the kernel recycles freed hash elements at once, and a pointer
 * may come to show another service's bytes.
 *
 * @returns an unsigned 32-bit number, never 0: an all-zero element must not pass
 */
export function serviceChecksum(
  key: DataView,
  keyOffset: number,
  value: DataView,
  valueOffset: number,
): number {
  let hash = SEED
  for (let word = 0; word < KEY_WORDS; word++) {
    hash = Math.imul(hash ^ key.getUint32(keyOffset + word * 4, true), MIX)
    hash ^= hash >>> 15
  }
  for (let word = 1; word < VALUE_WORDS; word++) {
    hash = Math.imul(hash ^ value.getUint32(valueOffset + word * 4, true), MIX)
    hash ^= hash >>> 15
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, FINAL)
  hash ^= hash >>> 16
  return hash === 0 ? 1 : hash >>> 0
}
