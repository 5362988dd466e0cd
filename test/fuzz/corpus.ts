import fc from 'fast-check'
import type { Kind } from '../../control/source/objects.ts'
import {
  arbitraryEndpointSlice,
  arbitraryNode,
  arbitraryService,
  arbitraryServiceCIDR,
} from '../unit/source/arbitrary-objects.ts'
import type { Plain } from '../unit/source/protobuf-codec.ts'

export const KINDS: readonly Kind[] = ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR']

const ARBITRARY: Readonly<Record<Kind, fc.Arbitrary<Plain>>> = {
  Service: arbitraryService,
  EndpointSlice: arbitraryEndpointSlice,
  Node: arbitraryNode,
  ServiceCIDR: arbitraryServiceCIDR,
}

/** Always the same objects, so that the seed of a round is all that is needed to repeat it. */
const SEED = 20_260_101
const OBJECTS = 60

const corpora = new Map<Kind, readonly Plain[]>()

/** Objects of a kind to begin with: every field, each of them present or absent. */
export function corpus(kind: Kind): readonly Plain[] {
  let objects = corpora.get(kind)
  if (objects === undefined) {
    objects = fc.sample(ARBITRARY[kind], { seed: SEED, numRuns: OBJECTS })
    corpora.set(kind, objects)
  }
  return objects
}
