import { type Clock, systemClock } from '../source/kubernetes/clock.ts'
import {
  EventRefusedError,
  type EventSink,
  eventName,
  eventNamespace,
  eventObject,
  microTime,
  type NodeEvent,
} from './event.ts'
import { TokenBucket } from './token-bucket.ts'

/** Requests at once, and the milliseconds after which one more is allowed. */
const BURST = 25
const REFILL_MS = 10_000

/** More Events than this do not wait: whoever reads them has enough, and `status` has them all. */
const WAITING_MAX = 200

/** Repetitions are written to the API server so often at most, and after so long are news again. */
const REPEAT_MS = 30_000
const FORGET_MS = 360_000

/** After a failure to reach the server, in milliseconds. */
const RETRY_MS = 10_000
const TRIES = 12

/** What became of an Event. */
export type EventResult = 'sent' | 'repeated' | 'dropped' | 'failed'

export interface EventRecorderOptions {
  readonly nodeName: string
  /** undefined: there is no cluster, and the log is all there is. */
  readonly sink: EventSink | undefined
  readonly log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
  }
  readonly observe?: (result: EventResult) => void
  readonly clock?: Clock
  /** Milliseconds since the epoch. */
  readonly wall?: () => number
}

/** An Event that was recorded, and what is still to be sent of it. */
interface Entry {
  readonly event: NodeEvent
  readonly name: string
  readonly firstAt: number
  created: boolean
  count: number
  /** How many of them the API server knows of, or will never know of. */
  sent: number
  /** By the clock, in milliseconds. */
  lastAt: number
  dueAt: number
  tries: number
}

/**
 * Sends Events: in the background, at a limited rate, repetitions together. It never throws, and what
 * cannot be sent is logged and dropped (9.3, HL-14).
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #clock: Clock
  readonly #wall: () => number
  readonly #bucket: TokenBucket
  /** All that was recorded lately, by what it says; in the order of first recording. */
  readonly #entries = new Map<string, Entry>()
  #sending: Promise<void> | undefined
  #cancel: (() => void) | undefined
  #stopped = false

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#wall = options.wall ?? Date.now
    this.#bucket = new TokenBucket(BURST, REFILL_MS, () => this.#clock.now())
  }

  /** Records an Event and returns at once. */
  record(event: NodeEvent): void {
    const { subject, type, reason, action, note } = event
    const now = this.#clock.now()
    this.#forget(now)
    const key = JSON.stringify([subject, type, reason, action])
    const known = this.#entries.get(key)
    if (known !== undefined) {
      known.count++
      known.lastAt = now
      this.#options.observe?.('repeated')
    } else if (this.#waiting >= WAITING_MAX) {
      this.#options.observe?.('dropped')
      return
    } else {
      const firstAt = this.#wall()
      const micros = firstAt * 1000 + Math.floor(Math.random() * 1000)
      const name = eventName(subject, micros)
      const state = { created: false, count: 1, sent: 0, lastAt: now, dueAt: now, tries: 0 }
      this.#entries.set(key, { event, name, firstAt, ...state })
      const about = [subject.kind, subject.namespace, subject.name].filter(Boolean).join('/')
      this.#options.log.info({ about, type, reason, action, note }, 'event')
    }
    this.#pump()
  }

  /** Waits until all is sent that can be sent now, but not for longer than the time. */
  async flush(milliseconds: number): Promise<void> {
    const deadline = new AbortController()
    const expired = this.#clock.sleep(milliseconds, deadline.signal)
    await Promise.race([this.#sending, expired])
    deadline.abort()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
    this.#options.sink?.close()
  }

  get #waiting(): number {
    return this.#entries.values().reduce((sum, { count, sent }) => sum + (sent < count ? 1 : 0), 0)
  }

  #pump(): void {
    if (this.#options.sink === undefined || this.#stopped) return
    this.#cancel?.()
    this.#cancel = undefined
    this.#sending ??= this.#sendDue().finally(() => {
      this.#sending = undefined
      this.#sleepUntilDue()
    })
  }

  async #sendDue(): Promise<void> {
    // Recording returns first, whatever comes then.
    await Promise.resolve()
    for (const entry of this.#entries.values()) {
      if (this.#stopped) return
      if (entry.sent >= entry.count || entry.dueAt > this.#clock.now()) continue
      if (!this.#bucket.take()) return
      await this.#send(entry)
    }
  }

  async #send(entry: Entry): Promise<void> {
    const { sink, nodeName, observe } = this.#options
    const { event, name, count, firstAt } = entry
    const namespace = eventNamespace(event.subject)
    try {
      if (!entry.created) {
        await sink?.create(namespace, eventObject(event, name, nodeName, firstAt))
        entry.created = true
        entry.sent = 1
      } else {
        await sink?.update(namespace, name, { count, lastObservedTime: microTime(this.#wall()) })
        entry.sent = count
      }
      entry.tries = 0
      entry.dueAt = this.#clock.now() + REPEAT_MS
      observe?.('sent')
    } catch (error) {
      this.#failed(entry, error)
    }
  }

  #failed(entry: Entry, error: unknown): void {
    entry.tries++
    entry.dueAt = this.#clock.now() + RETRY_MS
    if (!(error instanceof EventRefusedError) && entry.tries < TRIES) return
    entry.sent = entry.count
    entry.created = false
    this.#options.observe?.('failed')
    const { reason } = entry.event
    const detail = error instanceof Error ? error.message : String(error)
    this.#options.log.warn({ reason, detail }, 'Event could not be sent')
  }

  #sleepUntilDue(): void {
    if (this.#stopped) return
    const due = this.#entries
      .values()
      .filter(({ count, sent }) => sent < count)
      .map(({ dueAt }) => dueAt)
      .reduce((least, at) => Math.min(least, at), Number.POSITIVE_INFINITY)
    if (due === Number.POSITIVE_INFINITY) return
    const wait = Math.max(due - this.#clock.now(), this.#bucket.wait)
    this.#cancel?.()
    this.#cancel = this.#clock.timer(wait, () => this.#pump())
  }

  #forget(now: number): void {
    for (const [key, { lastAt, sent, count }] of this.#entries) {
      const isDone = sent >= count || this.#options.sink === undefined
      if (isDone && now - lastAt > FORGET_MS) this.#entries.delete(key)
    }
  }
}
