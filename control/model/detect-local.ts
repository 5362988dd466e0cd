import { type Cidr, canonicalCidr, contains } from './cidr.ts'
import type { Family } from './service-port.ts'

/** How the configuration says which traffic comes from pods of the cluster or of this node. */
export interface DetectLocalOptions {
  readonly mode: 'ClusterCIDR' | 'NodeCIDR' | 'BridgeInterface' | 'InterfaceNamePrefix'
  /** ClusterCIDR: `clusterCIDR`, one CIDR or several separated by commas; empty: none. */
  readonly clusterCIDR: string
  /** BridgeInterface: name of the bridge. */
  readonly bridgeInterface: string
  /** InterfaceNamePrefix: what the names of pod interfaces begin with. */
  readonly interfaceNamePrefix: string
}

/** How to tell, for one family, whether a packet comes from a local pod. */
export type LocalDetector =
  /** It cannot be told, and pods are treated as anything else is (TR-11). */
  | { readonly by: 'nothing' }
  | { readonly by: 'source'; readonly cidr: Cidr }
  | { readonly by: 'interface'; readonly name: string }
  | { readonly by: 'interface prefix'; readonly prefix: string }

export type LocalDetectors = Readonly<Record<Family, LocalDetector>>

const NOTHING: LocalDetector = Object.freeze({ by: 'nothing' })

/**
 * The detectors of both families. Only the first CIDR of each family counts (TR-50).
 *
 * @param podCIDRs of this Node, used in mode NodeCIDR
 */
export function detectorsOf(
  options: DetectLocalOptions,
  podCIDRs: readonly string[],
): LocalDetectors {
  const { mode, clusterCIDR, bridgeInterface, interfaceNamePrefix } = options
  if (mode === 'ClusterCIDR') return bySource(clusterCIDR.split(','))
  if (mode === 'NodeCIDR') return bySource(podCIDRs)
  const detector: LocalDetector =
    mode === 'BridgeInterface'
      ? { by: 'interface', name: bridgeInterface }
      : { by: 'interface prefix', prefix: interfaceNamePrefix }
  return { 4: detector, 6: detector }
}

/** What is seen of a packet. */
export interface Origin {
  /** Canonical, before any translation. */
  readonly source: string
  /** undefined: made on this host, so that no interface-based mode calls it local (TR-51). */
  readonly inputInterface: string | undefined
}

/** Whether a packet comes from a local pod. */
export function isFromPod(detector: LocalDetector, origin: Origin): boolean {
  const { source, inputInterface } = origin
  switch (detector.by) {
    case 'nothing':
      return false
    case 'source':
      return contains(detector.cidr, source)
    case 'interface':
      return inputInterface === detector.name
    case 'interface prefix':
      return inputInterface?.startsWith(detector.prefix) ?? false
  }
}

function bySource(texts: readonly string[]): LocalDetectors {
  const cidrs = texts.flatMap((text) => canonicalCidr(text.trim()) ?? [])
  const detector = (family: Family): LocalDetector => {
    const cidr = cidrs.find((candidate) => candidate.family === family)
    return cidr === undefined ? NOTHING : { by: 'source', cidr }
  }
  return { 4: detector(4), 6: detector(6) }
}
