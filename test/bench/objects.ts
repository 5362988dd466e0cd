import { type ApiClient, ApiError, type ApiObject } from '../cluster/api.ts'
import { PORTS } from './load.ts'

/** The port on which every Service of the benchmark is reached. */
export const SERVICE_PORT = 80
export const NAMESPACE = 'default'
export const SERVICES = `/api/v1/namespaces/${NAMESPACE}/services`
export const SLICES = `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`

/** A pod that answers. */
export interface BackendPod {
  readonly name: string
  readonly address: string
  readonly nodeName: string
}

export interface ServiceShape {
  readonly name: string
  /** Past the range's first 256 addresses, which are slow for a client to choose. */
  readonly address: string
  readonly ports: readonly ServicePortShape[]
  readonly annotations?: Readonly<Record<string, string>>
  /** More fields of the spec. */
  readonly spec?: ApiObject
}

interface ServicePortShape {
  readonly name: string
  readonly protocol: string
  /** Port of the backends. */
  readonly target: number
  readonly nodePort?: number
}

/** The one port of a Service that accepts and closes. */
export const ACCEPT_PORT: ServicePortShape = { name: '', protocol: 'TCP', target: PORTS.accept }
/** The one port of a Service that answers with the name of its backend. */
export const NAME_PORT: ServicePortShape = { name: '', protocol: 'TCP', target: PORTS.name }

export function serviceObject({
  name,
  address,
  ports,
  annotations,
  spec,
}: ServiceShape): ApiObject {
  return {
    metadata: { name, annotations: annotations ?? {} },
    spec: {
      clusterIP: address,
      ipFamilyPolicy: 'SingleStack',
      ports: ports.map(({ target, ...port }) => ({
        ...port,
        port: SERVICE_PORT,
        targetPort: target,
      })),
      ...spec,
    },
  }
}

/** @param name of the slice: a Service may have several */
export function sliceObject(
  service: ServiceShape,
  name: string,
  endpoints: readonly BackendPod[],
): ApiObject {
  return {
    metadata: { name, labels: { 'kubernetes.io/service-name': service.name } },
    addressType: 'IPv4',
    ports: service.ports.map(({ name, protocol, target }) => ({ name, protocol, port: target })),
    endpoints: endpoints.map(endpoint),
  }
}

/** Deletes an object, or finds it gone: what made it may have failed half-way. */
export async function removeObject(client: ApiClient, path: string): Promise<void> {
  try {
    await client.delete(path)
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error
  }
}

/** A pod that exists on the API server alone, with an address that no other has. */
export function imagined(number: number): BackendPod {
  return {
    name: `imagined-${number}`,
    address: `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`,
    nodeName: `elsewhere-${number % 1000}`,
  }
}

/** As the EndpointSlice controller writes them, so that sizes on the wire are real. */
export function endpoint(pod: BackendPod): ApiObject {
  return {
    addresses: [pod.address],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: pod.nodeName,
    targetRef: { kind: 'Pod', namespace: NAMESPACE, name: pod.name, uid: uid(pod.name) },
  }
}

/** A UUID's shape for a name; equal names have equal ones. */
function uid(name: string): string {
  const hex = Buffer.from(name).toString('hex').padEnd(32, '0').slice(-32)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
