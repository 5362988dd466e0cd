import type { Protocol } from '../source/objects.ts'
import type { Candidate, HeldSlice } from './held-slice.ts'
import { mergeCandidates } from './merge.ts'
import type { Family } from './service-port.ts'

/**
 * The endpoints of a service port: the union over all slices of the Service, matched by family, port
 * name and protocol (IN-21, IN-22), each with its own slice's port number (IN-23).
 */
export function collectEndpoints(
  slices: readonly HeldSlice[],
  family: Family,
  portName: string,
  protocol: Protocol,
): readonly Candidate[] {
  const lists: (readonly Candidate[])[] = []
  for (const slice of slices) {
    if (slice.family !== family) continue
    for (const port of slice.ports) {
      if (port.name === portName && port.protocol === protocol) lists.push(port.candidates)
    }
  }
  return mergeCandidates(lists)
}
