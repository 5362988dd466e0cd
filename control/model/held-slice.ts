import type { Problem } from './problem.ts'
import type { Backend, Family } from './service-port.ts'

/** An endpoint of one slice port: a backend, and what selection looks at. */
export interface Candidate extends Backend {
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  readonly zoneHints: readonly string[] | undefined
  readonly nodeHints: readonly string[] | undefined
}

export interface HeldPort {
  readonly name: string
  readonly protocol: string
  /** Sorted as IN-29 says, without duplicates. */
  readonly candidates: readonly Candidate[]
}

/** An EndpointSlice as selection looks at it: its candidates, ready to be chosen from. */
export interface HeldSlice {
  /** undefined: FQDN, which serves no family (IN-21). */
  readonly family: Family | undefined
  readonly ports: readonly HeldPort[]
  readonly ready: number
  readonly total: number
  readonly problems: readonly Problem[]
}

/**
 * Sorts by name (IN-29) and keeps one of each. Of duplicates, one that does not terminate always replaces, and
 * one that terminates only fills a gap (IN-31).
 */
export function sortedOnce<T extends { readonly terminating: boolean }>(
  items: readonly T[],
  nameOf: (item: T) => string,
): T[] {
  const byName = new Map<string, T>()
  for (const item of items) {
    const name = nameOf(item)
    if (item.terminating && byName.has(name)) continue
    byName.set(name, item)
  }
  return [...byName.keys()].sort().map((name) => byName.get(name) as T)
}

/** The identity of an endpoint: "address:port", or "[address]:port" (IN-28). */
export function backendName({ address, port }: Pick<Backend, 'address' | 'port'>): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
