import type { MappingHandle } from './binding.d.ts'
import { checkElements, checkInteger } from './check.ts'
import { Handle } from './handle.ts'
import { native } from './native.ts'

/**
 * An array map as memory of this process: no system call to read or write.
 *
 * Words of 8 bytes are stored whole and in order, so a program may see an element half written, but
 * whatever is published after `store` returns is seen after all of it.
 */
export class MappedArray extends Handle<MappingHandle> {
  /** Bytes. */
  readonly length: number
  /** Bytes from one element to the next: the value's size, aligned to 8. */
  readonly stride: number
  readonly #elements: number

  /** @internal */
  constructor(handle: MappingHandle, elements: number, valueSize: number) {
    super('mapped array', handle)
    this.#elements = elements
    this.stride = Math.ceil(valueSize / 8) * 8
    this.length = this.stride * elements
  }

  /** Writes whole elements, back to back and `stride` bytes each, from element `index` on. */
  store(index: number, bytes: Uint8Array): void {
    const handle = this.open()
    checkInteger('index', index, 0, this.#elements)
    const count = checkElements('bytes', bytes, this.stride)
    this.#checkRange(index, count, 'bytes')
    native.storeElements(handle, index, bytes)
  }

  /** A copy of `count` elements from element `index` on. */
  load(index: number, count: number): Uint8Array {
    const handle = this.open()
    checkInteger('index', index, 0, this.#elements)
    checkInteger('count', count)
    this.#checkRange(index, count, 'count')
    return native.loadElements(handle, index, count)
  }

  #checkRange(index: number, count: number, name: string): void {
    if (count > this.#elements - index) {
      throw new TypeError(
        `${name}: ${count} elements at index ${index} do not fit into an array of ${this.#elements}`,
      )
    }
  }
}
