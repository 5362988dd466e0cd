import { emptyRetirement, type Retirement } from './draft.ts'
import type { KernelMaps, MapName } from './kernel-maps.ts'
import type { Ledger } from './ledger.ts'
import type { Mutex } from './mutex.ts'
import type { Operation } from './operations.ts'
import type { Publisher } from './publisher.ts'
import { isEmpty, planRetirement, staleStats } from './retire.ts'

/** So many ranges are cleaned up at a time: an apply that arrives meanwhile waits for no more. */
const CHUNK = 256

interface Waiting {
  readonly ledger: Ledger
  readonly retirement: Retirement
  readonly sweepsStats: boolean
}

/** Whose leavings a {@link Retirer} cleans up. */
export interface RetirerHost {
  /** The ledger in force. What an older one retired was found anew when this one was read back. */
  ledger(): Ledger
  /** Called with the lock held after something was freed. */
  onRoom(): Promise<void>
  /** Maps and ledger may differ now. */
  onFailure(): void
}

/** Frees what publications left behind, one grace period for all that waits, off the hot path. */
export class Retirer {
  readonly #maps: KernelMaps
  readonly #publisher: Publisher
  readonly #mutex: Mutex
  readonly #host: RetirerHost
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #stopped = false

  constructor(maps: KernelMaps, publisher: Publisher, mutex: Mutex, host: RetirerHost) {
    this.#maps = maps
    this.#publisher = publisher
    this.#mutex = mutex
    this.#host = host
  }

  get isBusy(): boolean {
    return this.#running !== undefined
  }

  retire(ledger: Ledger, retirement: Retirement): void {
    if (!isEmpty(retirement)) this.#start({ ledger, retirement, sweepsStats: false })
  }

  /** Looks for counter rows of ids that are gone. */
  sweepStats(ledger: Ledger): void {
    this.#start({ ledger, retirement: emptyRetirement(), sweepsStats: true })
  }

  #start(waiting: Waiting): void {
    if (this.#stopped) return
    this.#waiting.push(waiting)
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  stop(): void {
    this.#stopped = true
    this.#waiting = []
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#maps.gracePeriod()
        for (const waiting of batch) await this.#cleanUp(waiting)
        await this.#mutex.run(async () => {
          if (!this.#stopped) await this.#host.onRoom()
        })
      } catch {
        if (!this.#stopped) this.#host.onFailure()
      }
    }
  }

  async #cleanUp({ ledger, retirement, sweepsStats }: Waiting): Promise<void> {
    for (const part of split(retirement)) {
      await this.#locked(ledger, () => planRetirement(ledger, part))
    }
    if (!sweepsStats) return
    for (const map of ['service_stats', 'turns', 'backend_stats'] as const) {
      await this.#sweep(ledger, map)
    }
  }

  async #sweep(ledger: Ledger, map: MapName): Promise<void> {
    const { keys, count } = await this.#maps.entries(map)
    await this.#locked(ledger, () => staleStats(ledger, map, keys, count))
  }

  async #locked(ledger: Ledger, plan: () => Operation[]): Promise<void> {
    await this.#mutex.run(async () => {
      if (!this.#stopped && ledger === this.#host.ledger()) await this.#publisher.run(plan())
    })
  }
}

function* split(retirement: Retirement): Generator<Retirement> {
  const { ranges, ...rest } = retirement
  yield { ranges: ranges.slice(0, CHUNK), ...rest }
  for (let at = CHUNK; at < ranges.length; at += CHUNK) {
    yield { ...emptyRetirement(), ranges: ranges.slice(at, at + CHUNK) }
  }
}
