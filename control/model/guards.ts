import type { ServiceCIDR } from '../source/objects.ts'
import { type Cidr, canonicalCidr, contains } from './cidr.ts'
import type { ServicePort } from './service-port.ts'

/**
 * What becomes of a new connection to a service address that matches no frontend: refused at a ClusterIP
 * that is in use (TR-60), dropped elsewhere in the service ranges (TR-61), left alone outside of them.
 */
export type GuardVerdict = 'refuse' | 'drop' | 'pass'

export interface GuardChanges {
  /** ClusterIPs that have become active: at least one port is served there, if only by a refusal. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** All service ranges, canonical and sorted, where they have changed; else undefined. */
  readonly serviceCIDRs: readonly string[] | undefined
}

/** Two lots of changes as one: the later word about an address counts. */
export function mergeGuards(earlier: GuardChanges, later: GuardChanges): GuardChanges {
  const isLater = new Set([...later.added, ...later.removed])
  const still = (address: string) => !isLater.has(address)
  return {
    added: [...earlier.added.filter(still), ...later.added],
    removed: [...earlier.removed.filter(still), ...later.removed],
    serviceCIDRs: later.serviceCIDRs ?? earlier.serviceCIDRs,
  }
}

/** The addresses at which unknown ports must not lead anywhere. */
export class Guards {
  /** Active ClusterIP -> how many Services have it: more than one is a mistake, but it happens. */
  readonly #holders = new Map<string, number>()
  /** Service -> its active ClusterIPs. */
  readonly #held = new Map<string, readonly string[]>()
  /** ServiceCIDR object -> its ranges. */
  readonly #ranges = new Map<string, readonly Cidr[]>()
  readonly #added = new Set<string>()
  readonly #removed = new Set<string>()
  #cidrs: readonly Cidr[] = []
  #rangesChanged = false

  /** Replaces what a Service holds: the ClusterIPs of its service ports. */
  hold(service: string, ports: readonly ServicePort[]): void {
    const before = this.#held.get(service) ?? NONE
    const after = clusterIPsOf(ports)
    if (after.length === before.length && after.every((address) => before.includes(address))) return
    for (const address of after) if (!before.includes(address)) this.#enter(address)
    for (const address of before) if (!after.includes(address)) this.#leave(address)
    if (after.length > 0) this.#held.set(service, after)
    else this.#held.delete(service)
  }

  /** IN-60: whatever the state of the object, its ranges count. */
  setRanges(name: string, object: ServiceCIDR | undefined): void {
    const ranges = object?.cidrs.flatMap((text) => canonicalCidr(text.trim()) ?? []) ?? []
    if (ranges.length > 0) this.#ranges.set(name, ranges)
    else this.#ranges.delete(name)
    const cidrs = union(this.#ranges.values())
    if (isSame(cidrs, this.#cidrs)) return
    this.#cidrs = cidrs
    this.#rangesChanged = true
  }

  /** What has changed since the last call. */
  take(): GuardChanges {
    const changes = {
      added: [...this.#added],
      removed: [...this.#removed],
      serviceCIDRs: this.#rangesChanged ? this.#cidrs.map(({ text }) => text) : undefined,
    }
    this.#added.clear()
    this.#removed.clear()
    this.#rangesChanged = false
    return changes
  }

  /** @param address canonical; matched by no frontend */
  judge(address: string): GuardVerdict {
    if (this.#holders.has(address)) return 'refuse'
    return this.#cidrs.some((cidr) => contains(cidr, address)) ? 'drop' : 'pass'
  }

  #enter(address: string): void {
    const holders = this.#holders.get(address) ?? 0
    this.#holders.set(address, holders + 1)
    if (holders === 0 && !this.#removed.delete(address)) this.#added.add(address)
  }

  #leave(address: string): void {
    const holders = this.#holders.get(address) ?? 0
    if (holders > 1) {
      this.#holders.set(address, holders - 1)
      return
    }
    this.#holders.delete(address)
    if (!this.#added.delete(address)) this.#removed.add(address)
  }
}

const NONE: readonly string[] = Object.freeze([])

/** The ClusterIPs, each once. */
function clusterIPsOf(ports: readonly ServicePort[]): readonly string[] {
  let found = NONE
  for (const { frontends } of ports) {
    for (const { class: kind, address } of frontends) {
      if (kind !== 'ClusterIP' || found.includes(address)) continue
      // Neither pushed nor spread: such a list has room for 16 more, at 10,000 Services a megabyte.
      found = found.concat(address)
    }
  }
  return found
}

function union(ranges: Iterable<readonly Cidr[]>): readonly Cidr[] {
  const byText = new Map<string, Cidr>()
  for (const list of ranges) for (const cidr of list) byText.set(cidr.text, cidr)
  return [...byText.keys()].sort().map((text) => byText.get(text) as Cidr)
}

function isSame(a: readonly Cidr[], b: readonly Cidr[]): boolean {
  return a.length === b.length && a.every(({ text }, index) => text === b[index]?.text)
}
