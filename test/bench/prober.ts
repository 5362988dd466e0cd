import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { benchProgram, CLIENT_CPU, type Place } from './load.ts'

/** A line of probe.c: from `at` on (CLOCK_MONOTONIC, ns), the Service leads to `backend`. */
export interface Sighting {
  readonly at: bigint
  readonly backend: string
  /** Attempts that failed since the sighting before. */
  readonly failures: number
}

const INTERVAL_US = 1_000

/** Connects to one Service every millisecond from one pod, and says when the answer changes. */
export class Prober {
  failures = 0
  readonly #child: ChildProcess
  readonly #waiting = new Map<string, (sighting: Sighting) => void>()
  #last: Sighting | undefined

  constructor(place: Place, address: string, port: number) {
    const args = [CLIENT_CPU, INTERVAL_US, place.netns, place.cgroup, address, port].map(String)
    this.#child = spawn(benchProgram('probe'), args, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout as NonNullable<ChildProcess['stdout']> }).on(
      'line',
      (line) => this.#accept(line),
    )
  }

  /**
   * The sighting of `backend`, now or when it comes.
   * @throws Error after `timeoutMs`, naming what was seen last.
   */
  async seen(backend: string, timeoutMs: number): Promise<Sighting> {
    if (this.#last?.backend === backend) return this.#last
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<Sighting>((resolve, reject) => {
        this.#waiting.set(backend, resolve)
        timer = setTimeout(() => {
          const last = this.#last?.backend ?? 'no endpoint at all'
          reject(new Error(`endpoint ${backend} was not reached in ${timeoutMs} ms, but ${last}`))
        }, timeoutMs)
      })
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(backend)
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'close')
    this.#child.stdin?.end()
    await ended
  }

  #accept(line: string): void {
    // `at` outgrows a double's 53 bits only after a century of uptime, but the clock is a bigint.
    const { at, backend, failures } = JSON.parse(line)
    this.#last = { at: BigInt(at), backend, failures }
    this.failures += failures
    this.#waiting.get(backend)?.(this.#last)
  }
}
