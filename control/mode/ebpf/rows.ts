import { kpSlot } from '#abi'
import { type MapName, ROW_SIZES } from './kernel-maps.ts'

const FIRST_CAPACITY = 8
const GROWTH = 4

/** Growing rows of one map, keys and values each back to back: what a batch call takes. */
export class Rows {
  readonly map: MapName
  count = 0
  keys: DataView
  values: DataView
  readonly #keySize: number
  readonly #valueSize: number
  #capacity = FIRST_CAPACITY

  constructor(map: MapName) {
    this.map = map
    this.#keySize = ROW_SIZES[map].key
    this.#valueSize = ROW_SIZES[map].value
    this.keys = new DataView(new ArrayBuffer(FIRST_CAPACITY * this.#keySize))
    this.values = new DataView(new ArrayBuffer(FIRST_CAPACITY * this.#valueSize))
  }

  /** Adds a row of zeros. */
  add(): void {
    if (this.count === this.#capacity) {
      this.#capacity *= GROWTH
      this.keys = grown(this.keys, this.#capacity * this.#keySize)
      this.values = grown(this.values, this.#capacity * this.#valueSize)
    }
    this.count++
  }

  /** Offset of the latest row's key in {@link keys}. */
  get keyOffset(): number {
    return (this.count - 1) * this.#keySize
  }

  /** Offset of the latest row's value in {@link values}. */
  get valueOffset(): number {
    return (this.count - 1) * this.#valueSize
  }

  keyBytes(): Uint8Array {
    return new Uint8Array(this.keys.buffer as ArrayBuffer, 0, this.count * this.#keySize)
  }

  valueBytes(): Uint8Array {
    return new Uint8Array(this.values.buffer as ArrayBuffer, 0, this.count * this.#valueSize)
  }
}

function grown(view: DataView, bytes: number): DataView {
  const copy = new Uint8Array(bytes)
  copy.set(new Uint8Array(view.buffer))
  return new DataView(copy.buffer)
}

/** Slots to store, as few runs of adjacent indexes as they make. */
export class SlotRuns {
  readonly runs: { index: number; first: number; count: number }[] = []
  bytes: DataView = new DataView(new ArrayBuffer(FIRST_CAPACITY * kpSlot.size))
  #count = 0

  /** Adds the slot `index` and returns the offset in {@link bytes} where it is to be written. */
  add(index: number): number {
    const offset = this.#count * kpSlot.size
    if (offset === this.bytes.byteLength) this.bytes = grown(this.bytes, offset * GROWTH)
    const last = this.runs.at(-1)
    if (last !== undefined && last.index + last.count === index) last.count++
    else this.runs.push({ index, first: this.#count, count: 1 })
    this.#count++
    return offset
  }

  /** The bytes of one run. */
  runBytes(run: { first: number; count: number }): Uint8Array {
    const buffer = this.bytes.buffer as ArrayBuffer
    return new Uint8Array(buffer, run.first * kpSlot.size, run.count * kpSlot.size)
  }
}
