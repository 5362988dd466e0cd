import Counter from 'prom-client/lib/counter.js'
import type Registry from 'prom-client/lib/registry.js'
import type { ServicePortCounters } from '../../mode/mode.ts'
import type { ServicePortChange } from '../../model/service-port.ts'

const COUNTS = ['connections', 'datagrams', 'refused', 'dropped'] as const
const HELP: Readonly<Record<(typeof COUNTS)[number], string>> = {
  connections: 'Connections that clients on this node made to a service port',
  datagrams: 'Unconnected datagrams that clients on this node sent to a service port',
  refused: 'Connections and datagrams refused for lack of an endpoint',
  dropped: 'Connections and datagrams dropped for lack of an endpoint on this node',
}
const LABELS = ['namespace', 'service', 'port', 'protocol', 'ip_family'] as const

/** Four series for each service port: as many as the cluster is large, and therefore off by default. */
export class ServiceSeries {
  readonly #keys = new Set<string>()
  readonly #counters

  constructor(registry: Registry) {
    this.#counters = COUNTS.map((count) => {
      const name = `kproxy_service_${count}_total`
      const options = { name, help: HELP[count], labelNames: LABELS, registers: [registry] }
      return [count, new Counter(options)] as const
    })
  }

  /** Keys of the service ports that there are. */
  get keys(): readonly string[] {
    return [...this.#keys]
  }

  /** @param complete the changes are everything there is */
  apply(changes: readonly ServicePortChange[], complete: boolean): void {
    if (complete) this.#keys.clear()
    for (const { type, key } of changes) {
      if (type === 'set') this.#keys.add(key)
      else this.#keys.delete(key)
    }
  }

  refresh(counters: ReadonlyMap<string, ServicePortCounters>): void {
    for (const [, counter] of this.#counters) counter.reset()
    for (const [key, counts] of counters) {
      const labels = labelsOf(key)
      for (const [name, counter] of this.#counters) counter.inc(labels, counts[name])
    }
  }
}

/** @param key "namespace/service:port/TCP/4" */
function labelsOf(key: string): Record<(typeof LABELS)[number], string> {
  const [namespace = '', rest = '', protocol = '', family = ''] = key.split('/')
  const [service = '', port = ''] = rest.split(':')
  return { namespace, service, port, protocol, ip_family: `IPv${family}` }
}
