import type { Service } from '../source/objects.ts'
import type { HeldSlice } from './held-slice.ts'
import type { Family, ServicePort } from './service-port.ts'

/** A Service whose load balancer asks each node whether to send traffic there: one for each family. */
export interface HealthCheckService {
  readonly namespace: string
  readonly name: string
  readonly family: Family
  /** `spec.healthCheckNodePort`, 1 to 65535. */
  readonly port: number
  /** Distinct addresses of endpoints on this node that are ready (HL-11). */
  readonly localReadyEndpoints: number
}

/**
 * What a Service asks to be answered at its healthCheckNodePort: nothing unless it is of type
 * LoadBalancer with the external policy Local (HL-10), which then must have one.
 *
 * @param ports its service ports: it exists in their families (IN-7)
 */
export function healthChecksOf(
  service: Service,
  ports: readonly ServicePort[],
  slices: readonly HeldSlice[],
  wrong: (message: string) => void,
): readonly HealthCheckService[] {
  const { type, externalTrafficPolicy, healthCheckNodePort: port } = service
  const { namespace, name } = service.metadata
  if (type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local') return NONE
  if (!isPort(port)) {
    wrong(`healthCheckNodePort is ${port}; externalTrafficPolicy Local needs one, from 1 to 65535`)
    return NONE
  }
  const families = new Set(ports.map(({ family }) => family))
  return [...families].map((family) => {
    return { namespace, name, family, port, localReadyEndpoints: countLocal(slices, family) }
  })
}

const NONE: readonly HealthCheckService[] = Object.freeze([])

const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65_535

/** All ports merged: a pod counts once. One that terminates is not ready, even if it still serves. */
function countLocal(slices: readonly HeldSlice[], family: Family): number {
  const addresses = new Set<string>()
  for (const slice of slices) {
    if (slice.family !== family) continue
    for (const { candidates } of slice.ports) {
      for (const { local, ready, address } of candidates) if (local && ready) addresses.add(address)
    }
  }
  return addresses.size
}
