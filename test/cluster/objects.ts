import type { ApiClient, ApiObject } from './api.ts'

/*
 * The objects of a cluster as a test states them. What the API keeps in the status subresource (a
 * node's addresses, a pod's readiness) is silently dropped by a create and therefore patched after it.
 */

const CORE = '/api/v1'
const DISCOVERY = '/apis/discovery.k8s.io/v1'

export interface NodeSpec {
  readonly name: string
  /** IPv4 first, then IPv6. */
  readonly addresses: readonly string[]
  readonly podCIDRs: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
}

export async function createNode(client: ApiClient, node: NodeSpec): Promise<void> {
  const path = `${CORE}/nodes`
  await client.create(path, {
    metadata: { name: node.name, labels: node.labels ?? {} },
    spec: { podCIDR: node.podCIDRs[0], podCIDRs: node.podCIDRs },
  })
  await client.patch(`${path}/${node.name}/status`, {
    status: {
      addresses: node.addresses.map((address) => ({ type: 'InternalIP', address })),
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  })
}

export interface PodSpec {
  readonly name: string
  readonly namespace?: string
  readonly nodeName: string
  /** IPv4 first, then IPv6. */
  readonly addresses: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

export async function createPod(client: ApiClient, pod: PodSpec): Promise<void> {
  const path = podsPath(pod.namespace)
  await client.create(path, {
    metadata: { name: pod.name, labels: pod.labels },
    spec: {
      nodeName: pod.nodeName,
      // No kubelet would honour a longer one, and without any a delete takes effect at once.
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'none' }],
    },
  })
  await client.patch(`${path}/${pod.name}/status`, {
    status: {
      phase: 'Running',
      podIP: pod.addresses[0],
      podIPs: pod.addresses.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  })
}

/** Turns a pod's readiness, as its kubelet would after a probe. */
export async function setPodReady(
  client: ApiClient,
  name: string,
  ready: boolean,
  namespace?: string,
): Promise<void> {
  await client.patch(`${podsPath(namespace)}/${name}/status`, {
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  })
}

export async function deletePod(
  client: ApiClient,
  name: string,
  namespace?: string,
): Promise<void> {
  await client.delete(`${podsPath(namespace)}/${name}`)
}

/** A Service manifest; dual-stack ClusterIP unless `spec` says otherwise. */
export function service(name: string, spec: ApiObject, annotations = {}): ApiObject {
  return {
    metadata: { name, annotations },
    spec: { ipFamilyPolicy: 'PreferDualStack', ...spec },
  }
}

export function createService(
  client: ApiClient,
  object: ApiObject,
  namespace = 'default',
): Promise<ApiObject> {
  return client.create(`${CORE}/namespaces/${namespace}/services`, object)
}

/** Deletes a Service, and its slices as the garbage collector would, which is not among our controllers. */
export async function deleteService(
  client: ApiClient,
  name: string,
  namespace = 'default',
): Promise<void> {
  await client.delete(`${CORE}/namespaces/${namespace}/services/${name}`)
  await client.delete(`${slicesPath(namespace)}?${slicesOf(name)}`)
}

export interface SliceSpec {
  readonly name: string
  readonly service: string
  readonly addressType: 'IPv4' | 'IPv6'
  readonly ports: readonly { name?: string; protocol?: string; port: number }[]
  readonly endpoints: readonly {
    readonly address: string
    readonly nodeName?: string
    readonly ready?: boolean
    readonly serving?: boolean
    readonly terminating?: boolean
  }[]
}

/** The manifest of a slice that no controller looks after, for a Service without a selector. */
export function endpointSlice(slice: SliceSpec): ApiObject {
  return {
    metadata: { name: slice.name, labels: { 'kubernetes.io/service-name': slice.service } },
    addressType: slice.addressType,
    ports: slice.ports.map((port) => ({ name: '', protocol: 'TCP', ...port })),
    endpoints: slice.endpoints.map(({ address, nodeName, ready, serving, terminating }) => ({
      addresses: [address],
      nodeName,
      conditions: { ready: ready ?? true, serving, terminating },
    })),
  }
}

export function createEndpointSlice(
  client: ApiClient,
  slice: SliceSpec,
  namespace = 'default',
): Promise<ApiObject> {
  return client.create(slicesPath(namespace), endpointSlice(slice))
}

/** Replaces the endpoints of a slice, which a merge patch does to lists. */
export function setEndpoints(client: ApiClient, slice: SliceSpec, namespace = 'default') {
  const { endpoints } = endpointSlice(slice)
  return client.patch(`${slicesPath(namespace)}/${slice.name}`, { endpoints })
}

/** The addresses that a Service's slices offer now, ready ones only. */
export async function readyAddresses(
  client: ApiClient,
  name: string,
  namespace = 'default',
): Promise<string[]> {
  const { items } = await client.get(`${slicesPath(namespace)}?${slicesOf(name)}`)
  return items
    .flatMap((slice: ApiObject) => slice.endpoints ?? [])
    .filter((endpoint: ApiObject) => endpoint.conditions.ready)
    .map((endpoint: ApiObject) => endpoint.addresses[0])
    .sort()
}

function podsPath(namespace = 'default'): string {
  return `${CORE}/namespaces/${namespace}/pods`
}

function slicesPath(namespace: string): string {
  return `${DISCOVERY}/namespaces/${namespace}/endpointslices`
}

/** Query that selects the slices of a Service. */
function slicesOf(service: string): string {
  return `labelSelector=${encodeURIComponent(`kubernetes.io/service-name=${service}`)}`
}
