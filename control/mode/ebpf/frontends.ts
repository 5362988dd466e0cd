import { parseAddress } from '../../model/address.ts'
import type { Frontend, FrontendClass, ServicePort } from '../../model/service-port.ts'
import { frontendText, PROTOCOL_NAMES, PROTOCOL_NUMBERS } from './records.ts'

const words = new Uint32Array(4)

/** The destination classes that the programs translate. */
const SERVED: ReadonlySet<FrontendClass> = new Set(['ClusterIP'])

/** The frontends of a service port that can be published. */
export function servedFrontends({ frontends }: ServicePort): readonly Frontend[] {
  return frontends.filter((frontend) => SERVED.has(frontend.class))
}

/** A sentence about what a service port asks for and does not get; undefined where it gets all. */
export function unservedMessage({ frontends, scheduler }: ServicePort): string | undefined {
  const parts: string[] = []
  const others = frontends.filter((frontend) => !SERVED.has(frontend.class))
  if (others.length > 0) {
    const names = others.map(({ class: kind, address, port }) => {
      return kind === 'NodePort' ? `NodePort ${port}` : `${kind} ${address} port ${port}`
    })
    const wanted = names.join(', ')
    parts.push(`only its ClusterIP is served here, not ${wanted}; let another proxy serve the rest`)
  }
  if (scheduler !== 'random') {
    parts.push(`its scheduler "${scheduler}" is not there, and endpoints are chosen at random`)
  }
  return parts.length === 0 ? undefined : parts.join('; ')
}

/** The name of a frontend as the ledger knows it, or undefined where its address or port is none. */
export function frontendName(address: string, port: number, protocol: number): string | undefined {
  if (!parseAddress(address, words)) return undefined
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) return undefined
  /* An IPv4 address that parses has no other spelling. */
  if (!address.includes(':')) return `${address}:${port}/${PROTOCOL_NAMES[protocol]}`
  return frontendText(words, 0, port, protocol)
}

/** The names of a service port's frontends that are valid and served, each once. */
export function frontendNames(port: ServicePort): Set<string> {
  const names = new Set<string>()
  for (const frontend of servedFrontends(port)) {
    const name = frontendName(frontend.address, frontend.port, PROTOCOL_NUMBERS[port.protocol])
    if (name !== undefined) names.add(name)
  }
  return names
}
