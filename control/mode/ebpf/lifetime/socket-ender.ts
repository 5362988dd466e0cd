import type { FoundNetns } from '../../../node/netns.ts'
import type { Ending, StalePeer } from './stale-peer.ts'

/** Least time from the start of one run to that of the next, in milliseconds. */
const PACE_MS = 50

/**
 * How long after a run the sockets are looked through once more. A socket that was in connect() while the
 * record changed may have been given the old backend, and is connected a moment later.
 */
const SECOND_LOOK_MS = 1000

/** So many namespaces are walked at once: more would keep the thread pool from the maps. */
const AT_ONCE = 2

/** No run ends sockets more often than this before it lets others go on. */
const MOST_ROUNDS = 32

/** The sockets as the kernel shows them; {@link StaleSockets} is it. */
export interface Sockets {
  find(): Promise<StalePeer[]>
  agree(endings: readonly Ending[]): Promise<void>
  end(found: readonly StalePeer[], netns?: string): Promise<StalePeer[]>
}

export interface SocketEnderOptions {
  /** Loads what is needed at the first run. */
  readonly sockets: () => Sockets
  readonly namespaces: { find(cookies: Iterable<bigint>): Promise<FoundNetns> }
  /** Whether an endpoint serves all the same, and its flows are left alone (CT-1). */
  readonly isServing: (peer: StalePeer) => boolean
  /** How many endings fit into one round. */
  readonly mostEndings: number
  /** Told after each run. */
  readonly onRun: (run: EnderRun) => void
}

/** What a run came to. */
export interface EnderRun {
  readonly ended: readonly StalePeer[]
  /** Stale sockets that are still there. */
  readonly left: readonly StalePeer[]
  /** Cookies of their namespaces, of those that cannot be found. */
  readonly missing: readonly bigint[]
  /** Why the run, or a namespace of it, failed. */
  readonly error: unknown
}

/**
 * Ends connected UDP sockets whose backend is gone, soon after they became so: first asks which
 * namespaces have any, then goes through those alone. One run at a time, off the hot path.
 */
export class SocketEnder {
  readonly #options: SocketEnderOptions
  #sockets: Sockets | undefined
  #timer: NodeJS.Timeout | undefined
  #secondLook: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isAsked = false
  #stopped = false
  #startedAt = Number.NEGATIVE_INFINITY

  constructor(options: SocketEnderOptions) {
    this.#options = options
  }

  /** Says that backends may be gone. What is asked for while a run waits or runs goes into one run. */
  ask(): void {
    this.#plan(true)
  }

  /** Starts nothing new and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearTimeout(this.#secondLook)
    this.#timer = undefined
    await this.#running
  }

  #plan(looksTwice: boolean): void {
    if (this.#stopped) return
    this.#isAsked ||= looksTwice
    if (this.#running !== undefined || this.#timer !== undefined) return
    const wait = Math.max(0, this.#startedAt + PACE_MS - performance.now())
    this.#timer = setTimeout(() => this.#start(), wait)
  }

  #start(): void {
    this.#timer = undefined
    this.#startedAt = performance.now()
    const looksTwice = this.#isAsked
    this.#isAsked = false
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (this.#stopped) return
      if (looksTwice) this.#lookAgain()
      if (this.#isAsked) this.#plan(true)
    })
  }

  #lookAgain(): void {
    clearTimeout(this.#secondLook)
    this.#secondLook = setTimeout(() => this.#plan(false), SECOND_LOOK_MS)
    this.#secondLook.unref()
  }

  async #run(): Promise<void> {
    const ended: StalePeer[] = []
    let left: readonly StalePeer[] = []
    let missing: readonly bigint[] = []
    let error: unknown
    try {
      this.#sockets ??= this.#options.sockets()
      for (let round = 0; round < MOST_ROUNDS; round++) {
        left = (await this.#sockets.find()).filter((peer) => !this.#options.isServing(peer))
        if (left.length === 0) {
          /* A namespace that failed is gone, and its sockets with it. */
          missing = []
          error = undefined
        }
        if (left.length === 0 || this.#stopped) break
        const outcome = await this.#end(this.#sockets, left)
        ended.push(...outcome.ended)
        missing = outcome.missing
        error = outcome.error
        if (outcome.ended.length === 0) break
      }
    } catch (failure) {
      error = failure
    }
    this.#options.onRun({ ended, left, missing, error })
  }

  async #end(
    sockets: Sockets,
    stale: readonly StalePeer[],
  ): Promise<{ ended: StalePeer[]; missing: readonly bigint[]; error: unknown }> {
    const endings = new Map(stale.map((peer) => [`${peer.serviceId}/${peer.backendId}`, peer]))
    await sockets.agree([...endings.values()].slice(0, this.#options.mostEndings))
    const byNetns = Map.groupBy(stale, (peer) => peer.netns)
    const { found, missing } = await this.#options.namespaces.find(byNetns.keys())
    const places = [...found]
    const ended: StalePeer[] = []
    let error: unknown
    const walk = async () => {
      for (let place = places.pop(); place !== undefined; place = places.pop()) {
        if (this.#stopped) return
        try {
          const [cookie, { path }] = place
          ended.push(...(await sockets.end(byNetns.get(cookie) ?? [], path)))
        } catch (failure) {
          /* A namespace may end while its sockets are looked for; the others must not wait for it. */
          error = failure
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, walk))
    return { ended, missing, error }
  }
}
