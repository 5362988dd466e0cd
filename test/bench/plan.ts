import type { CpuOptions } from './cpu.ts'
import type { LoadOptions } from './load.ts'
import type { ModelOptions } from './model-cost.ts'
import type { BenchId } from './results.ts'

/** How much of everything a run does. */
export interface Plan {
  /** Numbers of Services, growing. */
  readonly sizes: readonly number[]
  /** Longest wait for the machine to come to rest before a measurement. */
  readonly restMs: number
  readonly connect: LoadOptions
  readonly exchange: LoadOptions
  /** Sizes at which exchanges and changes are measured. */
  readonly edges: readonly number[]
  /** Changes for each stock proxy and for kproxy, whose p99 is judged. */
  readonly changes: { readonly stock: number; readonly kproxy: number }
  /** Endpoints of each Service for memory, cold start and the cost of a change. */
  readonly endpoints: number
  readonly starts: number
  /** Changes whose programming is timed. */
  readonly programmed: number
  /** Whether the stock proxies' cold starts are timed: a minute at 10,000 Services. */
  readonly stockStarts: boolean
  /** Endpoints of the one Service that is as large as they come. */
  readonly large: number
  /** Arms of the schedulers, which are many. */
  readonly choices: LoadOptions
  readonly cpu: CpuOptions
  readonly model: ModelOptions
}

/**
 * The agent's syncPeriod: in each it reads back a part of its maps, in one go, and does next to nothing
 * otherwise. A shorter window of rest would hold that or not.
 */
const PATROL_MS = 30_000

export const FULL: Plan = {
  sizes: [1, 100, 1_000, 10_000],
  restMs: 60_000,
  connect: { rounds: 30, sliceMs: 300 },
  exchange: { rounds: 24, sliceMs: 250 },
  edges: [1, 10_000],
  changes: { stock: 12, kproxy: 200 },
  endpoints: 10,
  starts: 5,
  programmed: 500,
  stockStarts: true,
  large: 5_000,
  choices: { rounds: 30, sliceMs: 300 },
  cpu: { idle: { windows: 6, windowMs: PATROL_MS }, busySeconds: 30 },
  model: { sizes: [1_000, 10_000, 30_000], rounds: 10 },
}

export const QUICK: Plan = {
  sizes: [1, 1_000],
  restMs: 3_000,
  connect: { rounds: 8, sliceMs: 150 },
  exchange: { rounds: 8, sliceMs: 100 },
  edges: [1_000],
  changes: { stock: 4, kproxy: 50 },
  endpoints: 10,
  starts: 2,
  programmed: 300,
  stockStarts: false,
  large: 5_000,
  choices: { rounds: 8, sliceMs: 150 },
  cpu: { idle: { windows: 2, windowMs: PATROL_MS }, busySeconds: 5 },
  model: { sizes: [1_000, 10_000], rounds: 4 },
}

/** The questions that need the stock proxies beside ours. */
const WITH_STOCK: readonly BenchId[] = ['P1', 'P2', 'P3', 'P4', 'P12', 'P13']

/** What a quick run has no time for unless `--only` names it. */
export const NOT_QUICK: readonly BenchId[] = ['P10', 'P14', 'M1']

/** The questions that need no API server and no nodes. */
const WITHOUT_RIG: readonly BenchId[] = ['M1']

/** Which questions a run asks. */
export class Selection {
  readonly #ids: ReadonlySet<string>
  /** Whether questions are asked of everything: a quick run leaves out what is long, unless ids were named. */
  readonly isWhole: boolean

  /**
   * @param only ids such as "P1,P7"; undefined: all, or all that a quick run has time for
   * @throws Error that names an id which is not known, and those that are
   */
  constructor(only: string | undefined, known: readonly BenchId[], isQuick = false) {
    this.isWhole = !isQuick || only !== undefined
    if (only === undefined) {
      this.#ids = new Set(known.filter((id) => !isQuick || !NOT_QUICK.includes(id)))
      return
    }
    const ids = only.split(',').map((id) => id.trim())
    const unknown = ids.find((id) => !known.some((candidate) => candidate === id))
    if (unknown !== undefined) {
      throw new Error(`--only: there is no benchmark "${unknown}"; choose from ${known.join(', ')}`)
    }
    this.#ids = new Set(ids)
  }

  has(...ids: readonly BenchId[]): boolean {
    return ids.some((id) => this.#ids.has(id))
  }

  /** Whether anything is asked that needs the rig. */
  get rig(): boolean {
    return [...this.#ids].some((id) => !WITHOUT_RIG.some((other) => other === id))
  }

  get stock(): boolean {
    return this.has(...WITH_STOCK)
  }

  /** Whether every size has to be visited, or only the last. */
  get curve(): boolean {
    return this.has('P1', 'P2', 'P3', 'P13')
  }
}
