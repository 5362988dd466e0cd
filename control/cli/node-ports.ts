import type { DetectLocal, EffectiveConfig } from '../config/effective.ts'
import type { DetectLocalOptions } from '../model/detect-local.ts'
import { type NodePortOptions, PRIMARY } from '../model/node-addresses.ts'

/** At which addresses NodePorts are served, in the terms of the model. */
export function nodePortOptions(config: EffectiveConfig): NodePortOptions {
  const { nodePortAddresses: wanted, localhostNodePorts: localhost } = config
  if (wanted.kind === 'ranges') return { nodePortAddresses: wanted.cidrs, localhost }
  return { nodePortAddresses: wanted.kind === 'primary' ? [PRIMARY] : [], localhost }
}

/** How local pods are told, in the terms of the model. */
export function detectLocalOptions(detectLocal: DetectLocal): DetectLocalOptions {
  const none = { clusterCIDR: '', bridgeInterface: '', interfaceNamePrefix: '' }
  switch (detectLocal.mode) {
    case 'ClusterCIDR':
      return { ...none, mode: 'ClusterCIDR', clusterCIDR: detectLocal.cidrs.join() }
    case 'NodeCIDR':
      return { ...none, mode: 'NodeCIDR' }
    case 'BridgeInterface':
      return { ...none, mode: 'BridgeInterface', bridgeInterface: detectLocal.name }
    case 'InterfaceNamePrefix':
      return { ...none, mode: 'InterfaceNamePrefix', interfaceNamePrefix: detectLocal.prefix }
  }
}
