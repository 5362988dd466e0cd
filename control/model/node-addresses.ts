import { canonicalAddress } from './canonical.ts'
import { type Cidr, canonicalCidr, contains } from './cidr.ts'
import type { NodeIPs } from './node-ips.ts'
import type { Family } from './service-port.ts'

/** The addresses of one family at which NodePorts are served. */
export interface NodePortAddresses {
  /** Each local address is one, whatever interface has it and whenever it appears (TR-40). */
  readonly matchAll: boolean
  /** Those that exist now; canonical and sorted. */
  readonly addresses: readonly string[]
  /** The whole of 127.0.0.0/8, of which interfaces name one address only (TR-44). */
  readonly wholeLoopback: boolean
}

export interface NodePortOptions {
  /** `nodePortAddresses`: CIDRs, or `primary` alone, or nothing (TR-40 to TR-42). */
  readonly nodePortAddresses: readonly string[]
  /** `localhostNodePorts`: whether 127.0.0.0/8 may be among them (TR-44). */
  readonly localhost: boolean
}

/** The keyword that stands for the node's own IPs. */
export const PRIMARY = 'primary'

const MATCH_ALL: Readonly<Record<Family, string>> = { 4: '0.0.0.0/0', 6: '::/0' }

/**
 * Decides at which addresses of a family NodePorts are served. To be asked again when addresses come
 * and go (TR-43), or when the node's IPs change and `primary` is used.
 *
 * @param interfaceAddresses of all interfaces and families, without prefix lengths
 * @throws Error for an entry that is neither a CIDR nor `primary` alone; configuration is validated first
 */
export function nodePortAddresses(
  family: Family,
  interfaceAddresses: readonly string[],
  nodeIPs: NodeIPs,
  options: NodePortOptions,
): NodePortAddresses {
  const cidrs = cidrsOf(family, nodeIPs, options.nodePortAddresses)
  const matchAll = cidrs.some(({ length }) => length === 0)
  const found = new Set<string>()
  for (const text of interfaceAddresses) {
    const address = canonicalAddress(text)
    if (address?.family !== family) continue
    // TR-45: never ::1; and 127.0.0.0/8 only where it is asked for.
    if (isLoopback(address.text) && (family === 6 || !options.localhost)) continue
    if (cidrs.some((cidr) => contains(cidr, address.text))) found.add(address.text)
  }
  return {
    matchAll,
    addresses: [...found].sort(),
    wholeLoopback: family === 4 && matchAll && options.localhost,
  }
}

/** TR-41: a family of which nothing is listed is matched as a whole. */
function cidrsOf(family: Family, nodeIPs: NodeIPs, texts: readonly string[]): readonly Cidr[] {
  const listed = texts.length === 1 && texts[0] === PRIMARY ? primaryCidrs(nodeIPs) : texts
  const cidrs = listed.map((text, index) => {
    const cidr = canonicalCidr(text)
    if (cidr !== undefined) return cidr
    throw new Error(`nodePortAddresses[${index}] is "${text}": write a CIDR, or ${PRIMARY} alone`)
  })
  const ours = cidrs.filter((cidr) => cidr.family === family)
  return ours.length > 0 ? ours : [canonicalCidr(MATCH_ALL[family]) as Cidr]
}

/** TR-42: the node's IPs but loopback, which only says that nothing is known of the family. */
function primaryCidrs(nodeIPs: NodeIPs): readonly string[] {
  return [
    ...(isLoopback(nodeIPs[4]) ? [] : [`${nodeIPs[4]}/32`]),
    ...(isLoopback(nodeIPs[6]) ? [] : [`${nodeIPs[6]}/128`]),
  ]
}

function isLoopback(canonical: string): boolean {
  return canonical.startsWith('127.') || canonical === '::1'
}
