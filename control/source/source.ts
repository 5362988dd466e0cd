import type { Kind, KubernetesObject } from './objects.ts'

/** What a source tells the agent, in the order in which it happened. */
export type SourceEvent =
  /** An object exists, new or changed. */
  | { readonly type: 'set'; readonly object: KubernetesObject; readonly receivedAt: number }
  /** An object is gone, be it by an event or missing from a relist (IN-6, AP-25). */
  | {
      readonly type: 'delete'
      readonly kind: Kind
      readonly namespace: string
      readonly name: string
      readonly receivedAt: number
    }
  /**
   * The first complete list of this kind has been delivered (IN-4). Once per kind, unless something in
   * that list could not be read and has no good content from before (`unread`): then once more,
   * without it, as soon as all of that is mended or gone.
   */
  | { readonly type: 'synced'; readonly kind: Kind; readonly unread?: true }
  /** An object or document could not be read; its last good content stays in force. */
  | { readonly type: 'rejected'; readonly subject: string; readonly reason: string }

export type SourceSink = (events: readonly SourceEvent[]) => void

/** The state of one stream of objects, for `status` and health. */
export interface StreamStatus {
  readonly kind: Kind
  /** `absent`: the server does not have the kind or does not show it, and the agent can do without. */
  readonly state: 'connecting' | 'listing' | 'watching' | 'retrying' | 'absent' | 'stopped'
  readonly objects: number
  readonly synced: boolean
  /** How it is read: `WatchList protobuf`, `list+watch JSON`, `directory`. */
  readonly how: string
  /** Milliseconds since the epoch of the last sign of life (an event or a bookmark). */
  readonly lastEventAt: number | undefined
  /** Milliseconds since then, whatever becomes of the clock; undefined where silence means nothing. */
  readonly silentMs: number | undefined
  readonly restarts: number
  /** Why it failed last; undefined as soon as it delivers again. */
  readonly lastError: string | undefined
}

export interface SourceStatus {
  /** What the objects come from: an API server URL or a directory. */
  readonly origin: string
  readonly streams: readonly StreamStatus[]
  /** Objects and documents that cannot be read now, and why. */
  readonly rejected: readonly { readonly subject: string; readonly reason: string }[]
}

/** Where the objects come from. Times (`receivedAt`) are `performance.now()` of the first byte. */
export interface Source {
  /** Begins delivery; resolves when it has begun, not when the lists are complete. */
  start(sink: SourceSink): Promise<void>
  stop(): Promise<void>
  status(): SourceStatus
}
