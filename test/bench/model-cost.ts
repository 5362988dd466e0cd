import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { EVENTS, type EventName, ModelLoad } from './model-load.ts'
import type { Measurement } from './results.ts'
import { bootstrap, quantile, shuffled, slope } from './stats.ts'

export interface ModelOptions {
  /** Numbers of Services. */
  readonly sizes: readonly number[]
  readonly rounds: number
}

/** What one kind of event cost among so many Services. */
export interface ModelSeries {
  readonly event: EventName
  readonly services: number
  /** Of each Service. */
  readonly endpoints: number
  /** Median of each round, microseconds. */
  readonly medians: readonly number[]
  /** Of all events together, microseconds. */
  readonly p99: number
}

const ENDPOINTS = 10
/** One Service as large as they come. */
const LARGE = 5_000
/** Uncounted events before those of a round. */
const WARM_UP = 500
const EVENTS_A_ROUND = 500
/** Services for which the slope is given. */
const STEP = 10_000

const PROGRAM = fileURLToPath(new URL('model.ts', import.meta.url))

/**
 * Measures in this process. A round asks every model about every event, in an order drawn anew: what
 * the machine does meanwhile, and the compiler, is the same for all sizes.
 */
export function measureModelHere({ sizes, rounds }: ModelOptions): ModelSeries[] {
  const events = Object.keys(EVENTS) as EventName[]
  const subjects: Subject[] = sizes.flatMap((services) => {
    const load = new ModelLoad(services, ENDPOINTS)
    return events.map((event) => ({ load, event, services, endpoints: ENDPOINTS, rounds: [] }))
  })
  subjects.push({
    load: new ModelLoad(1, LARGE),
    event: 'endpoint',
    services: 1,
    endpoints: LARGE,
    rounds: [],
  })
  for (let round = 0; round < rounds; round++) {
    for (const { load, event, rounds } of shuffled(subjects, round)) {
      // The caches are those of the model before.
      load.measure(event, WARM_UP)
      rounds.push(load.measure(event, EVENTS_A_ROUND))
    }
  }
  return subjects.map(({ event, services, endpoints, rounds }) => ({
    event,
    services,
    endpoints,
    medians: rounds.map((times) => quantile(times, 0.5)),
    p99: quantile(rounds.flat(), 0.99),
  }))
}

interface Subject {
  readonly load: ModelLoad
  readonly event: EventName
  readonly services: number
  readonly endpoints: number
  /** Microseconds of each event, by round. */
  readonly rounds: number[][]
}

/** M1, in a process of its own: the heap of this one would be in it. */
export async function measureModel(options: ModelOptions): Promise<Measurement[]> {
  const args = ['--no-warnings', PROGRAM, '--json']
  args.push('--sizes', options.sizes.join(), '--rounds', String(options.rounds))
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return modelResults(JSON.parse(stdout))
}

export function modelResults(series: readonly ModelSeries[]): Measurement[] {
  const about = { id: 'M1', arm: 'kproxy' } as const
  return [
    ...series.map(({ event, services, endpoints, medians }) => ({
      ...about,
      metric: `p50, ${EVENTS[event]}, ${endpoints} endpoints each`,
      unit: 'us',
      size: services,
      ...bootstrap(medians),
    })),
    ...curves(series).map((points) => ({
      ...about,
      metric: `slope of p50, ${EVENTS[points[0].event]}, ${ENDPOINTS} endpoints each`,
      unit: `us/${STEP} Services`,
      size: Math.max(...points.map(({ services }) => services)),
      ...slope(points.map(({ services, medians }) => ({ x: services / STEP, values: medians }))),
    })),
  ]
}

/** The series of each kind of event, where there are several sizes. */
export function curves(series: readonly ModelSeries[]): [ModelSeries, ...ModelSeries[]][] {
  return (Object.keys(EVENTS) as EventName[]).flatMap((event) => {
    const [first, ...more] = series.filter(
      (one) => one.event === event && one.endpoints === ENDPOINTS,
    )
    return first === undefined || more.length === 0 ? [] : [[first, ...more]]
  })
}

/** Megabytes that a model retains; NaN where the process runs without --expose-gc. */
export function modelMegabytes(services: number): { megabytes: number; endpoints: number } {
  const { gc } = globalThis
  const heap = () => {
    gc?.()
    return gc === undefined ? Number.NaN : process.memoryUsage().heapUsed
  }
  const before = heap()
  const load = new ModelLoad(services, ENDPOINTS)
  const megabytes = (heap() - before) / 1e6
  return { megabytes, endpoints: load.model.counts.endpoints }
}
