import type { Protocol } from '../source/objects.ts'
import type { Scheduler } from './scheduler.ts'

/** IP family. kube-proxy runs one proxier for each; we keep one service port for each. */
export type Family = 4 | 6

/** Destination classes (TR-1); all but ClusterIP are external ones. */
export type FrontendClass = 'ClusterIP' | 'NodePort' | 'ExternalIP' | 'LoadBalancerIP'

/** One address that clients may name. */
export interface Frontend {
  readonly class: FrontendClass
  /**
   * Canonical text (IN-9). For NodePort the wildcard address of the family: which addresses of the node
   * it stands for is decided for all Services at once (TR-40 to TR-45).
   */
  readonly address: string
  readonly port: number
}

/** One usable endpoint of a service port (IN-28). */
export interface Backend {
  /** Canonical text. */
  readonly address: string
  readonly port: number
  /** Runs on this node (IN-26). */
  readonly local: boolean
  /** UID of the Pod behind it, or empty: a reused address with another UID is another backend. */
  readonly targetUid: string
  /** "namespace/name" of the Pod, for people. */
  readonly targetName: string
  readonly zone: string
}

/**
 * The endpoints that one class of traffic may use; sorted by address and port (IN-29). Where there are
 * none at all, traffic is dropped or refused.
 */
export interface EndpointList {
  /** New connections choose from these. */
  readonly active: readonly Backend[]
  /**
   * Serving but terminating: used when `active` is empty (EP-2), and by connected UDP flows that are on them
   * (CT-1).
   */
  readonly terminating: readonly Backend[]
  /**
   * Both lists are empty, and endpoints exist elsewhere: traffic is dropped (TR-21, TR-22). Empty and
   * not to be dropped is refused (TR-23).
   */
  readonly drop: boolean
}

export type TrafficPolicy = 'Cluster' | 'Local'

/**
 * What the kernel should do for one service port of one family (SPN x family): the unit of planning,
 * ids, statistics and affinity.
 */
export interface ServicePort {
  /** "namespace/name:portName/TCP/4"; see {@link servicePortKey}. */
  readonly key: string
  readonly namespace: string
  readonly name: string
  readonly portName: string
  readonly protocol: Protocol
  readonly family: Family
  readonly frontends: readonly Frontend[]
  /**
   * For the ClusterIP, whoever asks (EP-9). This list and the two that follow are one object wherever
   * they are equal.
   */
  readonly internal: EndpointList
  /** For frontends of the external classes, asked from outside the cluster (EP-9). */
  readonly external: EndpointList
  /** For the same, asked by pods of the cluster or by this host: the short-circuit (TR-20). */
  readonly cluster: EndpointList
  /**
   * Endpoints that serve and are in none of the lists, which hints, a policy or readiness keep from new
   * traffic; connected UDP flows that are on them stay (CT-1). Absent where there are none, and for other protocols.
   */
  readonly besides?: readonly Backend[]
  /** In effect for the ClusterIP; never for others (TR-12). */
  readonly internalPolicy: TrafficPolicy
  /** In effect for the external classes: Cluster where there is no frontend of these (IN-11). */
  readonly externalPolicy: TrafficPolicy
  /** 0: no session affinity. */
  readonly affinitySeconds: number
  readonly scheduler: Scheduler
  /**
   * Sources that may use the LoadBalancer IPs, and none of the other frontends' (TR-30, TR-31): canonical
   * CIDRs of the family; empty: anybody.
   */
  readonly sourceRanges: readonly string[]
  /** The node's IP is in a source range, and so the LoadBalancer IPs are good sources, too (TR-33). */
  readonly sourceRangesIncludeNode: boolean
}

/** A change of the desired state: the service port as it should be, or its absence. */
export type ServicePortChange =
  | { readonly type: 'set'; readonly key: string; readonly port: ServicePort }
  | { readonly type: 'delete'; readonly key: string }

/** The key of a service port of one family. */
export function servicePortKey(
  namespace: string,
  name: string,
  portName: string,
  protocol: Protocol,
  family: Family,
): string {
  return `${namespace}/${name}:${portName}/${protocol}/${family}`
}
