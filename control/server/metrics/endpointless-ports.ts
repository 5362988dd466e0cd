import type { ServicePort, ServicePortChange } from '../../model/service-port.ts'
import type { FamilyName } from '../health/freshness.ts'

export type PolicyName = 'internal' | 'external'

export interface EndpointlessCount {
  readonly family: FamilyName
  readonly policy: PolicyName
  readonly count: number
}

const FAMILIES: readonly FamilyName[] = ['IPv4', 'IPv6']
const POLICIES: readonly PolicyName[] = ['internal', 'external']

/**
 * Service ports whose Local policy finds no endpoint on this node although there are some elsewhere
 * (MT-2). Only those are remembered.
 */
export class EndpointlessPorts {
  /** Service port key -> the policies that lack an endpoint. */
  readonly #ports = new Map<string, readonly PolicyName[]>()

  /** @param complete the changes are everything there is */
  apply(changes: readonly ServicePortChange[], complete: boolean): void {
    if (complete) this.#ports.clear()
    for (const change of changes) {
      const policies = change.type === 'set' ? lacking(change.port) : []
      if (policies.length > 0) this.#ports.set(change.key, policies)
      else this.#ports.delete(change.key)
    }
  }

  /** One for each family and policy, zero included. */
  counts(): readonly EndpointlessCount[] {
    return FAMILIES.flatMap((family) => POLICIES.map((policy) => this.#count(family, policy)))
  }

  #count(family: FamilyName, policy: PolicyName): EndpointlessCount {
    let count = 0
    for (const [key, policies] of this.#ports) {
      if (key.endsWith(family.slice(-1)) && policies.includes(policy)) count++
    }
    return { family, policy, count }
  }
}

/** A list that drops is empty although there are endpoints elsewhere. */
function lacking({ internal, external, frontends }: ServicePort): PolicyName[] {
  const isExposed = frontends.some((frontend) => frontend.class !== 'ClusterIP')
  return POLICIES.filter((policy) =>
    policy === 'internal' ? internal.drop : external.drop && isExposed,
  )
}
