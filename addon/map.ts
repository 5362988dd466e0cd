import type { MapHandle, NativeMapInfo } from './binding.d.ts'
import { checkElements, checkPath, checkSize, describe } from './check.ts'
import { Handle } from './handle.ts'
import { MappedArray } from './mapped-array.ts'
import { native } from './native.ts'

export interface MapInfo {
  /** The kernel's name: the first 15 characters. */
  readonly name: string
  readonly id: number
  /** enum bpf_map_type */
  readonly type: number
  /** Bytes. */
  readonly keySize: number
  /** Bytes; of one CPU's value in a per-CPU map. */
  readonly valueSize: number
  readonly maxEntries: number
  /** BPF_F_* */
  readonly flags: number
  /** Bytes that the map takes; read anew each time. */
  readonly memory: number
}

/** What `entries` found: keys and values back to back, in the same order. */
export interface MapEntries {
  readonly keys: Uint8Array
  readonly values: Uint8Array
  readonly count: number
}

export type UpdateMode = 'any' | 'create' | 'replace'

/** BPF_ANY, BPF_NOEXIST, BPF_EXIST */
const updateFlags: Readonly<Record<UpdateMode, number>> = { any: 0, create: 1, replace: 2 }

/**
 * A BPF map. Single operations are one system call each, on the calling thread; batches are one
 * thread-pool job each. Batches that are under way together are not ordered among themselves.
 *
 * A value of a per-CPU map is one value, aligned to 8 bytes, for each possible CPU.
 */
export class BpfMap extends Handle<MapHandle> {
  readonly info: MapInfo
  readonly #shape: NativeMapInfo

  /** @internal */
  constructor(handle: MapHandle) {
    super('map', handle)
    this.#shape = native.mapInfo(handle)
    const { name, id, type, keySize, valueSize, maxEntries, flags } = this.#shape
    const memory = () => this.memoryUsage()
    this.info = Object.freeze({
      name,
      id,
      type,
      keySize,
      valueSize,
      maxEntries,
      flags,
      get memory() {
        return memory()
      },
    })
  }

  /** @throws BpfError ENOENT; EINVAL where the pin is of something else */
  static openPinned(path: string): BpfMap {
    checkPath('path', path)
    return new BpfMap(native.openMap(path))
  }

  /** Bytes that the map takes at this moment, as the kernel counts them (fdinfo memlock, since 4.10). */
  memoryUsage(): number {
    return native.mapMemory(this.open())
  }

  /** @throws BpfError EEXIST; EPERM outside of a bpf file system */
  pin(path: string): void {
    checkPath('path', path)
    native.pinHandle(this.open(), path)
  }

  /** A copy of the value; undefined when there is none. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    const handle = this.open()
    checkSize('key', key, this.#shape.keySize)
    return native.lookupElement(handle, key)
  }

  /** @throws BpfError E2BIG when the map is full; EEXIST for 'create', ENOENT for 'replace' */
  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode = 'any'): void {
    const handle = this.open()
    checkSize('key', key, this.#shape.keySize)
    checkSize('value', value, this.#shape.valueBytes)
    if (!Object.hasOwn(updateFlags, mode)) {
      throw new TypeError(`mode must be 'any', 'create' or 'replace', got ${describe(mode)}`)
    }
    native.updateElement(handle, key, value, updateFlags[mode])
  }

  /** False: it was not there. */
  delete(key: Uint8Array): boolean {
    const handle = this.open()
    checkSize('key', key, this.#shape.keySize)
    return native.deleteElement(handle, key)
  }

  /**
   * Writes keys and values that lie back to back, in order. They are copied before this returns.
   * @throws BpfError with `completed`, the number of leading entries that were written
   */
  async updateBatch(keys: Uint8Array, values: Uint8Array): Promise<void> {
    const handle = this.open()
    const { keySize, valueBytes } = this.#shape
    const count = checkElements('keys', keys, keySize)
    checkSize('values', values, count * valueBytes)
    await native.updateBatch(handle, keys, values)
  }

  /**
   * Deletes what is there and returns how many that was.
   * @throws BpfError with `completed`, the number of leading keys that were looked at
   */
  async deleteBatch(keys: Uint8Array): Promise<number> {
    const handle = this.open()
    checkElements('keys', keys, this.#shape.keySize)
    return native.deleteBatch(handle, keys)
  }

  /** All entries. One that is created or deleted meanwhile may be in it or not; none is there twice. */
  async entries(): Promise<MapEntries> {
    return native.readEntries(this.open())
  }

  /** @throws BpfError where the map is not an array with BPF_F_MMAPABLE (since 5.5) */
  mmap(): MappedArray {
    const { valueSize, maxEntries } = this.#shape
    return new MappedArray(native.openMapping(this.open()), maxEntries, valueSize)
  }
}
