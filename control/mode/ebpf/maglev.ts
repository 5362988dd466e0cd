import type { BackendRegistry } from './backends.ts'

/**
 * Sizes of a Maglev table (Eisenbud et al., NSDI 2016): primes, so that every step goes through all places.
 * A range of the arena holds at most 65,535 slots.
 */
const SIZES = [31, 61, 127, 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521] as const

/** Places for each endpoint, at least: shares then differ by at most this part of one. */
const PLACES = 25

/** How many slots a table of so many endpoints takes. */
export function maglevSize(endpoints: number): number {
  if (endpoints === 0) return 0
  return SIZES.find((size) => size >= endpoints * PLACES) ?? (SIZES.at(-1) as number)
}

/**
 * Deals the places of a table out to backends, so that each has the same share and, when one comes or
 * goes, few places change hands. It follows from the addresses alone: every node makes the same table.
 *
 * @param indexes of distinct backends in the registry, in the order of their list, which is sorted (IN-29)
 * @returns a backend index for each place
 */
export function maglevTable(indexes: readonly number[], registry: BackendRegistry): number[] {
  const size = maglevSize(indexes.length)
  const table = new Array<number>(size).fill(-1)
  const orders = indexes.map((index) => orderOf(index, registry, size))
  let filled = 0
  while (filled < size) {
    for (const [turn, order] of orders.entries()) {
      while (table[order.next] !== -1) order.next = (order.next + order.step) % size
      table[order.next] = indexes[turn] as number
      if (++filled === size) break
    }
  }
  return table
}

/** The order in which a backend asks for places. */
function orderOf(
  index: number,
  registry: BackendRegistry,
  size: number,
): { next: number; readonly step: number } {
  const hash = (seed: number) => {
    let mixed = Math.imul(seed ^ registry.port(index), 0x85ebca6b)
    for (let word = 0; word < 4; word++) {
      mixed = Math.imul(mixed ^ (registry.words[index * 4 + word] as number), 0xc2b2ae35)
      mixed ^= mixed >>> 15
    }
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0x27d4eb2f)
    return (mixed ^ (mixed >>> 16)) >>> 0
  }
  return { next: hash(0x9e3779b9) % size, step: 1 + (hash(0x7f4a7c15) % (size - 1)) }
}
