import type { CheckStatus, HookStatus, MapStatus, Refusal } from '../mode/mode.ts'
import type { SourceStatus } from '../source/source.ts'

/** Version of the documents that the agent serves and the command prints. Fields are never removed. */
export const API_VERSION = 'kproxy.dev/v1alpha1'

/** One judgement about the node, in the shape of a Kubernetes condition. */
export interface Condition {
  readonly type: string
  /** `True` is the healthy side. */
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
}

/** Latency from the first byte of an event to the published record; over the latest syncs. */
export interface LatencyStatus {
  readonly samples: number
  readonly p50Seconds: number
  readonly p99Seconds: number
}

export interface SyncStatus {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly durationSeconds: number
  readonly changed: number
  readonly syscalls: number
}

/** What was found when kernel state was read back. */
export interface DriftStatus {
  /** Service ports that were read back since the start. */
  readonly checked: number
  /** Differences that were found and repaired since the start. */
  readonly repaired: number
  /** Milliseconds since the epoch. */
  readonly lastAt: number | null
  /** Sentences about the latest differences, ten at most. */
  readonly last: readonly string[]
}

/** The configuration in force. */
export interface ConfigurationStatus {
  /** The file of --config. */
  readonly file: string | null
  /** Why newer content of the file is not in force, a sentence for each problem; empty: it is. */
  readonly refused: readonly string[]
  /** What is not heeded, and what valid values do here. */
  readonly remarks: readonly { readonly severity: string; readonly message: string }[]
}

export interface StatusDocument {
  readonly health: 'healthy' | 'degraded' | 'unhealthy'
  readonly version: string
  readonly nodeName: string
  readonly pid: number
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly mode: string
  readonly cgroup: string
  readonly pinDir: string
  readonly configuration: ConfigurationStatus
  readonly conditions: readonly Condition[]
  readonly hooks: readonly HookStatus[]
  readonly checks: readonly CheckStatus[]
  readonly maps: readonly MapStatus[]
  readonly source: SourceStatus
  readonly services: number
  readonly endpoints: number
  /** True while `/services` shows changes that are not in the kernel yet. */
  readonly syncing: boolean
  readonly lastSync: SyncStatus | null
  readonly firstSyncSeconds: number | null
  readonly syncs: number
  readonly latency: LatencyStatus | null
  readonly refused: readonly Refusal[]
  /** Objects whose content cannot be served, and why. */
  readonly problems: readonly { readonly subject: string; readonly message: string }[]
  readonly reasons: Readonly<Record<string, number>>
  readonly drift: DriftStatus
  /** Connected UDP sockets that were ended because their endpoint was gone. */
  readonly udpSocketsEnded: number
  readonly residentBytes: number
}

export interface ServicePortSummary {
  readonly name: string
  readonly protocol: string
  readonly port: number
  /** 0: none. */
  readonly nodePort: number
}

export interface ServiceSummary {
  readonly namespace: string
  readonly name: string
  readonly type: string
  readonly clusterIPs: readonly string[]
  /** External and LoadBalancer IPs that are served. */
  readonly externalIPs: readonly string[]
  readonly ports: readonly ServicePortSummary[]
  readonly readyEndpoints: number
  readonly totalEndpoints: number
  readonly connections: number
  readonly datagrams: number
  readonly refused: number
  readonly dropped: number
}

export interface EndpointDetail {
  readonly port: string
  readonly address: string
  readonly targetPort: number
  readonly state: string
  readonly local: boolean
  readonly zone: string
  readonly target: string
  readonly connections: number
  readonly active: number
  readonly datagrams: number
}

export interface ServiceDetail extends ServiceSummary {
  /** In effect on this node. */
  readonly internalTrafficPolicy: string
  readonly externalTrafficPolicy: string
  readonly scheduler: string
  /** 0: no session affinity. */
  readonly affinitySeconds: number
  /** Who may use the LoadBalancer IPs; empty: anybody. */
  readonly sourceRanges: readonly string[]
  readonly endpoints: readonly EndpointDetail[]
}
