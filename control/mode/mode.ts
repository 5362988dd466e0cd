import type { GuardChanges } from '../model/guards.ts'
import type { NodeIPs } from '../model/node-ips.ts'
import type { Family, ServicePortChange } from '../model/service-port.ts'

/** A service port that could not be programmed, or not in full; everything else keeps working. */
export interface Refusal {
  /** Service port key. */
  readonly key: string
  /** Stable word for metrics and scripts, such as `MapFull`. */
  readonly reason: string
  /** A sentence that names the subject, the value and what to do. */
  readonly message: string
}

/** What holds for all Services at once. */
export interface Environment {
  /** What has changed among the service addresses since the last one that was taken in (TR-60, TR-61). */
  readonly guards: GuardChanges
  readonly nodeIPs: NodeIPs
  /** Pods can be told from clients outside the cluster (TR-11). */
  readonly detectsLocal: Readonly<Record<Family, boolean>>
  /** Where pods are, if they are told by their source: at most one CIDR of each family (TR-50). */
  readonly podCIDRs: readonly string[]
}

/** What one `apply` did. */
export interface ApplyReport {
  /** Service ports whose kernel state changed. */
  readonly changed: number
  readonly published: number
  readonly removed: number
  /** System calls made on maps; 0 for a no-op. */
  readonly syscalls: number
  readonly refused: readonly Refusal[]
}

/** What one round of the patrol found. */
export interface PatrolReport {
  /** Service ports that were read back. */
  readonly checked: number
  /** The last service port was among them; the next round begins again. */
  readonly isRoundEnd: boolean
  /** A sentence for each difference; all of them are repaired. */
  readonly problems: readonly string[]
}

/** A BPF program at its place. */
export interface HookStatus {
  readonly name: string
  /** The interface, of a hook that is at one, and why it is attached there. */
  readonly device?: string
  readonly why?: string
  /** As the kernel answers when asked, not as we remember it. */
  readonly attached: boolean
  readonly programId: number
  /** undefined while the kernel's BPF statistics are off. */
  readonly runCount?: number
}

export interface MapStatus {
  readonly name: string
  readonly entries: number
  readonly maxEntries: number
  /** Whether it refuses when full: not so for arrays, always full, and for maps that evict. */
  readonly canFill: boolean
  readonly memoryBytes: number
}

/** The outcome of a check on the living node, such as a connection to the canary VIP. */
export interface CheckStatus {
  readonly name: string
  readonly ok: boolean
  readonly message: string
  /** Traffic to Services works all the same: it degrades the node and does not make it unhealthy. */
  readonly minor?: true
}

/** What a mode tells about itself. */
export interface ModeStatus {
  readonly hooks: readonly HookStatus[]
  readonly maps: readonly MapStatus[]
  readonly checks: readonly CheckStatus[]
  readonly refused: readonly Refusal[]
  /** Reason name -> count since the maps were made. */
  readonly reasons: Readonly<Record<string, number>>
  /** Connected UDP sockets that were ended because their endpoint was gone, since the agent started. */
  readonly udpSocketsEnded: number
}

/** Counters of one service port (of one family), and of its backends by "address:port". */
export interface ServicePortCounters {
  readonly connections: number
  readonly datagrams: number
  readonly refused: number
  readonly dropped: number
  readonly backends: ReadonlyMap<
    string,
    { readonly connections: number; readonly datagrams: number; readonly active: number }
  >
}

/** One way of turning the desired state into kernel state (design section 9). */
export interface Mode {
  readonly name: string
  /** Loads or adopts kernel state. Traffic that already flows goes on. */
  start(): Promise<void>
  /**
   * Applies changes. With `complete`, the changes are the whole desired state, and whatever else is
   * found in the kernel is removed. Before the first complete apply nothing is removed (IN-4) but what
   * earlier changes had named.
   */
  apply(changes: readonly ServicePortChange[], complete: boolean): Promise<ApplyReport>
  /**
   * Takes in what holds for all Services. Called after each apply that it may matter to; `complete` as
   * there: from the first one on what is found in the kernel besides is removed.
   */
  adapt(environment: Environment, complete: boolean): Promise<void>
  /** Compares the kernel with what was applied; returns a sentence per difference. */
  verify(): Promise<readonly string[]>
  /** Reads a part of the kernel state back, the next one each time, and repairs what differs. */
  patrol(): Promise<PatrolReport>
  status(): Promise<ModeStatus>
  /** Counters by service port key; a key that was never programmed is absent. */
  counters(keys: readonly string[]): Promise<ReadonlyMap<string, ServicePortCounters>>
  /** Lets go of handles; kernel state stays (design principle 3). */
  stop(): Promise<void>
}
