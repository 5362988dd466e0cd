/** What the kernel shows where there is no limit: all bits of an unsigned long. */
const UNLIMITED = 2 ** 64

/** Bytes of address space that a process may have, from /proc/PID/limits; 2^64: no limit. */
export function maxAddressSpace(limits: string): number {
  const soft = /^Max address space +(\S+)/m.exec(limits)?.[1]
  return soft === undefined || soft === 'unlimited' ? UNLIMITED : Number(soft)
}

/** Bytes of IP packets of a network namespace so far, from /proc/PID/net/netstat. */
export function octets(netstat: string): { readonly receive: number; readonly transmit: number } {
  // Each protocol has a line of names and one of values.
  const [names, values] = netstat
    .split('\n')
    .filter((line) => line.startsWith('IpExt:'))
    .map((line) => line.split(' '))
  const value = (name: string) => Number(values?.[names?.indexOf(name) ?? -1] ?? 0)
  return { receive: value('InOctets'), transmit: value('OutOctets') }
}
