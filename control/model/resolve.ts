import type { Protocol, Service, ServicePort as SpecPort } from '../source/objects.ts'
import { collectEndpoints } from './endpoints.ts'
import { frontendsOf } from './frontends.ts'
import type { HeldSlice } from './held-slice.ts'
import type { NodeIPs } from './node-ips.ts'
import { type Policies, selectEndpoints, servingBesides } from './policy.ts'
import { type Scheduler, schedulerOf } from './scheduler.ts'
import { addressesOf, type ServiceAddresses } from './service-addresses.ts'
import { type Family, type Frontend, type ServicePort, servicePortKey } from './service-port.ts'
import { sourceRangesOf } from './source-ranges.ts'
import type { NodePlace } from './topology.ts'

const FAMILIES: readonly Family[] = [4, 6]
const PROTOCOLS: readonly string[] = ['TCP', 'UDP', 'SCTP'] satisfies Protocol[]

/**
 * Most frontends of one Service in one family, as many as the maps hold by default. Ports times addresses
 * can be millions, of an object that is not large.
 */
const FRONTENDS_MAX = 65_536

/** Most endpoints of one Service in one family, each counted once for every port. */
const ENDPOINTS_MAX = 1_048_576

/** The longest affinity that the API allows, in seconds (1.2). */
const AFFINITY_MAX = 86_400

/** What a Service's meaning depends on besides itself and its endpoints. */
export interface Surroundings {
  readonly place: NodePlace
  readonly nodeIPs: NodeIPs
  /** Of Services that name none. */
  readonly scheduler: Scheduler
  /** Feature gate AllowServiceExternalIPs. */
  readonly allowExternalIPs: boolean
}

/**
 * What the kernel should do for a Service: one service port for each of its ports in each of its
 * families. Content that makes no sense is left out and complained of; the rest is served.
 */
export function resolveService(
  service: Service,
  slices: readonly HeldSlice[],
  surroundings: Surroundings,
  wrong: (message: string) => void,
): ServicePort[] {
  const { place, nodeIPs, allowExternalIPs } = surroundings
  const affinitySeconds = affinityOf(service, wrong)
  const scheduler = schedulerOf(service, surroundings.scheduler, wrong)
  const specPorts = usablePorts(service.ports, wrong)
  const ports: ServicePort[] = []
  for (const family of FAMILIES) {
    const all = addressesOf(service, family, allowExternalIPs, wrong)
    if (all === undefined) continue
    const addresses = withinReason(all, specPorts.length, wrong)
    let endpoints = 0
    const { ranges, includeNode } = sourceRangesOf(service, family, nodeIPs[family], wrong)
    for (const port of specPorts) {
      const protocol = port.protocol as Protocol
      const { namespace, name } = service.metadata
      const candidates = collectEndpoints(slices, family, port.name, protocol)
      endpoints += candidates.length
      if (endpoints > ENDPOINTS_MAX) {
        wrong(
          `ports[name="${port.name}"] and those after it are not served: all ports together have more than ${ENDPOINTS_MAX} endpoints; split the Service`,
        )
        break
      }
      const frontends = frontendsOf(port, family, addresses)
      const policies = policiesOf(service, frontends)
      const lists = selectEndpoints(candidates, policies, place)
      const besides = protocol === 'UDP' ? servingBesides(candidates, lists) : []
      const hasRanges = frontends.some((frontend) => frontend.class === 'LoadBalancerIP')
      ports.push({
        key: servicePortKey(namespace, name, port.name, protocol, family),
        namespace,
        name,
        portName: port.name,
        protocol,
        family,
        frontends,
        ...lists,
        ...(besides.length > 0 && { besides }),
        internalPolicy: policies.internalLocal ? 'Local' : 'Cluster',
        externalPolicy: policies.externalLocal ? 'Local' : 'Cluster',
        affinitySeconds,
        scheduler,
        sourceRanges: hasRanges ? ranges : NO_RANGES,
        sourceRangesIncludeNode: hasRanges && includeNode,
      })
    }
  }
  return ports
}

/** With more frontends than can be, a Service has those of its cluster IP. */
function withinReason(
  addresses: ServiceAddresses,
  ports: number,
  wrong: (message: string) => void,
): ServiceAddresses {
  const { externalIPs, loadBalancerIPs } = addresses
  const count = 1 + externalIPs.length + loadBalancerIPs.length
  if (count === 1 || count * ports <= FRONTENDS_MAX) return addresses
  wrong(
    `${ports} ports at ${count} addresses are more than ${FRONTENDS_MAX} frontends, so only the cluster IP is served; remove ports or addresses`,
  )
  return { ...addresses, externalIPs: [], loadBalancerIPs: [] }
}

const NO_RANGES: readonly string[] = Object.freeze([])

/** IN-11. Only what is reached from outside on this very port and family has an external policy. */
function policiesOf(service: Service, frontends: readonly Frontend[]): Policies {
  const { type, externalIPs, internalTrafficPolicy, externalTrafficPolicy } = service
  const isExposed = frontends.length > 1
  const isAccessible = type === 'LoadBalancer' || type === 'NodePort' || externalIPs.length > 0
  return {
    internalLocal: internalTrafficPolicy === 'Local',
    externalLocal: externalTrafficPolicy === 'Local' && isAccessible && isExposed,
    externallyReachable: isExposed,
  }
}

/** The ports that can be served; the first of those that repeat a name or a number. */
function usablePorts(ports: readonly SpecPort[], wrong: (message: string) => void): SpecPort[] {
  const usable: SpecPort[] = []
  const names = new Set<string>()
  const numbers = new Map<string, string>()
  for (const port of ports) {
    const message = unusable(port, names, numbers)
    if (message !== undefined) {
      wrong(`ports[name="${port.name}"].${message}`)
      continue
    }
    names.add(nameKey(port))
    numbers.set(numberKey(port), port.name)
    const { nodePort } = port
    if (nodePort === 0 || isPortNumber(nodePort)) {
      usable.push(port)
      continue
    }
    wrong(
      `ports[name="${port.name}"].nodePort is ${nodePort}; give a number from 1 to 65535, or 0 for none`,
    )
    usable.push({ ...port, nodePort: 0 })
  }
  return usable
}

const isPortNumber = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65_535

const nameKey = ({ protocol, name }: SpecPort) => `${protocol} ${name}`
const numberKey = ({ protocol, port }: SpecPort) => `${protocol} ${port}`

/** What is wrong with a port, given the names and numbers (with their names) of those before it. */
function unusable(
  port: SpecPort,
  names: ReadonlySet<string>,
  numbers: ReadonlyMap<string, string>,
): string | undefined {
  if (!isPortNumber(port.port)) {
    return `port is ${port.port}; give a number from 1 to 65535`
  }
  if (!PROTOCOLS.includes(port.protocol)) {
    return `protocol is "${port.protocol}"; give one of ${PROTOCOLS.join(', ')}`
  }
  if (names.has(nameKey(port))) return `name is there twice for ${port.protocol}; rename one`
  const other = numbers.get(numberKey(port))
  return other === undefined
    ? undefined
    : `port ${port.port}/${port.protocol} is that of "${other}" too; change one`
}

function affinityOf(service: Service, wrong: (message: string) => void): number {
  if (service.sessionAffinity !== 'ClientIP') return 0
  const seconds = service.sessionAffinitySeconds
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= AFFINITY_MAX) return seconds
  wrong(
    `sessionAffinityConfig.clientIP.timeoutSeconds is ${seconds}; give a number from 1 to ${AFFINITY_MAX}`,
  )
  return 0
}
