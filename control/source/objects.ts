/**
 * The Kubernetes objects that a service proxy reads, cut down to the fields it uses.
 *
 * Every source delivers these shapes, whatever it decoded them from (YAML, JSON, protobuf), with the
 * API's defaults filled in (kube-proxy.md 1.4) and nothing validated beyond types: judging addresses
 * and ports is the model's work.
 */

export type Kind = 'Service' | 'EndpointSlice' | 'Node' | 'ServiceCIDR'

export function isNamespaced(kind: Kind): boolean {
  return kind === 'Service' || kind === 'EndpointSlice'
}

export type Protocol = 'TCP' | 'UDP' | 'SCTP'

export interface ObjectMeta {
  /** Empty for cluster-scoped objects. */
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly resourceVersion: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Seconds since the epoch; 0: not said, as manifests do not. */
  readonly creationTimestamp: number
  /** Seconds since the epoch; absent while the object is not being deleted. */
  readonly deletionTimestamp?: number
}

export interface ServicePort {
  readonly name: string
  /** As written in the object; anything but TCP, UDP, SCTP is refused by the model. */
  readonly protocol: string
  readonly port: number
  /** 0: none. */
  readonly nodePort: number
}

export interface LoadBalancerIngress {
  readonly ip: string
  readonly ipMode: string
}

export interface Service {
  readonly kind: 'Service'
  readonly metadata: ObjectMeta
  readonly type: string
  readonly clusterIP: string
  readonly clusterIPs: readonly string[]
  readonly ipFamilies: readonly string[]
  readonly ports: readonly ServicePort[]
  readonly externalIPs: readonly string[]
  readonly loadBalancerIngress: readonly LoadBalancerIngress[]
  readonly loadBalancerSourceRanges: readonly string[]
  readonly internalTrafficPolicy: 'Cluster' | 'Local'
  readonly externalTrafficPolicy: 'Cluster' | 'Local'
  readonly healthCheckNodePort: number
  readonly sessionAffinity: 'None' | 'ClientIP'
  readonly sessionAffinitySeconds: number
}

export interface EndpointPort {
  /** undefined: the port is ignored (IN-22). The empty string matches the unnamed Service port. */
  readonly name: string | undefined
  readonly protocol: string
  /** undefined or 0: the port is ignored (IN-22). */
  readonly port: number | undefined
}

/** One endpoint; only `addresses[0]` of the API object survives (IN-24). */
export interface Endpoint {
  readonly address: string
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
  readonly nodeName: string | undefined
  readonly zone: string | undefined
  /** undefined: no hint (IN-27). */
  readonly zoneHints: readonly string[] | undefined
  readonly nodeHints: readonly string[] | undefined
  readonly targetUid: string | undefined
  /** "namespace/name" of the target Pod, for people. */
  readonly targetName: string | undefined
}

export interface EndpointSlice {
  readonly kind: 'EndpointSlice'
  readonly metadata: ObjectMeta
  readonly addressType: string
  readonly ports: readonly EndpointPort[]
  readonly endpoints: readonly Endpoint[]
}

export interface NodeAddress {
  readonly type: string
  readonly address: string
}

export interface Taint {
  readonly key: string
  readonly value: string
  readonly effect: string
}

export interface Node {
  readonly kind: 'Node'
  readonly metadata: ObjectMeta
  readonly podCIDRs: readonly string[]
  readonly addresses: readonly NodeAddress[]
  readonly taints: readonly Taint[]
}

/** Ranges from which the API server gives out ClusterIPs. */
export interface ServiceCIDR {
  readonly kind: 'ServiceCIDR'
  readonly metadata: ObjectMeta
  readonly cidrs: readonly string[]
}

export type KubernetesObject = Service | EndpointSlice | Node | ServiceCIDR

/**
 * "Namespace/name", the key of an object within its kind. Joined rather than concatenated: that makes one
 * flat string, where a concatenation kept as a key keeps its parts alive too.
 */
export function objectKey(metadata: Pick<ObjectMeta, 'namespace' | 'name'>): string {
  const { namespace, name } = metadata
  return namespace === '' ? name : [namespace, name].join('/')
}
