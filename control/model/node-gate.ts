import type { Node } from '../source/objects.ts'
import type { DetectLocalOptions } from './detect-local.ts'

/** How long a start waits for the Node to exist with addresses (IN-50), in milliseconds. */
export const NODE_WAIT_MS = 30_000

/** How long it waits after that for pod CIDRs in mode NodeCIDR (IN-50), in milliseconds. */
export const POD_CIDR_WAIT_MS = 300_000

export type NodeGate =
  | { readonly decision: 'wait' | 'go' }
  /** Go on with a word in the log. */
  | { readonly decision: 'go'; readonly warning: string }
  /** End with this message. */
  | { readonly decision: 'end'; readonly message: string }

/**
 * Whether a start may go on with what is known of its Node (IN-50).
 *
 * @param waitedMs since the start
 */
export function nodeGate(
  node: Node | undefined,
  mode: DetectLocalOptions['mode'],
  waitedMs: number,
): NodeGate {
  const isComplete = node !== undefined && node.addresses.length > 0
  const needsPodCIDRs = mode === 'NodeCIDR' && (node?.podCIDRs.length ?? 0) === 0
  if (isComplete && !needsPodCIDRs) return { decision: 'go' }
  if (waitedMs < NODE_WAIT_MS) return { decision: 'wait' }
  if (!needsPodCIDRs) {
    return {
      decision: 'go',
      warning:
        'the Node object does not exist or has no addresses; 127.0.0.1 and ::1 stand in for its IPs',
    }
  }
  if (waitedMs < NODE_WAIT_MS + POD_CIDR_WAIT_MS) return { decision: 'wait' }
  return {
    decision: 'end',
    message:
      'the Node has no podCIDRs, which detectLocalMode NodeCIDR needs; have the cluster assign them, ' +
      'or choose another detectLocalMode',
  }
}

/**
 * Why the process must be started anew: in mode NodeCIDR what it does rests on the pod CIDRs that it
 * started with (IN-51). undefined where it may go on; a Node that is deleted changes nothing.
 */
export function restartReason(
  mode: DetectLocalOptions['mode'],
  startedWith: readonly string[],
  node: Node | undefined,
): string | undefined {
  if (mode !== 'NodeCIDR' || node === undefined) return undefined
  const now = node.podCIDRs
  const isSame =
    now.length === startedWith.length && now.every((cidr, index) => cidr === startedWith[index])
  if (isSame) return undefined
  return `the Node's podCIDRs have changed from ${show(startedWith)} to ${show(now)}; a restart takes them up`
}

const show = (cidrs: readonly string[]) => (cidrs.length === 0 ? 'none' : cidrs.join(', '))
