import type { KubernetesObject } from '../objects.ts'

/** What names an object and its version. */
export interface Identity {
  /** Empty for Nodes and ServiceCIDRs. */
  readonly namespace: string
  readonly name: string
  readonly resourceVersion: string
}

/**
 * An object that has arrived and is not decoded yet: a deletion needs no more than its name, and a
 * relist skips every version that is known. Valid only until the call that delivered it returns.
 */
export interface RawObject {
  /** @throws {DecodeError} */
  identify(): Identity
  /** @throws {DecodeError} */
  decode(): KubernetesObject
}

/** Why the server says no, as its `Status` object puts it. */
export interface ApiStatus {
  readonly code: number
  readonly reason: string
  readonly message: string
  /** 0: not said. */
  readonly retryAfterSeconds: number
}

/** One event of a watch. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: RawObject }
  /** `initialEventsEnd`: all objects that existed at the start have been sent (AP-21). */
  | {
      readonly type: 'BOOKMARK'
      readonly resourceVersion: string
      readonly initialEventsEnd: boolean
    }
  | { readonly type: 'ERROR'; readonly status: ApiStatus }
  /** A type that this version does not know. */
  | { readonly type: 'UNKNOWN' }

/** On the bookmark that ends the initial objects of a streamed list. */
export const INITIAL_EVENTS_END = 'k8s.io/initial-events-end'
