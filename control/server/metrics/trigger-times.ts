import { TRIGGER_TIME_ANNOTATION } from '../../source/kept-metadata.ts'
import { type EndpointSlice, objectKey } from '../../source/objects.ts'
import type { FamilyName } from '../health/freshness.ts'

/** What made a slice change, and when. */
export interface Trigger {
  readonly family: FamilyName
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** When the causes happened of the changes that are under way to the kernel (IN-33). */
export class TriggerTimes {
  readonly #startedAt: number
  /** Slice -> what made it change. */
  readonly #noted = new Map<string, Trigger[]>()
  #underWay: Trigger[] = []

  /** @param startedAt causes from before, in milliseconds since the epoch, say nothing about this agent */
  constructor(startedAt = Date.now()) {
    this.#startedAt = startedAt
  }

  note(slice: EndpointSlice): void {
    const { addressType } = slice
    if (addressType !== 'IPv4' && addressType !== 'IPv6') return
    const at = Date.parse(slice.metadata.annotations[TRIGGER_TIME_ANNOTATION] ?? '')
    if (!(at > this.#startedAt)) return
    const key = objectKey(slice.metadata)
    this.#noted.set(key, [...(this.#noted.get(key) ?? []), { family: addressType, at }])
  }

  /** A slice is gone: what it last said was not the cause of that. @param key as of objectKey */
  forget(key: string): void {
    this.#noted.delete(key)
  }

  /** What was noted belongs to the next sync; where nothing changed, to none. */
  take(changed: boolean): void {
    if (changed) for (const triggers of this.#noted.values()) this.#underWay.push(...triggers)
    this.#noted.clear()
  }

  /** The sync has succeeded. @returns its causes, each once (MT-3) */
  finish(): readonly Trigger[] {
    const done = this.#underWay
    this.#underWay = []
    return done
  }
}
