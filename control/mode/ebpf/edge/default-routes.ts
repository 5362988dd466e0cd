import { readFileSync } from 'node:fs'

/** RTF_UP and RTF_REJECT of linux/route.h. */
const UP = 0x1
const REJECT = 0x200

/** Names of the interfaces of this network namespace that a default route leads over. */
export function defaultRoutes(): Set<string> {
  return new Set([
    ...routes4(readFileSync('/proc/net/route', 'utf8')),
    ...routes6(readIfThere('/proc/net/ipv6_route')),
  ])
}

/** @param table /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask ... */
export function routes4(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const [name = '', destination, , flags = '', , , , mask] = line.split('\t')
    const isDefault = destination === '00000000' && mask === '00000000'
    return isDefault && isUsable(flags) ? [name] : []
  })
}

/** @param table /proc/net/ipv6_route: destination length source length hop metric refs use flags name */
export function routes6(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const [destination = '', length, , , , , , , flags = '', name = ''] = line.trim().split(/\s+/)
    const isDefault = /^0{32}$/.test(destination) && length === '00'
    return isDefault && name !== 'lo' && isUsable(flags) ? [name] : []
  })
}

function isUsable(flags: string): boolean {
  const bits = Number.parseInt(flags, 16)
  return (bits & UP) !== 0 && (bits & REJECT) === 0
}

/** A kernel without IPv6 has no such file. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
