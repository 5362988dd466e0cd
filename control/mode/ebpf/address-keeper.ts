import type { GuardChanges } from '../../model/guards.ts'
import { AddressTable } from './address-table.ts'
import type { KernelMaps } from './kernel-maps.ts'
import { Mutex } from './mutex.ts'
import { Publisher } from './publisher.ts'

/** Keeps the maps `addresses` and `service_cidrs`; one change at a time. */
export class AddressKeeper {
  readonly #maps: KernelMaps
  readonly #publisher: Publisher
  readonly #table = new AddressTable()
  readonly #mutex = new Mutex()
  #isUnsure = true
  #complete = false
  /** There may be rows that nobody asked for. */
  #hasStrangers = true

  constructor(maps: KernelMaps) {
    this.#maps = maps
    this.#publisher = new Publisher(maps)
  }

  /** How many addresses there was no room for. */
  get left(): number {
    return this.#table.left.size
  }

  /** How many ranges of service addresses there was no room for. */
  get leftCidrs(): number {
    return this.#table.leftCidrs
  }

  /**
   * @param complete as of now everything is known, and what else there is goes
   * @throws MapWriteError; what was asked for is remembered, and the next call tries it again
   */
  change(change: {
    readonly guards?: GuardChanges
    readonly nodePorts?: readonly string[]
    readonly complete?: boolean
  }): Promise<void> {
    const { guards, nodePorts, complete = false } = change
    if (guards !== undefined) this.#table.setGuards(guards)
    if (nodePorts !== undefined) this.#table.setNodePorts(nodePorts)
    return this.#mutex.run(async () => {
      if (this.#isUnsure) await this.#restore()
      this.#complete ||= complete
      const sweeps = this.#complete && this.#hasStrangers
      this.#isUnsure = true
      await this.#publisher.run(this.#table.plan(sweeps, this.#maps.limits))
      this.#isUnsure = false
      if (sweeps) this.#hasStrangers = false
    })
  }

  /** Sentences about what differs between the maps and what was applied. */
  verify(): Promise<readonly string[]> {
    return this.#mutex.run(async () => {
      if (this.#isUnsure) await this.#restore()
      return this.#table.verify(...(await this.#read()))
    })
  }

  /** As {@link verify}, and repairs what differs. */
  async patrol(): Promise<readonly string[]> {
    const problems = await this.verify()
    if (problems.length > 0) {
      await this.#mutex.run(() => this.#restore())
      await this.change({})
    }
    return problems
  }

  async #restore(): Promise<void> {
    this.#table.restore(...(await this.#read()))
    this.#hasStrangers = true
  }

  #read() {
    return Promise.all([this.#maps.entries('addresses'), this.#maps.entries('service_cidrs')])
  }
}
