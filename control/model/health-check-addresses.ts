import { nodePortAddresses } from './node-addresses.ts'
import type { NodeIPs } from './node-ips.ts'
import type { Family } from './service-port.ts'

/** All addresses of a family, those that appear later as well. */
const WILDCARD: Readonly<Record<Family, string>> = { 4: '0.0.0.0', 6: '::' }

/** Without the name of an interface nothing can listen there. */
const LINK_LOCAL = /^fe[89ab].:/

/**
 * Where the health check node ports of a family listen (HL-10): everywhere, or at the addresses that
 * `nodePortAddresses` chooses among those that the host has. Loopback only where it is listed: that a
 * packet of another host may not reach it (TR-44) is no matter for a socket.
 *
 * @param given `nodePortAddresses`: CIDRs, or `primary` alone, or nothing (TR-40 to TR-42)
 * @returns empty where the host has none of them
 */
export function healthCheckAddresses(
  family: Family,
  interfaceAddresses: readonly string[],
  nodeIPs: NodeIPs,
  given: readonly string[],
): readonly string[] {
  const options = { nodePortAddresses: given, localhost: true }
  const { matchAll, addresses } = nodePortAddresses(family, interfaceAddresses, nodeIPs, options)
  return matchAll ? [WILDCARD[family]] : addresses.filter((address) => !LINK_LOCAL.test(address))
}
