import type { Candidate } from './held-slice.ts'

/** Where this node is. */
export interface NodePlace {
  readonly nodeName: string
  /** Label topology.kubernetes.io/zone, or empty. */
  readonly zone: string
}

/**
 * Applies topology hints to ready endpoints (EP-6): same node where all have node hints and one names
 * this node; else same zone where all have zone hints and one names this zone; else all. One endpoint
 * without a hint switches that kind of hint off for all (EP-7).
 */
export function filterByTopology(
  ready: readonly Candidate[],
  place: NodePlace,
): readonly Candidate[] {
  return (
    hinted(ready, (candidate) => candidate.nodeHints, place.nodeName) ??
    hinted(ready, (candidate) => candidate.zoneHints, place.zone) ??
    ready
  )
}

function hinted(
  ready: readonly Candidate[],
  hints: (candidate: Candidate) => readonly string[] | undefined,
  here: string,
): readonly Candidate[] | undefined {
  if (here === '') return undefined
  if (!ready.every((candidate) => (hints(candidate)?.length ?? 0) > 0)) return undefined
  const chosen = ready.filter((candidate) => hints(candidate)?.includes(here))
  return chosen.length > 0 ? chosen : undefined
}
