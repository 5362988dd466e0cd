import { parseAddress } from '../../../model/address.ts'
import type { Backend, ServicePort, ServicePortChange } from '../../../model/service-port.ts'
import type { Ledger } from '../ledger.ts'
import { addressPort } from '../records.ts'
import type { StalePeer } from './stale-peer.ts'

const words = new Uint32Array(4)

/**
 * Which endpoints serve, although the programs would no longer choose them: hints, a traffic policy or
 * readiness keep new flows away from them, and leave those that are there alone (CT-1). So does another
 * Pod at the same address and port: flows are told by these.
 */
export class Serving {
  /** "address:port" by service port key; only of service ports that have any. */
  readonly #besides = new Map<string, ReadonlySet<string>>()

  note(changes: readonly ServicePortChange[], complete: boolean): void {
    if (complete) this.#besides.clear()
    for (const change of changes) {
      const besides = change.type === 'set' ? besidesOf(change.port) : []
      if (besides.length === 0) this.#besides.delete(change.key)
      else this.#besides.set(change.key, new Set(besides.map(nameOf)))
    }
  }

  /** Where nobody knows of the service, or not yet since the start, it is not ours to judge. */
  has(peer: Pick<StalePeer, 'frontend' | 'backend'>, ledger: Ledger): boolean {
    const entry = ledger.frontends.get(peer.frontend)
    if (entry === undefined || ledger.unclaimed.has(entry)) return true
    if (this.#besides.get(entry.key)?.has(peer.backend) === true) return true
    const { backends } = ledger
    let found = false
    ledger.eachMember(entry, (index) => {
      found ||= addressPort(backends.words, index * 4, backends.port(index)) === peer.backend
    })
    return found
  }
}

/** Flows of TCP are never ended (TR-70). */
function besidesOf(port: ServicePort): readonly Backend[] {
  return port.protocol === 'UDP' ? (port.besides ?? []) : []
}

/** As the ledger writes it. */
function nameOf({ address, port }: Backend): string {
  return parseAddress(address, words) ? addressPort(words, 0, port) : ''
}
