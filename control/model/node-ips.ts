import type { Node } from '../source/objects.ts'
import { canonicalAddress } from './canonical.ts'
import type { Family } from './service-port.ts'

/** This node's own IPs, canonical: at most one of each family counts (IN-41). */
export interface NodeIPs {
  /** Decides what runs where only one family is available (IN-43). */
  readonly primary: Family
  readonly 4: string
  readonly 6: string
}

/** What stands in where nothing is known (IN-42). */
export const LOOPBACK_IPS: NodeIPs = { primary: 4, 4: '127.0.0.1', 6: '::1' }

/** In this order; addresses of other types are not looked at (IN-41). */
const TYPES = ['InternalIP', 'ExternalIP'] as const

/**
 * The IPs of a node: InternalIPs in the order of its status, then ExternalIPs; the first is primary, and
 * the first one of the other family secondary (IN-41).
 *
 * @param bindAddress of the configuration: unless it is a wildcard, its family is primary and it
 * stands for the node's IP of that family (IN-42); empty: none
 */
export function nodeIPsOf(node: Node | undefined, bindAddress = ''): NodeIPs {
  let ips = LOOPBACK_IPS
  const known = TYPES.flatMap((type) => addressesOf(node, type))
  const [first] = known
  if (first !== undefined) {
    const second = known.find(({ family }) => family !== first.family)
    ips = { ...ips, primary: first.family, [first.family]: first.text }
    if (second !== undefined) ips = { ...ips, [second.family]: second.text }
  }
  const bound = canonicalAddress(bindAddress)
  if (bound === undefined || bound.text === '0.0.0.0' || bound.text === '::') return ips
  return { ...ips, primary: bound.family, [bound.family]: bound.text }
}

export function isSameIPs(a: NodeIPs, b: NodeIPs): boolean {
  return a.primary === b.primary && a[4] === b[4] && a[6] === b[6]
}

/** One that cannot be read counts as absent: the node has others, or the stand-in. */
function addressesOf(node: Node | undefined, type: string) {
  const addresses = node?.addresses.filter((address) => address.type === type) ?? []
  return addresses.flatMap(({ address }) => canonicalAddress(address) ?? [])
}
