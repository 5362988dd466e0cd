import { objectKey, type Service } from '../source/objects.ts'
import type { SharedLists } from './shared-lists.ts'

/** The Services that have frontends. */
export class Services {
  readonly #services = new Map<string, Service>()
  readonly #lists: SharedLists

  constructor(lists: SharedLists) {
    this.#lists = lists
  }

  get count(): number {
    return this.#services.size
  }

  get(key: string): Service | undefined {
    return this.#services.get(key)
  }

  keys(): Iterable<string> {
    return this.#services.keys()
  }

  /** Keys of those whose load balancer addresses are limited to some sources. */
  *keysWithRanges(): Iterable<string> {
    for (const [key, service] of this.#services) {
      if (service.loadBalancerSourceRanges.length > 0) yield key
    }
  }

  values(): Iterable<Service> {
    return this.#services.values()
  }

  /** Stores a Service; one without frontends counts as none (IN-3). @returns the keys it touches */
  set(service: Service): string[] {
    const key = objectKey(service.metadata)
    if (!hasFrontends(service)) return this.delete(key)
    this.#services.set(key, this.#compact(service))
    return [key]
  }

  delete(key: string): string[] {
    return this.#services.delete(key) ? [key] : []
  }

  /** The same Service in fewer bytes. The resource version is of no use here and changes all the time. */
  #compact(service: Service): Service {
    const { metadata, clusterIP } = service
    const isAlone = service.clusterIPs.length === 1 && service.clusterIPs[0] === clusterIP
    return {
      ...service,
      metadata: { ...metadata, resourceVersion: '' },
      clusterIPs: isAlone ? [clusterIP] : service.clusterIPs,
      ipFamilies: this.#lists.share(service.ipFamilies),
      ports: this.#lists.share(service.ports),
      externalIPs: this.#lists.share(service.externalIPs),
      loadBalancerIngress: this.#lists.share(service.loadBalancerIngress),
      loadBalancerSourceRanges: this.#lists.share(service.loadBalancerSourceRanges),
    }
  }
}

function hasFrontends({ type, clusterIP }: Service): boolean {
  return type !== 'ExternalName' && clusterIP !== '' && clusterIP !== 'None'
}
