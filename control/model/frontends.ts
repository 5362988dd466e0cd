import type { ServicePort as SpecPort } from '../source/objects.ts'
import type { ServiceAddresses } from './service-addresses.ts'
import type { Family, Frontend } from './service-port.ts'

/** What a NodePort has for an address: which ones it means is decided elsewhere (TR-40). */
const WILDCARDS: Readonly<Record<Family, string>> = { 4: '0.0.0.0', 6: '::' }

/**
 * The addresses at which a port is reached, the ClusterIP first. An address that is there in several
 * classes counts once: as the ClusterIP, else as that of a load balancer, whose source ranges an
 * external IP would undo.
 */
export function frontendsOf(
  { port, nodePort }: SpecPort,
  family: Family,
  addresses: ServiceAddresses,
): readonly Frontend[] {
  const { clusterIP, externalIPs, loadBalancerIPs } = addresses
  const frontends: Frontend[] = [{ class: 'ClusterIP', address: clusterIP, port }]
  if (nodePort !== 0) {
    frontends.push({ class: 'NodePort', address: WILDCARDS[family], port: nodePort })
  }
  for (const address of loadBalancerIPs) {
    if (address !== clusterIP) frontends.push({ class: 'LoadBalancerIP', address, port })
  }
  for (const address of externalIPs) {
    if (address === clusterIP || loadBalancerIPs.includes(address)) continue
    frontends.push({ class: 'ExternalIP', address, port })
  }
  return frontends
}
