import { flat } from '../source/string-pool.ts'
import { fingerprint } from './fingerprint.ts'
import type { ServicePort, ServicePortChange } from './service-port.ts'

interface PublishedPort {
  readonly key: string
  readonly print: number
}

const NOTHING: readonly PublishedPort[] = Object.freeze([])

/** What was given out: a fingerprint for each service port, by Service. */
export class Published {
  readonly #services = new Map<string, readonly PublishedPort[]>()

  /** Notes what a Service has now, and tells the differences. With `again`, what is unchanged too. */
  replace(service: string, ports: readonly ServicePort[], again: boolean, changes: Changes): void {
    const before = this.#services.get(service) ?? NOTHING
    const find = finder(before)
    const after: PublishedPort[] = []
    for (const port of ports) {
      const print = fingerprint(port)
      const former = find(port.key)
      after.push(former?.print === print ? former : { key: former?.key ?? flat(port.key), print })
      if (again || former?.print !== print) changes.set(port, former !== undefined)
    }
    const findNow = finder(after)
    for (const { key } of before) {
      if (findNow(key) === undefined) changes.delete(key)
    }
    if (after.length > 0) this.#services.set(service, after)
    else this.#services.delete(service)
  }
}

/** More service ports than this are looked up in an index: a Service may have 65,535. */
const FEW = 8

function finder(ports: readonly PublishedPort[]): (key: string) => PublishedPort | undefined {
  if (ports.length <= FEW) return (wanted) => ports.find(({ key }) => key === wanted)
  const index = new Map(ports.map((port) => [port.key, port]))
  return (wanted) => index.get(wanted)
}

/** The changes of one taking: the last word about each service port. */
export class Changes {
  readonly #changes = new Map<string, ServicePortChange>()
  /** Keys that did not exist when the taking began: removing one leaves no trace. */
  readonly #added = new Set<string>()

  set(port: ServicePort, existed: boolean): void {
    if (!existed && this.#changes.get(port.key)?.type !== 'delete') this.#added.add(port.key)
    this.#changes.set(port.key, { type: 'set', key: port.key, port })
  }

  delete(key: string): void {
    if (this.#added.delete(key)) this.#changes.delete(key)
    else this.#changes.set(key, { type: 'delete', key })
  }

  /** Removals first. */
  list(): ServicePortChange[] {
    const all = [...this.#changes.values()]
    const deletes = all.filter((change) => change.type === 'delete')
    if (deletes.length === 0) return all
    return [...deletes, ...all.filter((change) => change.type === 'set')]
  }
}
