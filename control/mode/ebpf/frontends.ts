import { parseAddress } from '../../model/address.ts'
import type { ServicePort } from '../../model/service-port.ts'
import { frontendText, PROTOCOL_NAMES, PROTOCOL_NUMBERS } from './records.ts'

const words = new Uint32Array(4)

/** The name of a frontend as the ledger knows it, or undefined where its address or port is none. */
export function frontendName(address: string, port: number, protocol: number): string | undefined {
  if (!parseAddress(address, words)) return undefined
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) return undefined
  /* An IPv4 address that parses has no other spelling. */
  if (!address.includes(':')) return `${address}:${port}/${PROTOCOL_NAMES[protocol]}`
  return frontendText(words, 0, port, protocol)
}

/** The names of a service port's frontends that are valid, each once. */
export function frontendNames(port: ServicePort): Set<string> {
  const names = new Set<string>()
  for (const frontend of port.frontends) {
    const name = frontendName(frontend.address, frontend.port, PROTOCOL_NUMBERS[port.protocol])
    if (name !== undefined) names.add(name)
  }
  return names
}
