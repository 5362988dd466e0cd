import type { Candidate } from './held-slice.ts'
import type { EndpointList } from './service-port.ts'
import { filterByTopology, type NodePlace } from './topology.ts'

/** What a Service asks for, as far as it decides which endpoints serve (IN-11). */
export interface Policies {
  readonly internalLocal: boolean
  readonly externalLocal: boolean
  /** Has a NodePort, LoadBalancer VIP or external IP on this port. */
  readonly externallyReachable: boolean
}

/** The lists for all classes of traffic; see ServicePort. */
export interface EndpointLists {
  readonly internal: EndpointList
  readonly external: EndpointList
  readonly cluster: EndpointList
}

/** Serving, terminating and not ready: good for a fallback only (EP-2). */
const isFallback = (candidate: Candidate) =>
  candidate.serving && candidate.terminating && !candidate.ready

const isReady = (candidate: Candidate) => candidate.ready

const isLocal = (candidate: Candidate) => candidate.local

/**
 * Selects endpoints as EP-1 to EP-9 say: ready ones, else those that still serve while terminating, each
 * decided for the cluster list and for the local list on its own (EP-4).
 */
export function selectEndpoints(
  candidates: readonly Candidate[],
  policies: Policies,
  place: NodePlace,
): EndpointLists {
  const { internalLocal, externalLocal, externallyReachable } = policies
  const ready = candidates.every(isReady) ? candidates : candidates.filter(isReady)
  const fallback = candidates.filter(isFallback)
  const all = (): EndpointList => {
    return { active: filterByTopology(ready, place), terminating: fallback, drop: false }
  }
  const local = (): EndpointList => {
    const active = ready.filter(isLocal)
    const terminating = fallback.filter(isLocal)
    // EP-5: an empty local list drops where endpoints exist elsewhere, and refuses where none do.
    const elsewhere = ready.length + fallback.length > 0
    return { active, terminating, drop: elsewhere && active.length + terminating.length === 0 }
  }
  // EP-2, EP-3: without a frontend of the external classes their lists are not computed.
  if (!externallyReachable) {
    const internal = internalLocal ? local() : all()
    return { internal, external: internal, cluster: internal }
  }
  const cluster = all()
  if (!internalLocal && !externalLocal) return { internal: cluster, external: cluster, cluster }
  const computed = local()
  const own = isSameList(computed, cluster) ? cluster : computed
  return {
    internal: internalLocal ? own : cluster,
    external: externalLocal ? own : cluster,
    cluster,
  }
}

/** The candidates that serve and that no list shows (CT-1): UDP flows on them stay. */
export function servingBesides(
  candidates: readonly Candidate[],
  { internal, external, cluster }: EndpointLists,
): readonly Candidate[] {
  const shown = new Set(
    [internal, external, cluster].flatMap(({ active, terminating }) => [...active, ...terminating]),
  )
  return candidates.filter((candidate) => candidate.serving && !shown.has(candidate))
}

/** Equal lists are one object: what is planned and stored for one is then there for the other. */
function isSameList(a: EndpointList, b: EndpointList): boolean {
  return (
    a.drop === b.drop &&
    a.active.length === b.active.length &&
    a.terminating.length === b.terminating.length &&
    a.active.every((backend, index) => backend === b.active[index]) &&
    a.terminating.every((backend, index) => backend === b.terminating[index])
  )
}
