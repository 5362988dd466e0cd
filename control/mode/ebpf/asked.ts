import type { ServicePort, ServicePortChange } from '../../model/service-port.ts'
import { frontendNames } from './frontends.ts'
import type { Ledger } from './ledger.ts'
import { distinct } from './lists.ts'
import { PROTOCOL_NUMBERS } from './records.ts'

/** Frontend names and backend indexes. */
export interface AskedParts {
  readonly frontends: ReadonlySet<string>
  readonly backends: ReadonlySet<number>
}

const NOTHING: AskedParts = { frontends: new Set(), backends: new Set() }

/** The parts of service ports, as far as the ledger has them. */
export function askedParts(ports: readonly ServicePort[], ledger: Ledger): AskedParts {
  if (ports.length === 0) return NOTHING
  const frontends = new Set<string>()
  const backends = new Set<number>()
  for (const port of ports) {
    for (const name of frontendNames(port)) frontends.add(name)
    for (const { active, terminating } of distinct(port)) {
      for (const backend of [...active, ...terminating]) {
        backends.add(ledger.backends.look(backend, PROTOCOL_NUMBERS[port.protocol]))
      }
    }
  }
  return { frontends, backends }
}

/**
 * What was asked for before something may be removed. Only what an earlier agent left behind has to
 * stay until then: what this one put there, or found and was told of, ends when it is told so.
 */
export class Asked {
  /** By key; more than one where it is not sure which of them the kernel shows. */
  readonly #ports = new Map<string, readonly ServicePort[]>()

  of(key: string): readonly ServicePort[] {
    return this.#ports.get(key) ?? []
  }

  /** The changes were published in part, and nobody knows in which. */
  failed(changes: readonly ServicePortChange[]): void {
    for (const change of changes) {
      if (change.type === 'delete') continue
      const ports = this.of(change.key)
      if (ports.at(-1) !== change.port) this.#ports.set(change.key, [...ports, change.port])
    }
  }

  /** The changes are published, but for those that were refused, in full or in part. */
  published(changes: readonly ServicePortChange[], refused: { has(key: string): boolean }): void {
    this.failed(changes.filter(({ key }) => refused.has(key)))
    for (const change of changes) {
      if (change.type === 'delete') this.#ports.delete(change.key)
      else if (!refused.has(change.key)) this.#ports.set(change.key, [change.port])
    }
  }

  clear(): void {
    this.#ports.clear()
  }
}
