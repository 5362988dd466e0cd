import type { EndpointList } from '../../model/service-port.ts'
import type { Protocol } from '../../source/objects.ts'
import { ABSENT, INVALID } from './backends.ts'
import type { Draft } from './draft.ts'
import type { Ledger } from './ledger.ts'
import { MAX_RANGE, PROTOCOL_NUMBERS, type Range } from './records.ts'

/** The backends of one class of traffic by index, in the order of the slots. */
export class SlotList {
  readonly active: number[] = []
  readonly terminating: number[] = []

  get length(): number {
    return this.active.length + this.terminating.length
  }

  clear(): void {
    this.active.length = 0
    this.terminating.length = 0
  }

  indexes(): number[] {
    return [...this.active, ...this.terminating]
  }

  /** Becomes equal to another list. */
  copy(other: SlotList): undefined {
    this.clear()
    for (const index of other.active) this.active.push(index)
    for (const index of other.terminating) this.terminating.push(index)
  }

  /** Shows other active slots, in which an index may stand many times. */
  spread(active: readonly number[]): void {
    this.active.length = 0
    for (const index of active) this.active.push(index)
  }

  /** The index at a position: active ones first. */
  at(position: number): number {
    const { active, terminating } = this
    const index =
      position < active.length ? active[position] : terminating[position - active.length]
    return index as number
  }

  equals(other: SlotList): boolean {
    return (
      this.active.length === other.active.length &&
      this.terminating.length === other.terminating.length &&
      this.active.every((index, position) => index === other.active[position]) &&
      this.terminating.every((index, position) => index === other.terminating[position])
    )
  }

  /** Whether a published range shows exactly this. */
  matches(range: Range, slots: Int32Array): boolean {
    if (range.active !== this.active.length || range.terminating !== this.terminating.length) {
      return false
    }
    for (let position = 0; position < this.length; position++) {
      if (slots[range.base + position] !== this.at(position)) return false
    }
    return true
  }

  /**
   * Fills the list from the model's. Backends that are new get an id and a row in the draft.
   *
   * @returns the address of an endpoint that is none, if there is one; it is left out
   */
  fill(list: EndpointList, protocol: Protocol, ledger: Ledger, draft: Draft): string | undefined {
    this.clear()
    let invalid: string | undefined
    const number = PROTOCOL_NUMBERS[protocol]
    for (const part of ['active', 'terminating'] as const) {
      const indexes = this[part]
      for (const backend of list[part]) {
        if (indexes.length === MAX_RANGE) break
        let index = ledger.backends.look(backend, number)
        if (index === INVALID) {
          invalid = `${backend.address}:${backend.port}`
          continue
        }
        if (index === ABSENT) {
          index = ledger.backends.add(ledger.backendIds.take())
          draft.addBackend(index)
        }
        indexes.push(index)
      }
    }
    return invalid
  }
}
