import type { ServicePortChange } from '../../model/service-port.ts'
import type { ApplyReport, PatrolReport, Refusal } from '../mode.ts'
import { adopt } from './adopt.ts'
import { Asked } from './asked.ts'
import { type KernelMaps, type Limits, type MapName, ROW_SIZES } from './kernel-maps.ts'
import { type Entry, Ledger } from './ledger.ts'
import { Mutex } from './mutex.ts'
import type { Operation } from './operations.ts'
import { inspect, rowsOf } from './patrol.ts'
import { type Plan, plan } from './plan.ts'
import { MapWriteError, Publisher } from './publisher.ts'
import { readFrontend } from './records.ts'
import { Retirer } from './retirer.ts'
import { Rows } from './rows.ts'
import { inspectSourceRanges } from './source-range-rows.ts'
import { verifyMaps } from './verify.ts'

/** A change that was refused, kept so that it can be tried again when there is room. */
interface RefusedChange {
  readonly change: ServicePortChange
  readonly refusal: Refusal
}

/** Counts of several plans taken together. */
interface Tally {
  changed: number
  published: number
  removed: number
  syscalls: number
}

/**
 * Brings changes into the maps: plan, publish, and later clean up. One apply at a time. When a write
 * fails, the ledger is rebuilt from the maps before the next one, by the same code as after a crash;
 * the caller repeats the changes of a failed apply.
 */
export class Applier {
  readonly #maps: KernelMaps
  readonly #publisher: Publisher
  readonly #retirer: Retirer
  readonly #mutex = new Mutex()
  readonly #own = new Set<string>()
  readonly #asked = new Asked()
  readonly #refused = new Map<string, RefusedChange>()
  #limits: Limits
  #ledger: Ledger
  /** The ledger may differ from the maps. */
  #isUnsure = true
  /** Something may be removed: a complete apply has succeeded. */
  #mayRemove = false
  /** What was to be retired was forgotten with an older ledger, or an agent. */
  #mayHaveStaleStats = true
  /** How far the patrol has come. */
  #patrolled: { readonly ledger: Ledger; readonly entries: MapIterator<Entry> } | undefined

  constructor(maps: KernelMaps) {
    this.#maps = maps
    this.#limits = maps.limits
    this.#ledger = new Ledger(maps.limits)
    this.#publisher = new Publisher(maps)
    this.#retirer = new Retirer(maps, this.#publisher, this.#mutex, {
      ledger: () => this.#ledger,
      onRoom: () => this.#retryRefused(),
      onFailure: () => {
        this.#isUnsure = true
      },
    })
  }

  /** What is published, for status and counters. */
  get ledger(): Ledger {
    return this.#ledger
  }

  get refused(): readonly Refusal[] {
    return [...this.#refused.values()].map(({ refusal }) => refusal)
  }

  /** Reads the maps back. Nothing is written. */
  start(): Promise<void> {
    return this.#mutex.run(() => this.#rebuild())
  }

  /** See {@link Mode.apply}. @throws MapWriteError; the same changes are to be given again */
  async apply(changes: readonly ServicePortChange[], complete: boolean): Promise<ApplyReport> {
    const tally: Tally = { changed: 0, published: 0, removed: 0, syscalls: 0 }
    await this.#mutex.run(async () => {
      if (complete) this.#refused.clear()
      else for (const { key } of changes) this.#refused.delete(key)
      await this.#publish(changes, complete, tally)
      if (tally.removed > 0) await this.#publishRefused(tally)
    })
    if (this.#lacksRoom(changes) && this.#retirer.isBusy) {
      await this.#retirer.settled()
      await this.#mutex.run(() => this.#publishRefused(tally))
    }
    const refused = changes.flatMap(({ key }) => this.#refused.get(key)?.refusal ?? [])
    return { ...tally, refused }
  }

  /** Applies a service port of the agent's own, which complete applies and restarts do not keep. */
  applyOwn(change: ServicePortChange): Promise<Refusal | undefined> {
    return this.#mutex.run(async () => {
      this.#own.add(change.key)
      await this.#publish([change], false, { changed: 0, published: 0, removed: 0, syscalls: 0 })
      const refusal = this.#refused.get(change.key)?.refusal
      this.#refused.delete(change.key)
      if (change.type === 'delete') this.#own.delete(change.key)
      return refusal
    })
  }

  /** Sentences about what differs between maps and ledger. */
  verify(): Promise<readonly string[]> {
    return this.#mutex.run(async () => {
      if (this.#isUnsure) await this.#rebuild()
      return verifyMaps(this.#maps, this.#ledger)
    })
  }

  /**
   * Reads the next service ports back from the kernel, about `rows` rows, repairs what differs, and begins
   * again after the last. At each beginning it looks for frontends that nobody asked for, too. Nothing is
   * repaired before everything is known (IN-4).
   */
  patrol(rows: number): Promise<PatrolReport> {
    return this.#mutex.run(async () => {
      if (this.#isUnsure) await this.#rebuild()
      const problems: string[] = []
      if (!this.#mayRemove) return { checked: 0, isRoundEnd: false, problems }
      if (this.#patrolled?.ledger !== this.#ledger) {
        this.#patrolled = { ledger: this.#ledger, entries: this.#ledger.entries.values() }
        problems.push(...(await this.#removeStrangers()), ...(await this.#repairSourceRanges()))
      }
      let checked = 0
      let left = rows
      while (left > 0) {
        const { value: entry, done } = this.#patrolled.entries.next()
        if (done === true) {
          this.#patrolled = undefined
          return { checked, isRoundEnd: true, problems }
        }
        checked++
        left -= rowsOf(entry)
        const drift = inspect(this.#maps, this.#ledger, entry)
        problems.push(...drift.problems)
        await this.#repair(drift.operations)
      }
      return { checked, isRoundEnd: false, problems }
    })
  }

  async #removeStrangers(): Promise<string[]> {
    const { keys, count } = await this.#maps.entries('services')
    const rows = new Rows('services')
    const problems: string[] = []
    const size = ROW_SIZES.services.key
    const view = new DataView(keys.buffer, keys.byteOffset)
    for (let row = 0; row < count; row++) {
      const name = readFrontend(view, row * size)
      if (this.#ledger.frontends.has(name) || this.#ledger.invalid.has(name)) continue
      rows.add()
      new Uint8Array(rows.keys.buffer).set(
        keys.subarray(row * size, row * size + size),
        rows.keyOffset,
      )
      problems.push(`services: ${name} belongs to no service port`)
    }
    if (rows.count > 0) {
      const { map, count: gone } = rows
      await this.#repair([{ kind: 'delete', stage: 0, map, keys: rows.keyBytes(), count: gone }])
    }
    return problems
  }

  async #repairSourceRanges(): Promise<string[]> {
    // Rows that wait for their end look like strangers.
    if (this.#retirer.isBusy) return []
    const rows = await this.#maps.entries('source_ranges')
    const { problems, operations } = inspectSourceRanges(this.#ledger.sourceRanges, rows)
    await this.#repair(operations)
    return problems
  }

  /** The ledger stays as it is when that fails: it says what should be there. */
  async #repair(operations: readonly Operation[]): Promise<void> {
    try {
      await this.#publisher.run(operations)
    } catch (error) {
      this.#patrolled = undefined
      throw error
    }
  }

  /** Settles when nothing waits for a grace period. */
  settled(): Promise<void> {
    return this.#retirer.settled()
  }

  /** Waits for what is under way and starts nothing new. */
  async stop(): Promise<void> {
    this.#retirer.stop()
    await this.#mutex.run(async () => undefined)
  }

  async #publish(
    changes: readonly ServicePortChange[],
    complete: boolean,
    tally: Tally,
  ): Promise<void> {
    if (this.#isUnsure) await this.#rebuild()
    try {
      await this.#execute(changes, complete, tally)
    } catch (error) {
      this.#isUnsure = true
      if (!(error instanceof MapWriteError) || !error.isFull) throw error
      await this.#rebuild(error.map)
      try {
        await this.#execute(changes, complete, tally)
      } catch (again) {
        this.#isUnsure = true
        throw again
      }
    }
  }

  async #execute(
    changes: readonly ServicePortChange[],
    complete: boolean,
    tally: Tally,
  ): Promise<void> {
    const mayRemove = this.#mayRemove || complete
    const asked = (key: string) => this.#asked.of(key)
    const options = { complete, mayRemove, asked, own: this.#own }
    const before = this.#publisher.syscalls
    let writing: Promise<void> = Promise.resolve()
    try {
      for (const part of plan(this.#ledger, changes, options)) {
        await writing
        this.#noteRefusals(changes, part)
        writing = this.#write(part)
        tally.changed += part.changed
        tally.published += part.published
        tally.removed += part.removed
      }
      await writing
    } catch (error) {
      if (!mayRemove) this.#asked.failed(changes)
      throw error
    } finally {
      await writing
    }
    tally.syscalls += this.#publisher.syscalls - before
    this.#mayRemove = mayRemove
    if (mayRemove) this.#asked.clear()
    else this.#asked.published(changes, this.#refused)
    if (mayRemove && this.#mayHaveStaleStats) {
      this.#mayHaveStaleStats = false
      this.#retirer.sweepStats(this.#ledger)
    }
  }

  async #write({ operations, retirement }: Plan): Promise<void> {
    const ledger = this.#ledger
    await this.#publisher.run(operations)
    this.#retirer.retire(ledger, retirement)
  }

  #noteRefusals(changes: readonly ServicePortChange[], { refused }: Plan): void {
    if (refused.length === 0) return
    const byKey = new Map(changes.map((change) => [change.key, change]))
    for (const refusal of refused) {
      const change = byKey.get(refusal.key)
      if (change !== undefined) this.#refused.set(refusal.key, { change, refusal })
    }
  }

  /** Tries what was refused again; what is refused anew comes back to the list. */
  async #publishRefused(tally: Tally): Promise<void> {
    if (this.#refused.size === 0) return
    const changes = [...this.#refused.values()].map(({ change }) => change)
    const kept = new Map(this.#refused)
    this.#refused.clear()
    try {
      await this.#publish(changes, false, tally)
    } catch (error) {
      for (const [key, refused] of kept) this.#refused.set(key, refused)
      throw error
    }
  }

  /** Room has appeared. A failure shows in the next apply, which rebuilds the ledger. */
  async #retryRefused(): Promise<void> {
    await this.#publishRefused({ changed: 0, published: 0, removed: 0, syscalls: 0 }).catch(
      () => undefined,
    )
  }

  #lacksRoom(changes: readonly ServicePortChange[]): boolean {
    return changes.some(({ key }) => this.#refused.get(key)?.refusal.reason === 'MapFull')
  }

  /** @param full a map that took no more rows than it has now */
  async #rebuild(full?: MapName): Promise<void> {
    const keys = new Map<number, string>()
    for (const [key, entry] of this.#ledger.entries) keys.set(entry.serviceId, key)
    const ledger = await adopt(this.#maps, { keys, limits: this.#limits })
    if (full !== undefined) {
      this.#limits = limitedTo(this.#limits, full, ledger)
      this.#ledger = await adopt(this.#maps, { keys, limits: this.#limits })
    } else this.#ledger = ledger
    this.#isUnsure = false
    this.#mayHaveStaleStats = true
  }
}

function limitedTo(limits: Limits, map: MapName, ledger: Ledger): Limits {
  if (map === 'services') return { ...limits, services: ledger.rows }
  if (map === 'members') return { ...limits, members: ledger.members }
  if (map === 'backends') return { ...limits, backends: ledger.backends.size }
  return limits
}
