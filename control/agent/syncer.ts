import type { Logger } from 'pino'
import type { Mode } from '../mode/mode.ts'
import type { Model } from '../model/model.ts'
import type { ServicePortChange } from '../model/service-port.ts'
import { toSeconds } from '../seconds.ts'
import type { SyncStatus } from '../server/api.ts'
import type { FamilyName } from '../server/health/freshness.ts'
import type { SyncAttempt, SyncObserver } from '../server/sync-observer.ts'
import type { SourceEvent } from '../source/source.ts'
import type { EnvironmentKeeper } from './environment-keeper.ts'
import { Latency } from './latency.ts'
import { releaseMemorySoon } from './memory.ts'
import { PendingChanges } from './pending.ts'

const RETRY_FIRST_MS = 100
const RETRY_MOST_MS = 10_000

/** How long the Node may come later than Services and endpoints, in milliseconds. */
const NODE_PATIENCE_MS = 2_000

export interface SyncerOptions {
  readonly model: Model
  readonly mode: Mode
  readonly log: Logger
  readonly observer?: SyncObserver
  /** Told of each success, with what holds for all Services. */
  readonly environment?: Pick<EnvironmentKeeper, 'isPending' | 'apply'>
  /** Gives memory back; called once, when the start has settled. */
  readonly releaseMemory?: () => void
  /** Least time from the end of a sync to the next one (`minSyncPeriod`), in milliseconds; default 0. */
  readonly minSyncMs?: number
}

/**
 * Carries events through the model into the mode: one apply at a time, and what arrives meanwhile
 * goes together into the next. Nothing is written before every initial list is complete (IN-4).
 */
export class Syncer {
  readonly latency = new Latency()
  lastSync: SyncStatus | null = null
  /** Seconds from the start to the end of the first apply. */
  firstSyncSeconds: number | null = null
  syncs = 0
  lastError: string | undefined
  readonly #model: Model
  readonly #mode: Mode
  readonly #log: Logger
  readonly #observer: SyncObserver | undefined
  readonly #environment: SyncerOptions['environment']
  readonly #pending = new PendingChanges()
  readonly #startedAt = performance.now()
  #firstEventAt: number | undefined
  #running = false
  #stopped = false
  /** All that is known has been in the kernel. */
  #applied = false
  /** That was the whole desired state, and what else there was is gone. */
  #complete = false
  #retryMs = RETRY_FIRST_MS
  #retryTimer: NodeJS.Timeout | undefined
  readonly #releaseMemory: (() => void) | undefined
  readonly #minSyncMs: number
  /** On the clock of `performance`; nothing is applied before it, failed attempts count as well. */
  #notBefore = 0
  #waitTimer: NodeJS.Timeout | undefined
  #nodeTimer: NodeJS.Timeout | undefined
  /** On the clock of `performance`. */
  #nodeDeadline: number | undefined

  constructor(options: SyncerOptions) {
    this.#model = options.model
    this.#mode = options.mode
    this.#log = options.log
    this.#observer = options.observer
    this.#environment = options.environment
    this.#releaseMemory = options.releaseMemory
    this.#minSyncMs = options.minSyncMs ?? 0
  }

  /** True once everything that could be read of the initial lists has been in the kernel. */
  get synced(): boolean {
    return this.#applied
  }

  /** True while what earlier agents left stays, for it may belong to objects that could not be read. */
  get holdsBack(): boolean {
    return this.#applied && !this.#complete
  }

  /** True while changes that were accepted are not in the kernel yet. */
  get syncing(): boolean {
    return this.#running || this.#waitTimer !== undefined || this.#pending.size > 0
  }

  /** Takes one batch from the source. */
  accept(events: readonly SourceEvent[]): void {
    for (const event of events) {
      this.#model.apply(event)
      if (event.type === 'set' || event.type === 'delete') {
        this.#firstEventAt = Math.min(this.#firstEventAt ?? Infinity, event.receivedAt)
      }
    }
    this.#observer?.accepted(events)
    this.#kick()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#retryTimer)
    clearTimeout(this.#waitTimer)
    clearTimeout(this.#nodeTimer)
  }

  #kick(): void {
    if (this.#running || this.#stopped || !this.#model.synced) return
    if (this.#retryTimer !== undefined || this.#waitsForNode() || this.#waits()) return
    this.#running = true
    void this.#drain()
  }

  /**
   * Whether to wait a moment longer for this Node before the first apply: it decides about source ranges,
   * NodePorts and pods, and what an earlier agent knew of it must not be undone for want of patience. No gate,
   * though (IN-4): an API server that does not give it holds nothing up for long.
   */
  #waitsForNode(): boolean {
    if (this.#applied || this.#model.nodeSynced) return false
    const now = performance.now()
    this.#nodeDeadline ??= now + NODE_PATIENCE_MS
    if (now >= this.#nodeDeadline) return false
    this.#nodeTimer ??= setTimeout(() => {
      this.#nodeTimer = undefined
      this.#kick()
    }, this.#nodeDeadline - now)
    return true
  }

  /** Whether it is too early for another sync; then a timer sees to it. */
  #waits(): boolean {
    const ms = this.#notBefore - performance.now()
    if (ms <= 0) return false
    this.#waitTimer ??= setTimeout(() => {
      this.#waitTimer = undefined
      this.#kick()
    }, ms)
    return true
  }

  /** Ends with `#running` off before anything else can run: what is accepted next starts another. */
  async #drain(): Promise<void> {
    try {
      while (!this.#stopped && !this.#waits()) {
        const complete = !this.#complete && this.#model.whole
        const all = complete || !this.#applied
        this.#pending.add(all ? this.#model.takeAll() : this.#model.take())
        this.#observer?.taken(all || this.#pending.size > 0)
        const isIdle = !all && this.#pending.size === 0 && !this.#environment?.isPending
        if (isIdle) {
          this.#firstEventAt = undefined
          return
        }
        if (!(await this.#attempt(complete)) || !(await this.#adapt())) return
      }
    } finally {
      this.#running = false
    }
  }

  /** Applies what is pending. @returns false where that failed and is to be tried again later */
  async #attempt(complete: boolean): Promise<boolean> {
    const firstEventAt = this.#firstEventAt
    this.#firstEventAt = undefined
    const changes = this.#pending.take()
    const families = familiesOf(changes, complete || !this.#applied)
    const attempt = { changes, complete, families }
    this.#observer?.queued(attempt)
    const begun = performance.now()
    try {
      await this.#apply(attempt, firstEventAt)
      return true
    } catch (error) {
      this.#observer?.failed(attempt, (performance.now() - begun) / 1e3)
      this.#pending.restore(changes)
      this.#firstEventAt = firstEventAt
      this.#retryLater(error)
      return false
    } finally {
      if (this.#minSyncMs > 0) this.#notBefore = performance.now() + this.#minSyncMs
    }
  }

  /** @returns false where that failed and is to be tried again later; what was applied before stands */
  async #adapt(): Promise<boolean> {
    try {
      await this.#environment?.apply(this.#complete)
      this.#retryMs = RETRY_FIRST_MS
      this.lastError = undefined
      return true
    } catch (error) {
      this.#retryLater(error)
      return false
    }
  }

  async #apply(attempt: SyncAttempt, firstEventAt: number | undefined): Promise<void> {
    const { changes, complete } = attempt
    const begun = performance.now()
    const report = await this.#mode.apply(changes, complete)
    const ended = performance.now()
    this.syncs++
    const durationSeconds = toSeconds(ended - begun)
    const isFirst = !this.#applied
    const isNew = !complete && !isFirst && firstEventAt !== undefined && report.changed > 0
    if (isFirst) {
      this.#applied = true
      this.firstSyncSeconds = toSeconds(ended - this.#startedAt)
    }
    if (complete) {
      this.#complete = true
      if (this.#releaseMemory !== undefined) releaseMemorySoon(this.#releaseMemory)
    }
    if (isNew) this.latency.record(ended - firstEventAt)
    const latencySeconds = isNew ? (ended - firstEventAt) / 1e3 : undefined
    this.#observer?.succeeded({ ...attempt, report, durationSeconds, latencySeconds })
    if (report.changed === 0 && !complete && !isFirst && report.refused.length === 0) return
    const { changed, published, removed, syscalls } = report
    this.lastSync = { at: Date.now(), durationSeconds, changed, syscalls }
    this.#log.info(
      { changed, published, removed, syscalls, durationSeconds, ...(complete ? { complete } : {}) },
      'synced',
    )
    for (const { key, reason, message } of report.refused) {
      this.#log.warn({ svc: key, reason, detail: message }, 'service port refused')
    }
  }

  #retryLater(error: unknown): void {
    this.lastError = error instanceof Error ? error.message : String(error)
    this.#log.error({ err: error, retryMs: this.#retryMs }, 'sync failed; will try again')
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined
      this.#kick()
    }, this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MOST_MS)
  }
}

const ALL_FAMILIES: readonly FamilyName[] = ['IPv4', 'IPv6']

/** A service port's key ends with its family. */
function familiesOf(
  changes: readonly ServicePortChange[],
  complete: boolean,
): readonly FamilyName[] {
  if (complete) return ALL_FAMILIES
  return ALL_FAMILIES.filter((family) => {
    const ending = family.slice(-1)
    return changes.some(({ key }) => key.endsWith(ending))
  })
}
