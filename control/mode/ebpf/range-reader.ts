import { kpSlot } from '#abi'
import { type KernelMaps, type MapRows, ROW_SIZES } from './kernel-maps.ts'
import type { Ledger } from './ledger.ts'
import * as records from './records.ts'
import { addressPort, type Range, rangeLength, type ServiceRecord } from './records.ts'

/** Reads the ranges of restored records, checks them, and takes over the backends that they show. */
export class RangeReader {
  /** One byte per slot: 1 where a record shows it. */
  readonly used: Uint8Array
  /** Backend index by id, of those taken over. */
  readonly indexes = new Map<number, number>()
  readonly #ledger: Ledger
  readonly #maps: KernelMaps
  readonly #rows: DataView
  /** Row of each backend id. */
  readonly #rowOf = new Map<number, number>()
  /** First slot -> length and owner, of ranges that passed. */
  readonly #checked = new Map<number, { readonly length: number; readonly serviceId: number }>()
  readonly #words = new Uint32Array(4)
  readonly #rowWords = new Uint32Array(4)

  constructor(ledger: Ledger, maps: KernelMaps, backends: MapRows) {
    this.#ledger = ledger
    this.#maps = maps
    this.used = new Uint8Array(ledger.limits.slots)
    this.#rows = new DataView(backends.values.buffer, backends.values.byteOffset)
    const keys = new DataView(backends.keys.buffer, backends.keys.byteOffset)
    for (let row = 0; row < backends.count; row++)
      this.#rowOf.set(keys.getUint32(row * 4, true), row)
  }

  /**
   * What is wrong with a range, or undefined. Its slots are never given out again while this agent
   * runs, since the record is in force until it is replaced.
   */
  problem(range: Range, record: ServiceRecord, frontend: string): string | undefined {
    const length = rangeLength(range)
    if (length === 0) return undefined
    const { base } = range
    if (base + length > this.used.length) return `its slots ${base}+${length} are outside the arena`
    const known = this.#checked.get(base)
    if (known !== undefined && known.length === length && known.serviceId === record.serviceId) {
      return undefined
    }
    const overlaps = this.used.subarray(base, base + length).includes(1)
    this.used.fill(1, base, base + length)
    if (overlaps) return `its slots ${base}+${length} belong to another service too`
    const protocol = frontend.endsWith('/UDP') ? 17 : 6
    const slots = this.#maps.loadSlots(base, length)
    const view = new DataView(slots.buffer, slots.byteOffset)
    for (let slot = 0; slot < length; slot++) {
      const problem = this.#slotProblem(view, slot, protocol)
      if (problem !== undefined) return `slot ${base + slot} ${problem}`
    }
    this.#checked.set(base, { length, serviceId: record.serviceId })
    return undefined
  }

  /** Makes the slots of a checked range known to the ledger. */
  take(range: Range): void {
    const { backends, slots } = this.#ledger
    const length = rangeLength(range)
    const bytes = this.#maps.loadSlots(range.base, length)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    for (let slot = 0; slot < length; slot++) {
      const { backendId } = records.readSlot(view, slot * kpSlot.size, this.#words)
      const index = this.#adopt(backendId)
      slots[range.base + slot] = index
      backends.acquire(index)
    }
  }

  /** Takes over the backends that no range shows; a complete apply drops those still unused. */
  adoptRest(): void {
    for (const id of this.#rowOf.keys()) {
      if (!this.indexes.has(id)) this.#ledger.strayBackends.push(this.#adopt(id))
    }
  }

  #adopt(id: number): number {
    const known = this.indexes.get(id)
    if (known !== undefined) return known
    const offset = (this.#rowOf.get(id) as number) * ROW_SIZES.backends.value
    const row = records.readBackend(this.#rows, offset, this.#words)
    const index = this.#ledger.backends.adopt({ ...row, id }, this.#words)
    this.indexes.set(id, index)
    return index
  }

  #slotProblem(view: DataView, slot: number, protocol: number): string | undefined {
    const shown = this.#words
    const known = this.#rowWords
    const { backendId, port } = records.readSlot(view, slot * kpSlot.size, shown)
    if (backendId === 0) return 'was never written'
    const row = this.#rowOf.get(backendId)
    if (row === undefined) return `shows backend ${backendId}, which has no row`
    const backend = records.readBackend(this.#rows, row * ROW_SIZES.backends.value, known)
    const isSame =
      backend.id === backendId &&
      backend.port === port &&
      backend.protocol === protocol &&
      known.every((word, at) => word === shown[at])
    if (isSame) return undefined
    return (
      `shows backend ${backendId} at ${addressPort(shown, 0, port)}, ` +
      `but its row says ${addressPort(known, 0, backend.port)}`
    )
  }
}
