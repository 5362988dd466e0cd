import { setTimeout as sleep } from 'node:timers/promises'
import { mapMemory, measureColdStart, measureStockColdStart, processMemory } from './cold-start.ts'
import { connectResults, measureConnect, slopeResults } from './connect.ts'
import { measureExchange } from './exchange.ts'
import { freshnessResults, measureFreshness } from './freshness.ts'
import type { Plan, Selection } from './plan.ts'
import { measureInAgent, measureInProcess } from './programming.ts'
import type { Measurement } from './results.ts'
import type { Rig } from './rig.ts'
import { type Run, summary } from './slices.ts'

/** After a start the agent gives memory back; see control/node/memory.ts. */
const SETTLED_MS = 3_000

/** kube-proxy delays a change that follows a sync within a second. */
const STOCK_GAP_MS = 1_500
const KPROXY_GAP_MS = 100

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
    await this.#startProxies()
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
    if (this.#selection.has('P7', 'P8', 'P9')) {
      await this.#attempt('many endpoints', () => this.#many())
    }
  }

  /** Edges where something is asked there, and the last size in any case. */
  #sparseSizes(): number[] {
    const { sizes, edges } = this.#plan
    const edge = this.#selection.has('P4', 'P12')
    return sizes.filter((size) => size === sizes.at(-1) || (edge && edges.includes(size)))
  }

  async #startProxies(): Promise<void> {
    this.#say('starting the proxies')
    await this.#rig.population.grow(1)
    await this.#rig.startAgent().synced()
    if (!this.#selection.stock) return
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
    for (const proxy of this.#rig.running) {
      this.#say(`${size} Services: endpoint changes through ${proxy}`)
      const [changes, gap] =
        proxy === 'kproxy'
          ? [this.#plan.changes.kproxy, KPROXY_GAP_MS]
          : [this.#plan.changes.stock, STOCK_GAP_MS]
      const series = await measureFreshness(this.#rig, proxy, changes, gap)
      if (series.failures > 0) {
        this.notes.failures.push(`${series.failures} during changes through ${proxy} at ${size}`)
      }
      this.#add(freshnessResults(series, proxy, size))
    }
  }

  /** Memory of all proxies, and cold starts of stock ones, at two endpoints for each Service. */
  async #stockMemory(): Promise<void> {
    const rig = this.#rig
    if (this.#selection.has('P9')) {
      for (const proxy of rig.running) this.#add(processMemory(rig, proxy, 2, 'running'))
    }
    if (!this.#selection.has('P8') || !this.#selection.stock || !this.#plan.stockStarts) return
    await rig.stopStock()
    for (const mode of ['iptables', 'nftables'] as const) {
      await this.#attempt(`cold start of ${mode}`, async () => {
        this.#add([await measureStockColdStart(rig, mode, 2)])
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
    const { endpoints, starts, programmed } = this.#plan
    const rig = this.#rig
    this.#say(`${rig.population.size} Services with ${endpoints} endpoints each: writing them`)
    await rig.population.widen(endpoints)
    await rig.settle(this.#plan.restMs)
    if (this.#selection.has('P8')) {
      this.#say('cold starts of kproxy')
      this.#add(await measureColdStart(rig, starts, endpoints))
    }
    if (this.#selection.has('P9')) {
      await sleep(SETTLED_MS)
      this.#add(processMemory(rig, 'kproxy', endpoints, 'settled'))
      this.#add([await mapMemory(rig, endpoints)])
    }
    if (this.#selection.has('P7')) {
      this.#say('cost of one endpoint change, in the agent')
      this.#add(await measureInAgent(rig, programmed, endpoints))
    }
    if (this.#selection.has('P9') && this.#selection.has('P7')) {
      this.#add(processMemory(rig, 'kproxy', endpoints, `after ${programmed} changes`))
    }
    if (this.#selection.has('P7')) {
      this.#say('cost of one endpoint change, in process')
      await rig.removeAgent()
      this.#add(await measureInProcess(rig, programmed, endpoints))
    }
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
