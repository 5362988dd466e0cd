import { canonicalAddress } from '../model/canonical.ts'
import type { Family } from '../model/service-port.ts'

/** Where a server listens. */
export interface ListenAddress {
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

export function isAddress(text: string): boolean {
  return canonicalAddress(text) !== undefined
}

/** @returns undefined where the text is no address */
export function familyOf(address: string): Family | undefined {
  return canonicalAddress(address)?.family
}

/** The family of a CIDR, leading zeros allowed (IN-9); undefined where the text is none. */
export function cidrFamily(text: string): Family | undefined {
  const [address = '', length = '', ...more] = text.split('/')
  if (more.length > 0 || !/^\d+$/.test(length) || !isAddress(address)) return undefined
  const family = address.includes(':') ? 6 : 4
  return Number(length) <= (family === 6 ? 128 : 32) ? family : undefined
}

/** Appends a port to an address that has none; anything else stays as it is (CF-2). */
export function withPort(text: string, port: number): string {
  const bare = text.replace(/^\[(.*)\]$/, '$1')
  if (!isAddress(bare)) return text
  return bare.includes(':') ? `[${bare}]:${port}` : `${bare}:${port}`
}

/**
 * Splits `ADDRESS:PORT` or `[ADDRESS]:PORT`.
 *
 * @returns undefined where the text is neither, or the port is not between 1 and 65535
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, bracketed, plain, port = ''] = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || !isAddress(host)) return undefined
  return Number(port) >= 1 && Number(port) <= 65_535 ? { host, port: Number(port) } : undefined
}
