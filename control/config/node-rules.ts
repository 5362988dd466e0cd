import { canonicalAddress } from '../model/canonical.ts'
import type { Family } from '../model/service-port.ts'
import { cidrFamily } from './addresses.ts'
import type { EffectiveConfig } from './effective.ts'
import type { Finding } from './problem.ts'

/** What is known of this node when its configuration is compared with it. */
export interface NodeFacts {
  readonly primaryFamily: Family
  /** Both families can be served here (IN-44). */
  readonly dualStack: boolean
  /** `spec.podCIDRs` of the Node object. */
  readonly podCIDRs: readonly string[]
}

/**
 * CF-5: what only shows once the node is known. Errors are those that keep kube-proxy from starting;
 * IN-50 says how long to wait for podCIDRs first.
 */
export function checkAgainstNode(config: EffectiveConfig, node: NodeFacts): Finding[] {
  const other = node.primaryFamily === 4 ? 6 : 4
  const kind = `IPv${node.primaryFamily}${node.dualStack ? '-first' : '-only'}`
  const onlyOther = (ranges: readonly string[]) =>
    ranges.length > 0 && ranges.every((range) => cidrFamily(range) === other)
  const { detectLocal, nodePortAddresses } = config
  const findings: Finding[] = []
  const say = (severity: Finding['severity'], path: string, message: string) =>
    findings.push({ severity, path, message: `${path} ${message}` })

  const clusterCidrs = detectLocal.mode === 'ClusterCIDR' ? detectLocal.cidrs : []
  if (onlyOther(clusterCidrs)) {
    say(
      node.dualStack ? 'warning' : 'error',
      'clusterCIDR',
      `is "${clusterCidrs.join()}", of IPv${other} only, and this node is ${kind}: add the IPv${node.primaryFamily} range of the pods`,
    )
  }
  if (detectLocal.mode === 'NodeCIDR') {
    if (node.podCIDRs.length === 0) {
      say(
        'error',
        'detectLocalMode',
        'is NodeCIDR and this Node has no spec.podCIDRs: let the controller-manager allocate them (--allocate-node-cidrs), or choose another mode',
      )
    } else if (onlyOther(node.podCIDRs)) {
      say(
        'error',
        'detectLocalMode',
        `is NodeCIDR and spec.podCIDRs of this Node is "${node.podCIDRs.join()}", of IPv${other} only, while the node is ${kind}: give it podCIDRs of IPv${node.primaryFamily}, or choose another mode`,
      )
    }
  }
  if (nodePortAddresses.kind === 'ranges') {
    const missing = missingFamily(nodePortAddresses.cidrs, node, [
      ...clusterCidrs,
      ...node.podCIDRs,
    ])
    if (missing !== undefined) {
      say(
        'warning',
        'nodePortAddresses',
        `has no IPv${missing} range, so NodePorts belong to every IPv${missing} address of this node: add a range, or write [primary]`,
      )
    }
  }
  if (!node.dualStack) {
    for (const name of ['healthz', 'metrics'] as const) {
      const host = config[name]?.host
      if (host === undefined || canonicalAddress(host)?.family !== other || isAny(host)) continue
      say(
        'warning',
        `${name}BindAddress`,
        `is ${host}, of IPv${other}, and this node is ${kind}: write an IPv${node.primaryFamily} address`,
      )
    }
  }
  return findings
}

/** The family that a list of ranges leaves out although the cluster seems to use it (TR-41). */
function missingFamily(
  ranges: readonly string[],
  { primaryFamily }: NodeFacts,
  others: readonly string[],
): Family | undefined {
  const families = new Set(ranges.map(cidrFamily))
  if (!families.has(primaryFamily)) return primaryFamily
  const second: Family = primaryFamily === 4 ? 6 : 4
  const used = new Set([...ranges, ...others].map(cidrFamily))
  return used.has(second) && !families.has(second) ? second : undefined
}

function isAny(address: string): boolean {
  return ['0.0.0.0', '::'].includes(canonicalAddress(address)?.text ?? '')
}
