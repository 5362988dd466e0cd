import { Model, type ModelOptions } from '../../../control/model/model.ts'
import type { ServicePort } from '../../../control/model/service-port.ts'
import type {
  Endpoint,
  EndpointSlice,
  KubernetesObject,
  Node,
  Service,
  ServiceCIDR,
} from '../../../control/source/objects.ts'
import type { SourceEvent } from '../../../control/source/source.ts'

/** Short ways to say what a test needs; everything else is as the API server would fill it in. */
export const meta = (name: string, labels: Record<string, string> = {}) => ({
  namespace: 'default',
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  labels,
  annotations: {},
  creationTimestamp: 0,
})

export function service(name: string, change: Partial<Service> = {}): Service {
  return {
    kind: 'Service',
    metadata: meta(name),
    type: 'ClusterIP',
    clusterIP: '10.96.0.1',
    clusterIPs: ['10.96.0.1'],
    ipFamilies: ['IPv4'],
    ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 0 }],
    externalIPs: [],
    loadBalancerIngress: [],
    loadBalancerSourceRanges: [],
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: 'Cluster',
    healthCheckNodePort: 0,
    sessionAffinity: 'None',
    sessionAffinitySeconds: 10_800,
    ...change,
  }
}

export function endpoint(address: string, change: Partial<Endpoint> = {}): Endpoint {
  return {
    address,
    ready: true,
    serving: true,
    terminating: false,
    nodeName: 'n2',
    zone: undefined,
    zoneHints: undefined,
    nodeHints: undefined,
    targetUid: undefined,
    targetName: undefined,
    ...change,
  }
}

export function slice(
  name: string,
  owner: string,
  endpoints: readonly Endpoint[],
  change: Partial<EndpointSlice> = {},
): EndpointSlice {
  return {
    kind: 'EndpointSlice',
    metadata: meta(name, { 'kubernetes.io/service-name': owner }),
    addressType: 'IPv4',
    ports: [{ name: '', protocol: 'TCP', port: 8080 }],
    endpoints,
    ...change,
  }
}

export function node(
  zone: string | undefined,
  name = 'n1',
  change: Partial<Omit<Node, 'metadata'>> = {},
): Node {
  const labels: Record<string, string> =
    zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone }
  return {
    kind: 'Node',
    metadata: { ...meta(name, labels), namespace: '' },
    podCIDRs: [],
    addresses: [],
    taints: [],
    ...change,
  }
}

export function serviceCIDR(name: string, ...cidrs: readonly string[]): ServiceCIDR {
  return { kind: 'ServiceCIDR', metadata: { ...meta(name), namespace: '' }, cidrs }
}

/** This service, created at a time in seconds. */
export function created(given: Service, creationTimestamp: number): Service {
  return { ...given, metadata: { ...given.metadata, creationTimestamp } }
}

/** This service with annotations. */
export function annotated(given: Service, annotations: Record<string, string>): Service {
  return { ...given, metadata: { ...given.metadata, annotations } }
}

export const set = (object: KubernetesObject): SourceEvent => ({
  type: 'set',
  object,
  receivedAt: 0,
})

export const remove = (object: KubernetesObject): SourceEvent => ({
  type: 'delete',
  kind: object.kind,
  namespace: object.metadata.namespace,
  name: object.metadata.name,
  receivedAt: 0,
})

export function modelOf(...objects: readonly KubernetesObject[]): Model {
  return modelWith({}, ...objects)
}

export function modelWith(
  options: Partial<ModelOptions>,
  ...objects: readonly KubernetesObject[]
): Model {
  const model = new Model({ nodeName: 'n1', ...options })
  for (const object of objects) model.apply(set(object))
  return model
}

/** The service ports that a model of these objects wants, by key. */
export function desired(...objects: readonly KubernetesObject[]): Map<string, ServicePort> {
  const changes = modelOf(...objects).takeAll()
  return new Map(
    changes.filter((change) => change.type === 'set').map((change) => [change.key, change.port]),
  )
}

/** What is wrong, after a taking, as "subject: message". */
export function problemsOf(model: Model): string[] {
  model.take()
  return model.problems().map(({ subject, message }) => `${subject}: ${message}`)
}

/** The only service port of these objects. */
export function only(...objects: readonly KubernetesObject[]): ServicePort {
  const ports = [...desired(...objects).values()]
  if (ports.length !== 1) throw new Error(`expected one service port, there are ${ports.length}`)
  return ports[0] as ServicePort
}

export const active = (port: ServicePort) => port.internal.active.map((backend) => backend.address)
