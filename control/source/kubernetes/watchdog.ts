import type { Clock } from './clock.ts'

/** Aborts an exchange that does not make progress in time, or that is no longer wanted. */
export class Watchdog implements Disposable {
  readonly #clock: Clock
  readonly #controller = new AbortController()
  readonly #outer: AbortSignal
  #cancel: () => void = () => {}
  readonly #abort: () => void

  constructor(clock: Clock, outer: AbortSignal) {
    this.#clock = clock
    this.#outer = outer
    this.#abort = () => this.#controller.abort(outer.reason)
    outer.addEventListener('abort', this.#abort)
    if (outer.aborted) this.#abort()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Something happened; the next thing must happen within this time. */
  expect(milliseconds: number, otherwise: () => Error): void {
    this.#cancel()
    this.#cancel = this.#clock.timer(milliseconds, () => this.#controller.abort(otherwise()))
  }

  [Symbol.dispose](): void {
    this.#cancel()
    this.#outer.removeEventListener('abort', this.#abort)
  }
}
