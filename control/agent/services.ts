import type { Mode, ServicePortCounters } from '../mode/mode.ts'
import { collectEndpoints } from '../model/endpoints.ts'
import { backendName, type Candidate, type HeldSlice } from '../model/held-slice.ts'
import type { Model } from '../model/model.ts'
import type { EndpointList, ServicePort } from '../model/service-port.ts'
import type { EndpointDetail, ServiceDetail, ServiceSummary } from '../server/api.ts'
import type { Service } from '../source/objects.ts'

type Counters = ReadonlyMap<string, ServicePortCounters>

/** Every Service with its endpoints counted, sorted by namespace and name. */
export async function describeServices(
  model: Model,
  mode: Mode,
): Promise<readonly ServiceSummary[]> {
  const services = [...model.services()].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
  const ports = new Map(services.map((service) => [service, model.resolve(service)]))
  const keys = [...ports.values()].flat().map((port) => port.key)
  const counters = await mode.counters(keys)
  return services.map((service) => summarize(model, service, ports.get(service) ?? [], counters))
}

/** One Service with its endpoints; undefined where there is no such Service. */
export async function describeService(
  model: Model,
  mode: Mode,
  namespace: string,
  name: string,
): Promise<ServiceDetail | undefined> {
  const service = model.service(namespace, name)
  if (service === undefined) return undefined
  const ports = model.resolve(service)
  const counters = await mode.counters(ports.map((port) => port.key))
  const slices = model.slicesOf(namespace, name)
  return {
    ...summarize(model, service, ports, counters),
    ...describePolicies(ports),
    endpoints: ports.flatMap((port) => endpointsOf(port, slices, counters)),
  }
}

/** Blank sorts before every character that a name may have. */
const sortKey = (service: Service) => `${service.metadata.namespace} ${service.metadata.name}`

function summarize(
  model: Model,
  service: Service,
  ports: readonly ServicePort[],
  counters: Counters,
): ServiceSummary {
  const { namespace, name } = service.metadata
  const total = { connections: 0, datagrams: 0, refused: 0, dropped: 0 }
  for (const port of ports) {
    const count = counters.get(port.key)
    if (count === undefined) continue
    total.connections += count.connections
    total.datagrams += count.datagrams
    total.refused += count.refused
    total.dropped += count.dropped
  }
  return {
    namespace,
    name,
    type: service.type,
    clusterIPs: service.clusterIPs.length > 0 ? service.clusterIPs : [service.clusterIP],
    externalIPs: externalIPsOf(ports),
    ports: service.ports.map((port) => ({
      name: port.name,
      protocol: port.protocol,
      port: port.port,
      nodePort: port.nodePort,
    })),
    ...countEndpoints(model.slicesOf(namespace, name)),
    ...total,
  }
}

function externalIPsOf(ports: readonly ServicePort[]): readonly string[] {
  const frontends = ports.flatMap((port) => port.frontends)
  const external = frontends.filter(
    ({ class: kind }) => kind === 'ExternalIP' || kind === 'LoadBalancerIP',
  )
  return [...new Set(external.map(({ address }) => address))]
}

/** The same for all ports of a Service, but for those that are not reached from outside. */
function describePolicies(
  ports: readonly ServicePort[],
): Pick<
  ServiceDetail,
  | 'internalTrafficPolicy'
  | 'externalTrafficPolicy'
  | 'scheduler'
  | 'affinitySeconds'
  | 'sourceRanges'
> {
  const [port] = ports
  return {
    internalTrafficPolicy: port?.internalPolicy ?? 'Cluster',
    externalTrafficPolicy: ports.some((one) => one.externalPolicy === 'Local')
      ? 'Local'
      : 'Cluster',
    scheduler: port?.scheduler ?? 'random',
    affinitySeconds: port?.affinitySeconds ?? 0,
    sourceRanges: [...new Set(ports.flatMap((one) => one.sourceRanges))],
  }
}

/** All endpoints of a service port, those that are not used too: a person looks for exactly these. */
function endpointsOf(
  port: ServicePort,
  slices: readonly HeldSlice[],
  counters: Counters,
): EndpointDetail[] {
  const { portName, family, protocol } = port
  const namesIn = ({ active, terminating }: EndpointList) =>
    new Set([...active, ...terminating].map(backendName))
  const internal = namesIn(port.internal)
  const cluster = port.cluster === port.internal ? internal : namesIn(port.cluster)
  return collectEndpoints(slices, family, portName, protocol).map((endpoint) => {
    const name = backendName(endpoint)
    const count = counters.get(port.key)?.backends.get(name)
    return {
      port: portName === '' ? protocol : `${portName}/${protocol}`,
      address: endpoint.address,
      targetPort: endpoint.port,
      state: stateOf(endpoint, internal.has(name), cluster.has(name)),
      local: endpoint.local,
      zone: endpoint.zone,
      target: endpoint.targetName,
      connections: count?.connections ?? 0,
      active: count?.active ?? 0,
      datagrams: count?.datagrams ?? 0,
    }
  })
}

/** @param internal chosen for the ClusterIP; @param cluster for its other addresses, asked from this node */
function stateOf(endpoint: Candidate, internal: boolean, cluster: boolean): string {
  if (endpoint.ready) {
    if (internal && cluster) return 'ready'
    if (internal) return 'ready, by the ClusterIP alone'
    return cluster ? 'ready, not by the ClusterIP' : 'ready, not chosen here'
  }
  return endpoint.serving && endpoint.terminating ? 'terminating' : 'not ready'
}

/** Endpoints of the family that has most: the two of a dual-stack pod are one endpoint to a person. */
function countEndpoints(
  slices: readonly HeldSlice[],
): Pick<ServiceSummary, 'readyEndpoints' | 'totalEndpoints'> {
  const families = ([4, 6] as const).map((family) => {
    const ours = slices.filter((slice) => slice.family === family)
    return {
      readyEndpoints: ours.reduce((sum, slice) => sum + slice.ready, 0),
      totalEndpoints: ours.reduce((sum, slice) => sum + slice.total, 0),
    }
  })
  const [four, six] = families as [(typeof families)[0], (typeof families)[0]]
  return six.totalEndpoints > four.totalEndpoints ? six : four
}
