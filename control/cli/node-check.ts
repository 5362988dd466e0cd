import type { EffectiveConfig } from '../config/effective.ts'
import { checkAgainstNode } from '../config/node-rules.ts'
import type { Finding } from '../config/problem.ts'
import { familiesOf } from '../model/families.ts'
import { nodeIPsOf } from '../model/node-ips.ts'
import { readIPv6 } from '../node/ipv6.ts'
import type { Node } from '../source/objects.ts'

/** What is wrong with a configuration on the node that it turned out to run on (IN-44, CF-5). */
export function checkNode(config: EffectiveConfig, node: Node): readonly Finding[] {
  const { primary } = nodeIPsOf(node, config.bindAddress)
  const families = familiesOf(primary, readIPv6())
  if (typeof families === 'string') {
    return [{ severity: 'error', path: 'bindAddress', message: families }]
  }
  return checkAgainstNode(config, {
    primaryFamily: primary,
    dualStack: families.length === 2,
    podCIDRs: node.podCIDRs,
  })
}
