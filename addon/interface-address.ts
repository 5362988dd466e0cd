import { native } from './native.ts'

/** How far an address reaches (enum rt_scope_t of linux/rtnetlink.h); a number for one of a user's own. */
export type AddressScope = 'global' | 'site' | 'link' | 'host' | 'nowhere' | `${number}`

const scopes: ReadonlyMap<number, AddressScope> = new Map([
  [0, 'global'],
  [200, 'site'],
  [253, 'link'],
  [254, 'host'],
  [255, 'nowhere'],
])

export interface InterfaceAddress {
  /** The interface's number. */
  readonly index: number
  /** The interface's name; empty where it went while this was read. */
  readonly interface: string
  /** As RFC 5952 writes it, and dotted quads. On a point-to-point interface, this end's. */
  readonly address: string
  readonly prefixLength: number
  readonly scope: AddressScope
  /** IPv6: whether another host has the address is not known yet (RFC 4862). */
  readonly tentative: boolean
  /** IPv6: another host has it, so this one does not use it. */
  readonly dadFailed: boolean
}

/**
 * The addresses of all interfaces, up or down, in the calling thread's network namespace (RTM_GETADDR).
 *
 * @throws BpfError EMFILE; EINTR where addresses change faster than they can be read
 */
export function interfaceAddresses(): InterfaceAddress[] {
  return native.interfaceAddresses().map((address) => ({
    ...address,
    scope: scopes.get(address.scope) ?? `${address.scope}`,
  }))
}
