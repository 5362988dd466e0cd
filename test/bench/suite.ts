import { setTimeout as sleep } from 'node:timers/promises'
import { choiceResults, measureChoices } from './choices.ts'
import {
  mapMemory,
  measureColdStart,
  measureStockColdStart,
  processMemory,
  RESIDENT_GOAL,
} from './cold-start.ts'
import { connectResults, measureConnect, slopeResults } from './connect.ts'
import { measureBusyCpu, measureIdleCpu } from './cpu.ts'
import { measureExchange } from './exchange.ts'
import { freshnessResults, measureFreshness } from './freshness.ts'
import { LargeService } from './large-service.ts'
import type { Plan, Selection } from './plan.ts'
import { measureInAgent, measureInProcess, type Subject } from './programming.ts'
import type { Measurement } from './results.ts'
import type { ProxyName, Rig } from './rig.ts'
import { type Run, summary } from './slices.ts'
import type { Swap } from './swap.ts'

/** After a start the agent gives memory back; see control/node/memory.ts. */
const SETTLED_MS = 3_000

/** kube-proxy delays a change that follows a sync within a second. */
const STOCK_GAP_MS = 1_500
const KPROXY_GAP_MS = 100

/** Endpoints of each Service at first; see population.ts. */
const FEW = eachWith(2)

/** What the runs of the client say about themselves. */
export interface RunNotes {
  /** Largest steal of a round that counts. */
  steal: number
  rounds: number
  /** Rounds discarded for steal or starvation. */
  discarded: number
  /** Failed operations by arm and run; empty in a good run. */
  readonly failures: string[]
}

/** Asks the selected questions of one rig, from few Services to many. */
export class Suite {
  readonly measurements: Measurement[] = []
  readonly notes: RunNotes = { steal: 0, rounds: 0, discarded: 0, failures: [] }
  readonly #rig: Rig
  readonly #plan: Plan
  readonly #selection: Selection
  readonly #say: (what: string) => void

  constructor(rig: Rig, plan: Plan, selection: Selection, say: (what: string) => void) {
    this.#rig = rig
    this.#plan = plan
    this.#selection = selection
    this.#say = say
  }

  async run(): Promise<void> {
    const rig = this.#rig
    await this.#startAgent()
    if (this.#selection.isWhole && this.#selection.has('P7', 'P8', 'P9', 'P12')) {
      await this.#attempt('one large Service', () => this.#large())
    }
    await this.#startStock()
    const curve = new Map<number, Run>()
    const sizes = this.#selection.curve ? this.#plan.sizes : this.#sparseSizes()
    for (const size of sizes) {
      this.#say(`${size} Services: writing them`)
      await rig.grow(size)
      this.#say(`${size} Services: waiting for every proxy to have them`)
      await rig.settle(this.#plan.restMs)
      if (this.#selection.curve) curve.set(size, await this.#connect(size))
      if (this.#plan.edges.includes(size)) {
        await this.#attempt(`${size} Services: more than connect()`, () => this.#atEdge(size))
      }
    }
    if (this.#selection.has('P3') && curve.size > 1) this.#add(slopeResults(curve))
    await this.#stockMemory()
    await rig.stopStock()
    if (this.#selection.has('P14')) {
      await this.#attempt('schedulers, affinity and other frontends', () => this.#choices())
    }
    const isAsked = this.#selection.has('P7', 'P8', 'P9', 'P10') || this.#isFreshnessWide
    if (isAsked) await this.#attempt('many endpoints', () => this.#many())
  }

  /** Edges where something is asked there, and the last size in any case. */
  #sparseSizes(): number[] {
    const { sizes, edges } = this.#plan
    const edge = this.#selection.has('P4', 'P12')
    return sizes.filter((size) => size === sizes.at(-1) || (edge && edges.includes(size)))
  }

  async #startAgent(): Promise<void> {
    this.#say('starting kproxy')
    await this.#rig.population.grow(1)
    await this.#rig.startAgent().synced()
  }

  async #startStock(): Promise<void> {
    if (!this.#selection.stock) return
    this.#say('starting the stock proxies')
    await this.#rig.startStock('iptables')
    await this.#rig.startStock('nftables')
  }

  async #connect(size: number): Promise<Run> {
    this.#say(`${size} Services: connect()`)
    const run = await measureConnect(this.#rig, this.#plan.connect)
    this.#note('connect', run)
    this.#add(connectResults(run, size).filter(({ id }) => this.#selection.has(id)))
    return run
  }

  async #atEdge(size: number): Promise<void> {
    if (this.#selection.has('P4')) {
      this.#say(`${size} Services: one-byte exchanges`)
      const { runs, measurements } = await measureExchange(this.#rig, this.#plan.exchange)
      for (const run of runs) this.#note('exchange', run)
      this.#add(measurements)
    }
    if (!this.#selection.has('P12')) return
    const { swap } = this.#rig.population
    for (const proxy of this.#rig.running) await this.#freshness(proxy, swap, FEW)
  }

  async #freshness(proxy: ProxyName, swap: Swap, what: string): Promise<void> {
    const { size } = this.#rig.population
    this.#say(`${size} Services, ${what}: endpoint changes through ${proxy}`)
    const [changes, gap] =
      proxy === 'kproxy'
        ? [this.#plan.changes.kproxy, KPROXY_GAP_MS]
        : [this.#plan.changes.stock, STOCK_GAP_MS]
    const series = await measureFreshness(this.#rig, proxy, swap, changes, gap)
    if (series.failures > 0) {
      this.notes.failures.push(
        `${series.failures} during changes through ${proxy} at ${size}, ${what}`,
      )
    }
    this.#add(freshnessResults(series, proxy, size, what))
  }

  /** Changes at the API server are followed at many endpoints too, through our agent alone. */
  get #isFreshnessWide(): boolean {
    return this.#selection.isWhole && this.#selection.has('P12')
  }

  /**
   * The questions about one Service as large as they come, among next to no others: with our agent
   * alone, which is a new one afterwards.
   */
  async #large(): Promise<void> {
    const rig = this.#rig
    const { backends } = rig
    const endpoints = this.#plan.large
    const large = new LargeService(rig.plane.client, backends, endpoints, 'kproxy')
    const what = `one Service with ${endpoints} endpoints`
    try {
      await large.create()
      await rig.settle(this.#plan.restMs)
      await this.#startsAndMemory(what)
      await this.#changesInAgent({ what, changeOne: () => large.changeOne() })
      if (this.#selection.has('P12')) {
        const swap = await large.narrow()
        await rig.agent?.programmed(
          large.key,
          (service) => service?.internalTrafficPolicy === 'Local',
        )
        await this.#freshness('kproxy', swap, what)
      }
      if (this.#selection.has('P7')) await large.widen()
      await this.#changesInProcess({ what, changeOne: () => large.changeOne() })
    } finally {
      await large.remove()
      await rig.removeAgent()
      await rig.startAgent().synced()
    }
  }

  async #choices(): Promise<void> {
    const { restMs, choices } = this.#plan
    const run = await measureChoices(this.#rig, restMs, choices)
    this.#note('choices', run)
    this.#add(choiceResults(run, this.#rig.population.size))
  }

  /** Memory of all proxies, and cold starts of stock ones, at two endpoints for each Service. */
  async #stockMemory(): Promise<void> {
    const rig = this.#rig
    if (this.#selection.has('P9')) {
      for (const proxy of rig.running) this.#add(processMemory(rig, proxy, `${FEW}, running`))
    }
    if (!this.#selection.has('P8') || !this.#selection.stock || !this.#plan.stockStarts) return
    await rig.stopStock()
    for (const mode of ['iptables', 'nftables'] as const) {
      await this.#attempt(`cold start of ${mode}`, async () => {
        this.#add([await measureStockColdStart(rig, mode, FEW)])
      })
      await rig.stopStock()
    }
  }

  /** A step that fails is told of at the end, and what was measured before and after it is kept. */
  async #attempt(what: string, step: () => Promise<void>): Promise<void> {
    this.#say(what)
    try {
      await step()
    } catch (error) {
      const [reason] = (error instanceof Error ? error.message : String(error)).split('\n')
      this.notes.failures.push(`${what}: ${reason}`)
    }
  }

  /** The questions about many endpoints, with our agent alone. */
  async #many(): Promise<void> {
    const rig = this.#rig
    const what = eachWith(this.#plan.endpoints)
    const { swap } = rig.population
    const subject = { what, changeOne: () => rig.population.changeOne() }
    this.#say(`${rig.population.size} Services with ${what}: writing them`)
    await rig.population.widen(this.#plan.endpoints)
    await rig.settle(this.#plan.restMs)
    await this.#startsAndMemory(what)
    if (this.#selection.has('P10')) await this.#cpu(what)
    if (this.#isFreshnessWide) await this.#freshness('kproxy', swap, what)
    await this.#changesInAgent(subject)
    await this.#changesInProcess(subject)
  }

  /** P8, and P9 after the last start. */
  async #startsAndMemory(what: string): Promise<void> {
    const rig = this.#rig
    if (this.#selection.has('P8')) {
      this.#say(`cold starts of kproxy, ${what}`)
      this.#add(await measureColdStart(rig, this.#plan.starts, what))
    }
    if (this.#selection.has('P9')) {
      await sleep(SETTLED_MS)
      this.#add(processMemory(rig, 'kproxy', `${what}, settled`, RESIDENT_GOAL))
      this.#add([await mapMemory(rig, what)])
    }
  }

  async #cpu(what: string): Promise<void> {
    const { idle, busySeconds } = this.#plan.cpu
    await sleep(SETTLED_MS)
    this.#say('CPU of the idle agent')
    this.#add([await measureIdleCpu(this.#rig, idle, what)])
    this.#say('CPU of the agent while endpoints change')
    this.#add(await measureBusyCpu(this.#rig, busySeconds, what))
  }

  /** P7 in the agent, and P9 after it: the agent is a new one. */
  async #changesInAgent(subject: Subject): Promise<void> {
    if (!this.#selection.has('P7')) return
    const { programmed } = this.#plan
    this.#say(`cost of one endpoint change, in the agent, ${subject.what}`)
    this.#add(await measureInAgent(this.#rig, subject, programmed))
    if (!this.#selection.has('P9')) return
    const what = `${subject.what}, after ${programmed} changes`
    this.#add(processMemory(this.#rig, 'kproxy', what, RESIDENT_GOAL))
  }

  /** P7 in a process of its own; no agent runs afterwards. */
  async #changesInProcess(subject: Subject): Promise<void> {
    if (!this.#selection.has('P7')) return
    this.#say(`cost of one endpoint change, in process, ${subject.what}`)
    await this.#rig.removeAgent()
    this.#add(await measureInProcess(this.#rig, subject, this.#plan.programmed))
  }

  #add(measurements: readonly Measurement[]): void {
    this.measurements.push(...measurements)
  }

  #note(what: string, run: Run): void {
    this.notes.steal = Math.max(this.notes.steal, run.steal)
    this.notes.rounds += run.rounds
    this.notes.discarded += run.discarded.length
    for (const arm of new Set(run.slices.map((slice) => slice.arm))) {
      const { failures, error } = summary(run, arm)
      if (failures === 0) continue
      const where = `${what}, ${arm}, ${this.#rig.population.size} Services`
      this.notes.failures.push(`${failures} (${where}): ${error}`)
    }
  }
}

/** Words about Services that have so many endpoints each. */
function eachWith(endpoints: number): string {
  return `${endpoints} endpoints each`
}
