import { existsSync, readFileSync } from 'node:fs'

/**
 * What this host says about IPv6 (IN-44).
 *
 * @param proc where procfs is
 */
export function readIPv6(proc = '/proc'): {
  /** It is in the kernel. */
  readonly hasIPv6: boolean
  /** It is switched off by sysctl. */
  readonly disablesIPv6: boolean
} {
  if (!existsSync(`${proc}/net/if_inet6`)) return { hasIPv6: false, disablesIPv6: false }
  try {
    const switchText = readFileSync(`${proc}/sys/net/ipv6/conf/all/disable_ipv6`, 'utf8')
    return { hasIPv6: true, disablesIPv6: switchText.trim() === '1' }
  } catch {
    return { hasIPv6: true, disablesIPv6: false }
  }
}

/** Whether this host can use IPv6 at all (IN-44). @param proc where procfs is */
export function hasIPv6(proc = '/proc'): boolean {
  const { hasIPv6: has, disablesIPv6 } = readIPv6(proc)
  return has && !disablesIPv6
}
