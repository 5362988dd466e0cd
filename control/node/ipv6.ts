import { existsSync, readFileSync } from 'node:fs'

/** Whether this host can use IPv6 at all (IN-44). @param proc where procfs is */
export function hasIPv6(proc = '/proc'): boolean {
  if (!existsSync(`${proc}/net/if_inet6`)) return false
  try {
    return readFileSync(`${proc}/sys/net/ipv6/conf/all/disable_ipv6`, 'utf8').trim() !== '1'
  } catch {
    return true
  }
}
