import type { LoadBalancerIngress } from '../objects.ts'
import { DecodeError, type FieldPath } from './decode-error.ts'

/**
 * What the API server fills in (kube-proxy.md 1.4), for objects that never met one and for servers
 * that left it out. Shared by all decoders, so that every encoding of an object decodes alike.
 */
export const DEFAULT_PROTOCOL = 'TCP'
export const DEFAULT_SERVICE_TYPE = 'ClusterIP'
const DEFAULT_AFFINITY_SECONDS = 10_800

/** @throws {DecodeError} unless `Cluster`, `Local` or absent. */
export function trafficPolicy(value: string | undefined, path: FieldPath): 'Cluster' | 'Local' {
  if (value === undefined || value === '' || value === 'Cluster') return 'Cluster'
  if (value === 'Local') return 'Local'
  throw DecodeError.field(path, value, 'write Cluster or Local')
}

/** @throws {DecodeError} unless `None`, `ClientIP` or absent. */
export function sessionAffinity(value: string | undefined, path: FieldPath): 'None' | 'ClientIP' {
  if (value === undefined || value === '' || value === 'None') return 'None'
  if (value === 'ClientIP') return 'ClientIP'
  throw DecodeError.field(path, value, 'write None or ClientIP')
}

/** Seconds of affinity; 0 without affinity. */
export function affinitySeconds(
  affinity: 'None' | 'ClientIP',
  timeout: number | undefined,
): number {
  return affinity === 'None' ? 0 : (timeout ?? DEFAULT_AFFINITY_SECONDS)
}

/** An entry with an address and no mode is a virtual IP; one with a hostname alone has no mode. */
export function loadBalancerIngress(ip: string, ipMode: string | undefined): LoadBalancerIngress {
  return { ip, ipMode: ipMode ?? (ip === '' ? '' : 'VIP') }
}

export interface ClusterAddresses {
  readonly clusterIP: string
  readonly clusterIPs: readonly string[]
  readonly ipFamilies: readonly string[]
}

/** Completes the three fields from each other as the server does for a Service with given addresses. */
export function clusterAddresses(given: ClusterAddresses): ClusterAddresses {
  const clusterIP = given.clusterIP === '' ? (given.clusterIPs[0] ?? '') : given.clusterIP
  const derivable = given.ipFamilies.length === 0 && clusterIP !== 'None'
  return {
    clusterIP,
    clusterIPs: given.clusterIPs,
    ipFamilies: derivable ? given.clusterIPs.map(familyOf) : given.ipFamilies,
  }
}

function familyOf(address: string): string {
  return address.includes(':') ? 'IPv6' : 'IPv4'
}
