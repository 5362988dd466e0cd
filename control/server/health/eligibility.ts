import type { Node } from '../../source/objects.ts'

/** The cluster autoscaler is about to remove a node that has it. */
const TO_BE_DELETED_TAINT = 'ToBeDeletedByClusterAutoscaler'

/**
 * Why load balancers should not send this node new traffic; undefined where they may (HL-5, IN-53).
 * Cordons, other taints and conditions do not matter.
 *
 * @param node undefined: not known, or deleted
 */
export function reasonAgainst(node: Node | undefined): string | undefined {
  if (node === undefined) return 'the Node object is not known'
  if (node.metadata.deletionTimestamp !== undefined) return 'the Node object is being deleted'
  if (node.taints.some(({ key }) => key === TO_BE_DELETED_TAINT)) {
    return `the Node has the taint ${TO_BE_DELETED_TAINT}`
  }
  return undefined
}
