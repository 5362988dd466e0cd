import { backendName, type Candidate } from './held-slice.ts'

/** Candidates with their names beside them, sorted by these. */
interface Named {
  readonly candidates: readonly Candidate[]
  readonly names: readonly string[]
}

/** Names of the candidates of slices that stay open: a change of one slice need not make the others'. */
const namesOf = new WeakMap<readonly Candidate[], readonly string[]>()

const NONE: Named = { candidates: [], names: [] }

/**
 * The candidates of several slices, sorted by "address:port" (IN-29), one of each: that of the last slice
 * in which it does not terminate, else that of the first (IN-31). Merging what is sorted already takes a
 * fraction of sorting it: 5,000 endpoints are in 50 slices.
 *
 * @param lists each sorted, without duplicates
 */
export function mergeCandidates(lists: readonly (readonly Candidate[])[]): readonly Candidate[] {
  if (lists.length < 2) return lists[0] ?? NONE.candidates
  let runs: Named[] = lists.map(named)
  while (runs.length > 1) {
    const merged: Named[] = []
    for (let at = 0; at < runs.length; at += 2) {
      const first = runs[at] as Named
      const second = runs[at + 1]
      merged.push(second === undefined ? first : merge(first, second))
    }
    runs = merged
  }
  return (runs[0] ?? NONE).candidates
}

function named(candidates: readonly Candidate[]): Named {
  let names = namesOf.get(candidates)
  if (names === undefined) {
    names = candidates.map(backendName)
    namesOf.set(candidates, names)
  }
  return { candidates, names }
}

/** Of equals the second, unless it terminates. */
function merge(first: Named, second: Named): Named {
  const candidates: Candidate[] = []
  const names: string[] = []
  let i = 0
  let j = 0
  while (i < first.names.length && j < second.names.length) {
    const one = first.names[i] as string
    const other = second.names[j] as string
    if (one < other) {
      candidates.push(first.candidates[i++] as Candidate)
      names.push(one)
      continue
    }
    const candidate = second.candidates[j++] as Candidate
    if (one === other) {
      const former = first.candidates[i++] as Candidate
      candidates.push(candidate.terminating ? former : candidate)
    } else candidates.push(candidate)
    names.push(other)
  }
  for (; i < first.names.length; i++) {
    candidates.push(first.candidates[i] as Candidate)
    names.push(first.names[i] as string)
  }
  for (; j < second.names.length; j++) {
    candidates.push(second.candidates[j] as Candidate)
    names.push(second.names[j] as string)
  }
  return { candidates, names }
}
