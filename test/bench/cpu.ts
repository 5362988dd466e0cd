import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { httpGet } from '../lab/index.ts'
import { plain } from './connect.ts'
import type { Measurement } from './results.ts'
import type { Rig } from './rig.ts'
import { bootstrap, type Estimate, mean, shuffled } from './stats.ts'

/** Milliseconds of a clock tick in proc(5): USER_HZ is 100 on every architecture that Node runs on. */
const TICK_MS = 10

const CHANGES_PER_SECOND = 100
const METRICS = 'http://127.0.0.1:10249/metrics'
/** A counter is scraped by a process of its own on the node. */
const PUBLISHED_TIMEOUT_MS = 30_000

/** What a process had used at a moment. */
export interface Reading {
  /** Milliseconds on the clock of `performance`. */
  readonly at: number
  /** Milliseconds of CPU time, user and system, of all its threads, those that have ended as well. */
  readonly cpu: number
}

export interface CpuOptions {
  /** Windows of rest, one after the other, and how long each is. */
  readonly idle: { readonly windows: number; readonly windowMs: number }
  /** Seconds of changes. */
  readonly busySeconds: number
}

/** P10 at rest: no object changes; what is left is timers, bookmarks and the reading back of maps. */
export async function measureIdleCpu(
  rig: Rig,
  { windows, windowMs }: CpuOptions['idle'],
  what: string,
): Promise<Measurement> {
  const readings = [read(rig)]
  for (let window = 0; window < windows; window++) {
    await sleep(windowMs)
    readings.push(read(rig))
  }
  return {
    ...about(rig),
    metric: `idle for ${Math.round((windows * windowMs) / 1e3)} s, ${what}`,
    ...milliCpu(readings),
    goal: { kind: 'at most', limit: 2 },
  }
}

/**
 * P10 under change: 100 endpoint changes a second, whether or not the agent keeps up, each of another
 * Service, so that none can merge with another.
 *
 * @throws Error where the agent's counter shows fewer or more changes than were made
 */
export async function measureBusyCpu(
  rig: Rig,
  seconds: number,
  what: string,
): Promise<Measurement[]> {
  const order = shuffled(rig.population.wide)
  const total = seconds * CHANGES_PER_SECOND
  const before = await counters(rig)
  const sent: Promise<string>[] = []
  const begun = performance.now()
  const readings = [read(rig)]
  for (let change = 0; change < total; change++) {
    const due = begun + change * (1e3 / CHANGES_PER_SECOND)
    await sleep(Math.max(0, due - performance.now()))
    if (change > 0 && change % CHANGES_PER_SECOND === 0) readings.push(read(rig))
    const write = rig.population.changeOne(order[change % order.length])
    // Told of by the `all` below; until then nobody listens.
    write.catch(() => undefined)
    sent.push(write)
  }
  await Promise.all(sent)
  readings.push(read(rig))
  const written = (performance.now() - begun) / 1e3
  let after = before
  await rig.agent?.until(
    `the agent has published ${total} changes`,
    async () => {
      after = await counters(rig)
      return after.changes - before.changes >= total
    },
    PUBLISHED_TIMEOUT_MS,
  )
  const published = after.changes - before.changes
  if (published !== total) throw new Error(`${total} changes gave ${published} published ones`)
  const where = `while ${CHANGES_PER_SECOND} endpoints change a second, ${what}`
  return [
    {
      ...about(rig),
      metric: where,
      ...milliCpu(readings),
      goal: { kind: 'at most', limit: 100 },
    },
    {
      ...plain(
        { ...about(rig), unit: '/s', metric: `changes made, all of them published, ${where}` },
        total / written,
      ),
      // What is asked for less often costs less.
      goal: { kind: 'at least', limit: 0.98 * CHANGES_PER_SECOND },
    },
    plain(
      { ...about(rig), unit: '/s', metric: `syncs ${where}` },
      (after.syncs - before.syncs) / written,
    ),
  ]
}

function about(rig: Rig) {
  return { id: 'P10', unit: 'mCPU', arm: 'kproxy', size: rig.population.size } as const
}

function read(rig: Rig): Reading {
  const cpu = cpuTimeOf(readFileSync(`/proc/${rig.pid('kproxy')}/stat`, 'utf8'))
  return { at: performance.now(), cpu }
}

/** Milliseconds of CPU time by a line of /proc/PID/stat; the command in it may hold anything. */
export function cpuTimeOf(stat: string): number {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  // proc(5) counts from 1, and the state behind the command is number 3: utime 14, stime 15.
  const [utime = Number.NaN, stime = Number.NaN] = fields.slice(11, 13)
  return (utime + stime) * TICK_MS
}

/** Thousandths of a CPU over all readings; the interval resamples what lies between two. */
export function milliCpu(readings: readonly Reading[]): Estimate {
  const windows = readings.slice(1).map((reading, index) => {
    const { at, cpu } = readings[index] as Reading
    return ((reading.cpu - cpu) / (reading.at - at)) * 1e3
  })
  const [first, last] = [readings[0], readings.at(-1)]
  if (first === undefined || last === undefined || first === last) {
    throw new Error('a share of CPU needs two readings')
  }
  const { low, high } = bootstrap(windows, mean)
  return { value: ((last.cpu - first.cpu) / (last.at - first.at)) * 1e3, low, high }
}

interface Counters {
  /** Service ports whose kernel state changed. */
  readonly changes: number
  readonly syncs: number
}

async function counters(rig: Rig): Promise<Counters> {
  const { text } = await httpGet(rig.lab.node('kproxy'), METRICS)
  return {
    changes: sampleOf(text, 'kproxy_sync_changes_total'),
    syncs: sampleOf(text, 'kproxy_syncs_total{result="success"}'),
  }
}

/**
 * A sample of a metrics page.
 * @throws Error where the page does not have it
 */
export function sampleOf(page: string, series: string): number {
  const line = page.split('\n').find((candidate) => candidate.startsWith(`${series} `))
  if (line === undefined) throw new Error(`the metrics have no ${series}`)
  return Number(line.slice(series.length + 1))
}
