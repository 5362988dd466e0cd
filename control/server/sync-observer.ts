import type { ApplyReport } from '../mode/mode.ts'
import type { ServicePortChange } from '../model/service-port.ts'
import type { SourceEvent } from '../source/source.ts'
import type { FamilyName } from './health/freshness.ts'

/** One attempt to bring changes into the kernel. */
export interface SyncAttempt {
  readonly changes: readonly ServicePortChange[]
  /** The changes are the whole desired state. */
  readonly complete: boolean
  /** The families that have changes here; all of them where `complete`. */
  readonly families: readonly FamilyName[]
}

export interface SyncSuccess extends SyncAttempt {
  readonly report: ApplyReport
  readonly durationSeconds: number
  /** From the first byte of the oldest event to the published record; undefined where none was new. */
  readonly latencySeconds: number | undefined
}

/** Who wants to know how syncing goes: health, metrics and Events. None of this may throw or wait. */
export interface SyncObserver {
  /** The source delivered. */
  accepted(events: readonly SourceEvent[]): void
  /** What was delivered has become changes; none of them where `changed` is false. */
  taken(changed: boolean): void
  queued(attempt: SyncAttempt): void
  succeeded(success: SyncSuccess): void
  /** The changes stay queued. */
  failed(attempt: SyncAttempt, durationSeconds: number): void
}
