import { DecodeError } from '../decode/decode-error.ts'
import { ApiError, StreamError } from './api-error.ts'
import type { Backoff } from './backoff.ts'
import type { Clock } from './clock.ts'
import type { Resource } from './resource.ts'
import type { Timing } from './timing.ts'

/**
 * A server that goes on refusing a watch is asked for a list after this many times. Not one that is
 * merely busy or ill: lists from every node are what it could bear least.
 */
const REFUSALS_BEFORE_LIST = 3

/** A server is left alone for this long at most, whatever it asks for, in seconds. */
const LONGEST_RETRY_AFTER = 300

export interface Verdict {
  readonly reason: string
  readonly message: string
  /** Milliseconds to wait; 0 when the next request is a different one. */
  readonly delay: number
  readonly renewCredentials: boolean
}

/**
 * What a reflector has learnt from its failures: whether the next request lists or watches, how, and
 * how long to wait before it.
 */
export class Recovery {
  /** The agent's view may miss something, so that a list has to come before the next watch. */
  needsList = true
  /** The last known version is of no use: ask for the newest state there is (AP-23). */
  wantsFreshList = false
  /** The server takes our field selector, as far as we know. */
  mayUseFieldSelector = true
  /** Lists may come in pages. A list whose pages expire under way is asked for in one piece. */
  mayPage = true
  /** The request under way asks for a later page of a list. */
  paging = false
  lastError: string | undefined
  readonly #resource: Resource
  readonly #backoff: Backoff
  readonly #clock: Clock
  readonly #timing: Timing
  readonly #restarts = new Map<string, number>()
  #streamLists: 'always' | 'not this time' | 'never' = 'always'
  #openedAt: number | undefined
  #refusals = 0
  #expired = false

  constructor(resource: Resource, backoff: Backoff, clock: Clock, timing: Timing) {
    this.#resource = resource
    this.#backoff = backoff
    this.#clock = clock
    this.#timing = timing
  }

  get restarts(): ReadonlyMap<string, number> {
    return this.#restarts
  }

  get mayStreamList(): boolean {
    return this.#streamLists === 'always'
  }

  /** A watch answers. */
  streamOpened(): void {
    this.#calmDown()
    this.#openedAt = this.#clock.now()
    this.lastError = undefined
  }

  /** The agent has everything up to one version. */
  listed(): void {
    this.needsList = false
    this.wantsFreshList = false
    this.mayPage = true
    this.paging = false
    if (this.#streamLists === 'not this time') this.#streamLists = 'always'
  }

  /** The server has no such objects; should it have some later, they begin with a list. */
  isAbsent(message: string): void {
    this.needsList = true
    this.lastError = message
  }

  /** Decides what to do about whatever ended the last request. */
  judge(error: unknown): Verdict {
    this.#calmDown()
    const message = error instanceof Error ? error.message : String(error)
    this.lastError = message
    const reason = this.#nameReason(error)
    this.#restarts.set(reason, (this.#restarts.get(reason) ?? 0) + 1)
    const delay = this.#tryDifferently(error) ? 0 : this.#delay(error)
    const renewCredentials = error instanceof ApiError && error.status.code === 401
    return { reason, message, delay, renewCredentials }
  }

  /** A stream that lived long enough has paid for earlier failures. */
  #calmDown(): void {
    const openedAt = this.#openedAt
    this.#openedAt = undefined
    if (openedAt === undefined || this.#clock.now() - openedAt < this.#timing.calm) return
    this.#backoff.reset()
    this.#refusals = 0
    this.#expired = false
  }

  /** Changes the next request where another one may do better; false if only time can help. */
  #tryDifferently(error: unknown): boolean {
    if (error instanceof ApiError) return this.#afterRefusal(error)
    if (error instanceof StreamError && this.needsList && this.mayStreamList) {
      return this.#afterBrokenStreamList(error)
    }
    return false
  }

  #afterRefusal(error: ApiError): boolean {
    if (error.isExpired) return this.#afterExpiry()
    const mayBeSelector = this.#resource.fieldSelectorOptional && this.mayUseFieldSelector
    if (error.status.code === 400 && mayBeSelector) {
      this.mayUseFieldSelector = false
      return true
    }
    // A server without streamed lists says so in an event of a stream that is fine otherwise.
    if (this.needsList && this.mayStreamList && (error.isUnsupported || error.isEvent)) {
      this.#streamLists = 'not this time'
      return true
    }
    if (error.isTransient) return false
    this.#refusals++
    if (this.#refusals % REFUSALS_BEFORE_LIST === 0) this.needsList = true
    return false
  }

  /** AP-23. A second time in a row, without calm between, has to wait like other failures. */
  #afterExpiry(): boolean {
    const again = this.#expired
    this.#expired = true
    if (this.paging) this.mayPage = false
    this.paging = false
    this.needsList = true
    this.wantsFreshList = true
    return !again
  }

  /**
   * A server that never ends the initial objects would cost the whole deadline each time; whatever else
   * went wrong may not happen again.
   */
  #afterBrokenStreamList(error: StreamError): boolean {
    if (error.fault === 'deadline') this.#streamLists = 'never'
    else if (error.fault === 'short') this.#streamLists = 'not this time'
    else return false
    return true
  }

  #delay(error: unknown): number {
    const backoff = this.#backoff.next()
    const asked = error instanceof ApiError ? Math.max(error.retryAfterSeconds, 0) : 0
    // Not exactly when told: everybody else was told the same.
    return Math.min(asked, LONGEST_RETRY_AFTER) * 1e3 + backoff
  }

  #nameReason(error: unknown): string {
    if (error instanceof StreamError) return error.fault
    if (error instanceof DecodeError) return 'malformed'
    if (!(error instanceof ApiError)) return 'connection'
    if (error.isExpired) return 'expired'
    return error.isEvent ? 'error event' : `HTTP ${error.status.code}`
  }
}
