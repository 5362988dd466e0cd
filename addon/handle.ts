import type { AnyHandle } from './binding.d.ts'
import { native } from './native.ts'

/** Something open in the kernel. It closes at `close()`, when collected, or when the process ends. */
export abstract class Handle<Native extends AnyHandle> {
  readonly #noun: string
  #native: Native | undefined

  /** @internal */
  protected constructor(noun: string, handle: Native) {
    this.#noun = noun
    this.#native = handle
  }

  /**
   * For the classes of this directory.
   * @internal
   * @throws TypeError when closed; `name` is the argument to blame
   */
  open(name = `this ${this.#noun}`): Native {
    if (this.#native === undefined) throw new TypeError(`${name} is closed`)
    return this.#native
  }

  /** Idempotent. Work that is under way on other threads still finishes. */
  close(): void {
    if (this.#native === undefined) return
    native.closeHandle(this.#native)
    this.#native = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
