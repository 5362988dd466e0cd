import type { ApiStatus } from '../decode/raw-object.ts'

/** What the server answered instead of what was asked for: an HTTP status or an ERROR event. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: ApiStatus
  /** The answer was HTTP 200, and the refusal came as an event of the stream. */
  readonly isEvent: boolean

  constructor(status: ApiStatus, isEvent: boolean) {
    const { code, reason, message } = status
    const head = isEvent ? 'the watch reports' : 'the API server answers'
    super(`${head} ${[code || '', reason].join(' ').trim()}${message && `: ${message}`}`)
    this.status = status
    this.isEvent = isEvent
  }

  /** AP-23: our resource version is too old for the server, or from a future that it does not know. */
  get isExpired(): boolean {
    const { code, reason, message } = this.status
    if (code === 410 || reason === 'Expired' || reason === 'Gone') return true
    return /too large resource version/i.test(message)
  }

  /** The server has nothing of the kind, or does not let us see it. */
  get isAbsence(): boolean {
    return !this.isEvent && (this.status.code === 404 || this.status.code === 403)
  }

  /** A request like this one will never be answered, whatever its time. */
  get isUnsupported(): boolean {
    const { code } = this.status
    return code === 400 || code === 404 || code === 405 || code === 406 || code === 422
  }

  /** The server cannot answer now, which says nothing about what was asked for (AP-24). */
  get isTransient(): boolean {
    const { code } = this.status
    return code === 429 || code >= 500
  }

  /** Seconds that the server wants to be left alone, 0 if it does not say (AP-24). */
  get retryAfterSeconds(): number {
    const { code, retryAfterSeconds } = this.status
    return retryAfterSeconds || (code === 429 ? 1 : 0)
  }
}

export type StreamFault =
  /** Ended in the middle of a message. */
  | 'truncated'
  /** Bytes that cannot be what they should be. */
  | 'malformed'
  /** Silent for too long, bookmarks included. */
  | 'stale'
  /** The initial objects were never declared complete. */
  | 'deadline'
  /** Closed as soon as it was opened. */
  | 'short'
  /** Not even a connection or an answer. */
  | 'timeout'

/** A stream that broke by itself. */
export class StreamError extends Error {
  override readonly name = 'StreamError'
  readonly fault: StreamFault

  constructor(fault: StreamFault, message: string) {
    super(message)
    this.fault = fault
  }
}
