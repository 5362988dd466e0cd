import type { Logger } from 'pino'
import type { Mode } from '../mode/mode.ts'
import type { DriftStatus } from '../server/api.ts'

/** So many sentences about the latest drift are kept for people. */
const KEPT = 10

export interface PatrollerOptions {
  readonly mode: Pick<Mode, 'patrol'>
  readonly log: Logger
  /** Between two rounds (`syncPeriod`), in milliseconds. */
  readonly periodMs: number
}

/**
 * Has the kernel state read back, a part in every period, and counts what had to be repaired: maps that
 * somebody else wrote into, rows and programs that somebody removed.
 */
export class Patroller {
  readonly #options: PatrollerOptions
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> = Promise.resolve()
  #status: DriftStatus = { checked: 0, repaired: 0, lastAt: null, last: [] }

  constructor(options: PatrollerOptions) {
    this.#options = options
  }

  get status(): DriftStatus {
    return this.#status
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#round = this.round().finally(() => {
        if (this.#timer !== undefined) this.start()
      })
    }, this.#options.periodMs)
  }

  /** Waits for the round that is under way. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#round
  }

  /** One round, now. */
  async round(): Promise<void> {
    const { mode, log } = this.#options
    try {
      const { checked, problems } = await mode.patrol()
      const { repaired } = this.#status
      this.#status = { ...this.#status, checked: this.#status.checked + checked }
      if (problems.length === 0) return
      this.#status = {
        ...this.#status,
        repaired: repaired + problems.length,
        lastAt: Date.now(),
        last: problems.slice(0, KEPT),
      }
      log.warn(
        { problems: problems.slice(0, KEPT), count: problems.length },
        'kernel state differed from what was applied, and was repaired; is there another writer?',
      )
    } catch (error) {
      log.error({ err: error }, 'kernel state could not be read back; will try again')
    }
  }
}
