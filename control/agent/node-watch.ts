import type { Logger } from 'pino'
import type { DetectLocalOptions } from '../model/detect-local.ts'
import { NODE_WAIT_MS, nodeGate, POD_CIDR_WAIT_MS, restartReason } from '../model/node-gate.ts'
import { isSameIPs, nodeIPsOf } from '../model/node-ips.ts'
import { type Clock, systemClock } from '../source/kubernetes/clock.ts'
import type { Node } from '../source/objects.ts'

export interface NodeFinding {
  readonly severity: 'error' | 'warning' | 'notice'
  /** A sentence with field, value and what to do. */
  readonly message: string
}

export interface NodeWatchOptions {
  readonly nodeName: string
  readonly detectLocalMode: DetectLocalOptions['mode']
  readonly log: Logger
  /** The agent must end with status 1, to be started anew. Called once; the reason is in the log. */
  readonly end: () => void
  /** What of the configuration does not fit this node (CF-5); errors end the agent. */
  readonly check?: (node: Node) => readonly NodeFinding[]
  readonly clock?: Clock
}

/**
 * Follows this node's object for what a start needs of it and what may not change later (IN-50, IN-51).
 * Unlike in kube-proxy nothing waits for it: Services are served meanwhile, for they do not depend on it.
 */
export class NodeWatch {
  readonly #options: NodeWatchOptions
  readonly #clock: Clock
  /** undefined: nothing is judged yet. */
  #startedAt: number | undefined
  #node: Node | undefined
  /** Pod CIDRs that the agent works with; undefined while it still waits for the Node. */
  #podCIDRs: readonly string[] | undefined
  #cancel: () => void = () => {}
  #ended = false
  #isCompared = false

  constructor(options: NodeWatchOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /** The source delivers from now on. */
  start(): void {
    this.#startedAt = this.#clock.now()
    this.#judge()
  }

  stop(): void {
    this.#ended = true
    this.#cancel()
  }

  /** The Node as it is now; undefined: not there. */
  accepted(node: Node | undefined): void {
    const before = this.#node
    if (node === before || this.#ended) return
    this.#node = node
    this.#logAddresses(before, node)
    this.#judge()
  }

  #judge(): void {
    const { detectLocalMode, log } = this.#options
    if (this.#startedAt === undefined) return
    if (this.#podCIDRs !== undefined) {
      this.#compare(this.#node)
      if (this.#ended) return
      const reason = restartReason(detectLocalMode, this.#podCIDRs, this.#node)
      if (reason !== undefined) this.#end(reason)
      return
    }
    const waited = this.#clock.now() - this.#startedAt
    const gate = nodeGate(this.#node, detectLocalMode, waited)
    this.#cancel()
    if (gate.decision === 'wait') {
      const until = waited < NODE_WAIT_MS ? NODE_WAIT_MS : NODE_WAIT_MS + POD_CIDR_WAIT_MS
      this.#cancel = this.#clock.timer(until - waited, () => this.#judge())
    } else if (gate.decision === 'go') {
      if ('warning' in gate) log.warn({ node: this.#options.nodeName }, gate.warning)
      this.#podCIDRs = this.#node?.podCIDRs ?? []
      this.#compare(this.#node)
    } else if ('message' in gate) this.#end(gate.message)
  }

  /** Once, with the first Node that is known. */
  #compare(node: Node | undefined): void {
    const { log, nodeName, check } = this.#options
    if (node === undefined || this.#isCompared) return
    this.#isCompared = true
    const findings = check?.(node) ?? []
    const error = findings.find(({ severity }) => severity === 'error')
    for (const { severity, message } of findings) {
      if (severity !== 'error') log.warn({ node: nodeName }, message)
    }
    if (error !== undefined) this.#end(error.message)
  }

  #end(reason: string): void {
    const { log, nodeName, end } = this.#options
    this.stop()
    log.error({ node: nodeName, reason }, 'ending to be started again')
    end()
  }

  /** IN-51: other addresses, by a deletion as well, are no reason to end. */
  #logAddresses(before: Node | undefined, now: Node | undefined): void {
    if (before === undefined) return
    const { log, nodeName } = this.#options
    const [from, to] = [nodeIPsOf(before), nodeIPsOf(now)]
    if (!isSameIPs(from, to)) log.info({ node: nodeName, from, to }, 'node addresses changed')
  }
}
