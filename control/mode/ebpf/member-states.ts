import { type Membership, unite } from './membership.ts'

/**
 * Which states each backend has in one service: a scratch set by backend index. Starting anew raises
 * a stamp and clears nothing, so that it costs as much as the service has endpoints.
 */
export class MemberStates {
  #stamps = new Uint32Array(1024)
  #states = new Uint8Array(1024)
  #stamp = 0
  /** Distinct indexes in order of their first {@link put}. */
  readonly indexes: number[] = []

  begin(): void {
    this.indexes.length = 0
    this.#stamp++
    if (this.#stamp <= 0xffffffff) return
    this.#stamps.fill(0)
    this.#stamp = 1
  }

  /** 0 where the index was not put since {@link begin}. */
  get(index: number): Membership {
    return this.#stamps[index] === this.#stamp ? (this.#states[index] as number) : 0
  }

  /** Adds to what the index has since {@link begin}. */
  unite(index: number, value: Membership): void {
    this.put(index, unite(this.get(index), value))
  }

  put(index: number, value: Membership): void {
    if (index >= this.#stamps.length) this.#grow(index)
    if (this.#stamps[index] !== this.#stamp) {
      this.#stamps[index] = this.#stamp
      this.indexes.push(index)
    }
    this.#states[index] = value
  }

  #grow(index: number): void {
    const capacity = Math.max(index + 1, this.#stamps.length * 2)
    const stamps = new Uint32Array(capacity)
    const states = new Uint8Array(capacity)
    stamps.set(this.#stamps)
    states.set(this.#states)
    this.#stamps = stamps
    this.#states = states
  }
}
