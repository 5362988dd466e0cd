import type { Family } from './service-port.ts'

/** What the host says about IPv6 (IN-44). */
export interface HostFamilies {
  /** /proc/net/if_inet6 exists. */
  readonly hasIPv6: boolean
  /** /proc/sys/net/ipv6/conf/all/disable_ipv6 is 1. */
  readonly disablesIPv6: boolean
}

/**
 * The families that are served, the primary one first (IN-44). A cluster of one family does not matter:
 * there is nothing to do for the other.
 *
 * @returns a sentence where the primary family cannot work, which ends the process
 */
export function familiesOf(primary: Family, host: HostFamilies): readonly Family[] | string {
  if (host.hasIPv6 && !host.disablesIPv6) return primary === 4 ? [4, 6] : [6, 4]
  if (primary === 4) return [4]
  const reason = host.hasIPv6 ? 'switched off by sysctl' : 'not in this kernel'
  return `the primary family of this node is IPv6, which is ${reason}; enable it, or set bindAddress`
}
