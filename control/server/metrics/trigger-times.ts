import { TRIGGER_TIME_ANNOTATION } from '../../source/kept-metadata.ts'
import type { EndpointSlice } from '../../source/objects.ts'
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
  #noted: Trigger[] = []
  #underWay: Trigger[] = []

  /** @param startedAt causes from before, in milliseconds since the epoch, say nothing about this agent */
  constructor(startedAt = Date.now()) {
    this.#startedAt = startedAt
  }

  note(slice: EndpointSlice): void {
    const { addressType } = slice
    if (addressType !== 'IPv4' && addressType !== 'IPv6') return
    const at = Date.parse(slice.metadata.annotations[TRIGGER_TIME_ANNOTATION] ?? '')
    if (at > this.#startedAt) this.#noted.push({ family: addressType, at })
  }

  /** What was noted belongs to the next sync; where nothing changed, to none. */
  take(changed: boolean): void {
    if (changed) this.#underWay.push(...this.#noted)
    this.#noted = []
  }

  /** The sync has succeeded. @returns its causes, each once (MT-3) */
  finish(): readonly Trigger[] {
    const done = this.#underWay
    this.#underWay = []
    return done
  }
}
