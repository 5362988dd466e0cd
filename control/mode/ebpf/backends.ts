import { parseAddress } from '../../model/address.ts'
import type { Backend } from '../../model/service-port.ts'
import { BACKEND_LOCAL, type BackendRow } from './records.ts'

/** {@link BackendRegistry.look}: no such backend yet. */
export const ABSENT = -1
/** {@link BackendRegistry.look}: address or port is none. */
export const INVALID = -2

const FIRST_CAPACITY = 1024

/** Columns by index; 45 bytes a backend with its share of the hash table. */
interface Columns {
  address: Uint32Array
  id: Uint32Array
  refs: Uint32Array
  targetLow: Uint32Array
  targetHigh: Uint32Array
  port: Uint16Array
  protocol: Uint8Array
  flags: Uint8Array
}

function makeColumns(capacity: number): Columns {
  return {
    address: new Uint32Array(capacity * 4),
    id: new Uint32Array(capacity),
    refs: new Uint32Array(capacity),
    targetLow: new Uint32Array(capacity),
    targetHigh: new Uint32Array(capacity),
    port: new Uint16Array(capacity),
    protocol: new Uint8Array(capacity),
    flags: new Uint8Array(capacity),
  }
}

/**
 * Backends by (address, port, protocol, target, local): what makes a backend another one. References
 * count the arena ranges that show it. Typed columns and open addressing, because a Map of objects
 * for a hundred thousand backends would cost half of the agent's memory goal.
 *
 * A backend is named by its index while it is here; its id is what the maps know.
 */
export class BackendRegistry {
  size = 0
  #capacity = FIRST_CAPACITY
  #columns = makeColumns(FIRST_CAPACITY)
  /** Index + 1 by hash, linear probing; at most half full. */
  #table = new Int32Array(FIRST_CAPACITY * 2)
  /** Indexes that were used and are free again. */
  readonly #holes: number[] = []
  #used = 0
  readonly #words = new Uint32Array(4)
  readonly #sought: BackendRow = {
    id: 0,
    port: 0,
    protocol: 0,
    flags: 0,
    targetLow: 0,
    targetHigh: 0,
  }

  /** One above the largest index. */
  get bound(): number {
    return this.#used
  }

  /** Makes room for so many more at once. */
  reserve(count: number): void {
    let capacity = this.#capacity
    while (capacity < this.#used - this.#holes.length + count) capacity *= 2
    if (capacity > this.#capacity) this.#grow(capacity)
  }

  /** Finds the index of a backend, or {@link ABSENT} or {@link INVALID}. */
  look(backend: Backend, protocol: number): number {
    const sought = this.#sought
    if (!parseAddress(backend.address, this.#words)) return INVALID
    if (!Number.isInteger(backend.port) || backend.port < 1 || backend.port > 0xffff) return INVALID
    sought.port = backend.port
    sought.protocol = protocol
    sought.flags = backend.local ? BACKEND_LOCAL : 0
    hashTarget(backend.targetUid, sought)
    return this.#find()
  }

  /** Adds what {@link look} just did not find. Returns its index. */
  add(id: number): number {
    if (this.#holes.length === 0 && this.#used === this.#capacity) this.#grow()
    const index = this.#holes.pop() ?? this.#used++
    const { address, port, protocol, flags, targetLow, targetHigh, refs } = this.#columns
    const sought = this.#sought
    address.set(this.#words, index * 4)
    this.#columns.id[index] = id
    port[index] = sought.port
    protocol[index] = sought.protocol
    flags[index] = sought.flags
    targetLow[index] = sought.targetLow
    targetHigh[index] = sought.targetHigh
    refs[index] = 0
    this.#enter(index)
    this.size++
    return index
  }

  /**
   * Adds a row read back from the kernel and returns its index. Of two rows for one backend (left by
   * an agent that was killed while it cleaned up), the one that was added first is found.
   */
  adopt(row: BackendRow, words: Uint32Array): number {
    this.#words.set(words)
    Object.assign(this.#sought, row)
    return this.add(row.id)
  }

  /** Forgets a backend that nothing refers to. */
  drop(index: number): void {
    const mask = this.#table.length - 1
    let slot = this.#hashOf(index) & mask
    while (this.#table[slot] !== index + 1) slot = (slot + 1) & mask
    this.#vacate(slot)
    this.#columns.id[index] = 0
    this.#holes.push(index)
    this.size--
  }

  /** The id, or 0 where the index names nothing. */
  id(index: number): number {
    return this.#columns.id[index] as number
  }

  refs(index: number): number {
    return this.#columns.refs[index] as number
  }

  acquire(index: number): void {
    this.#columns.refs[index] = this.refs(index) + 1
  }

  /** Returns the references that are left. */
  release(index: number): number {
    const left = this.refs(index) - 1
    this.#columns.refs[index] = left
    return left
  }

  /** All addresses, four words each: that of a backend starts at `index * 4`. */
  get words(): Uint32Array {
    return this.#columns.address
  }

  port(index: number): number {
    return this.#columns.port[index] as number
  }

  row(index: number): BackendRow {
    const { id, port, protocol, flags, targetLow, targetHigh } = this.#columns
    return {
      id: id[index] as number,
      port: port[index] as number,
      protocol: protocol[index] as number,
      flags: flags[index] as number,
      targetLow: targetLow[index] as number,
      targetHigh: targetHigh[index] as number,
    }
  }

  #find(): number {
    const { address, port, protocol, flags, targetLow, targetHigh } = this.#columns
    const sought = this.#sought
    const words = this.#words
    const mask = this.#table.length - 1
    let slot = hash(words, 0, sought.port, sought.protocol, sought.targetLow) & mask
    for (;;) {
      const index = (this.#table[slot] as number) - 1
      if (index < 0) return ABSENT
      if (
        address[index * 4 + 3] === words[3] &&
        targetLow[index] === sought.targetLow &&
        port[index] === sought.port &&
        protocol[index] === sought.protocol &&
        targetHigh[index] === sought.targetHigh &&
        flags[index] === sought.flags &&
        address[index * 4] === words[0] &&
        address[index * 4 + 1] === words[1] &&
        address[index * 4 + 2] === words[2]
      ) {
        return index
      }
      slot = (slot + 1) & mask
    }
  }

  #hashOf(index: number): number {
    const { address, port, protocol, targetLow } = this.#columns
    return hash(
      address,
      index * 4,
      port[index] as number,
      protocol[index] as number,
      targetLow[index] as number,
    )
  }

  #enter(index: number): void {
    const mask = this.#table.length - 1
    let slot = this.#hashOf(index) & mask
    while (this.#table[slot] !== 0) slot = (slot + 1) & mask
    this.#table[slot] = index + 1
  }

  /** Empties a slot and moves later entries of its cluster up, so that no search stops short. */
  #vacate(slot: number): void {
    const mask = this.#table.length - 1
    let hole = slot
    for (let at = (slot + 1) & mask; this.#table[at] !== 0; at = (at + 1) & mask) {
      const home = this.#hashOf((this.#table[at] as number) - 1) & mask
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      this.#table[hole] = this.#table[at] as number
      hole = at
    }
    this.#table[hole] = 0
  }

  #grow(capacity = this.#capacity * 2): void {
    const old = this.#columns
    this.#capacity = capacity
    const columns = makeColumns(this.#capacity)
    for (const name of Object.keys(old) as (keyof Columns)[]) columns[name].set(old[name])
    this.#columns = columns
    this.#table = new Int32Array(this.#capacity * 2)
    for (let index = 0; index < this.#used; index++) {
      if (columns.id[index] !== 0) this.#enter(index)
    }
  }
}

function hash(words: Uint32Array, at: number, port: number, protocol: number, target: number) {
  let mixed = Math.imul((words[at] as number) ^ port, 0x9e3779b1)
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ (words[at + 1] as number), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13) ^ (words[at + 2] as number), 0xc2b2ae35)
  mixed = Math.imul(mixed ^ (mixed >>> 16) ^ (words[at + 3] as number), 0x27d4eb2f)
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ target ^ (protocol << 24), 0x165667b1)
  return mixed ^ (mixed >>> 16)
}

/**
 * A 64-bit hash of a target UID, 0 for none. It is kept in pinned maps, so it must never change:
 * after an upgrade every backend would look like another one.
 */
function hashTarget(uid: string, into: { targetLow: number; targetHigh: number }): void {
  if (uid === '') {
    into.targetLow = 0
    into.targetHigh = 0
    return
  }
  let low = 0xdeadbeef
  let high = 0x41c6ce57
  for (let i = 0; i < uid.length; i++) {
    const code = uid.charCodeAt(i)
    low = Math.imul(low ^ code, 0x9e3779b1)
    high = Math.imul(high ^ code, 0x5f356495)
  }
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35)
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35)
  into.targetLow = low >>> 0
  into.targetHigh = high >>> 0
}
