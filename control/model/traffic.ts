import { canonicalCidr, contains } from './cidr.ts'
import type { EndpointList, FrontendClass, ServicePort } from './service-port.ts'

/**
 * Where a connection comes from, as far as it matters: a pod by detect-local, this host by an address of
 * its own, or anything else. A pod is asked for first.
 */
export type TrafficSource = 'pod' | 'node' | 'outside'

/** Which frontend of a service port is asked, and from where. */
export interface Flow {
  readonly class: FrontendClass
  readonly from: TrafficSource
}

export interface MasqueradeOptions {
  /** `masqueradeAll` of the mode's section (TR-10). */
  readonly masqueradeAll: boolean
  /** Local pods can be told from other sources in this family; if not, none counts as one (TR-11). */
  readonly detectsLocal: boolean
}

/** The endpoints that a flow chooses from: the matrix M1 to M8. */
export function endpointsFor(
  port: Pick<ServicePort, 'internal' | 'external' | 'cluster'>,
  flow: Flow,
  options: Pick<MasqueradeOptions, 'detectsLocal'>,
): EndpointList {
  if (flow.class === 'ClusterIP') return port.internal
  return isShortCircuit(flow, options) ? port.cluster : port.external
}

/**
 * Whether the source address is replaced by this node's (M1 to M8). A flow to an endpoint at the very
 * address that it comes from always is, whatever this says (M9; see {@link isHairpin}).
 */
export function masquerades(
  port: Pick<ServicePort, 'externalPolicy'>,
  flow: Flow,
  { masqueradeAll, detectsLocal }: MasqueradeOptions,
): boolean {
  if (flow.class === 'ClusterIP') {
    return masqueradeAll || (detectsLocal && flow.from !== 'pod')
  }
  return port.externalPolicy === 'Cluster' || flow.from === 'node'
}

/** M9: without masquerade the answer would bypass us on its way back. */
export function isHairpin(source: string, endpoint: string): boolean {
  return source === endpoint
}

/** What happens to a new connection that chooses from a list (TR-21 to TR-23). */
export function outcome(list: EndpointList): 'forward' | 'drop' | 'refuse' {
  if (list.active.length + list.terminating.length > 0) return 'forward'
  return list.drop ? 'drop' : 'refuse'
}

/**
 * Whether a source may use a frontend at all, which comes before anything else, the short-circuit too
 * (TR-30 to TR-33). One that may not is dropped.
 *
 * @param source canonical, before any translation
 */
export function admits(
  port: Pick<ServicePort, 'frontends' | 'sourceRanges' | 'sourceRangesIncludeNode'>,
  frontendClass: FrontendClass,
  source: string,
): boolean {
  if (frontendClass !== 'LoadBalancerIP' || port.sourceRanges.length === 0) return true
  const isIn = (text: string) => {
    const cidr = canonicalCidr(text)
    return cidr !== undefined && contains(cidr, source)
  }
  if (port.sourceRanges.some(isIn)) return true
  return (
    port.sourceRangesIncludeNode &&
    port.frontends.some(
      ({ class: kind, address }) => kind === 'LoadBalancerIP' && address === source,
    )
  )
}

/** TR-20. Without detection pods are taken for outsiders, while this host is still known (TR-11). */
function isShortCircuit(
  { from }: Flow,
  { detectsLocal }: Pick<MasqueradeOptions, 'detectsLocal'>,
): boolean {
  return from === 'node' || (from === 'pod' && detectsLocal)
}
