/**
 * What one event costs in the model, with few and with many Services around: apply and take, without
 * decoding before and maps after it.
 *
 *   node [--expose-gc] test/bench/model.ts
 *
 * Prints p50 and p99 in microseconds, and by how much the p50 grows with each further 10,000 Services:
 * next to nothing, most of it below 10,000, where nearly all slices fit into those that stay open. With
 * --expose-gc it also prints what a model retains.
 */
import { EVENTS, type EventName, ModelLoad } from './model-load.ts'
import { type CurvePoint, quantile, slope } from './stats.ts'

const SIZES = [1_000, 10_000, 30_000]
const ENDPOINTS = 10
/** One Service as large as they come. */
const LARGE = 5_000
const WARM_UP = 2_000
const ROUNDS = 10
const EVENTS_A_ROUND = 500

function main(): void {
  const names = Object.keys(EVENTS) as EventName[]
  const curves = new Map<EventName, CurvePoint[]>(names.map((name) => [name, []]))
  for (const size of SIZES) weigh(size)
  print('EVENT', 'SERVICES', 'ENDPOINTS', 'p50 us', 'p99 us')
  for (const size of SIZES) {
    const load = new ModelLoad(size, ENDPOINTS)
    for (const name of names) {
      const { medians, all } = sample(load, name)
      curves.get(name)?.push({ x: size / 10_000, values: medians })
      report(name, size, ENDPOINTS, all)
    }
  }
  report('endpoint', 1, LARGE, sample(new ModelLoad(1, LARGE), 'endpoint').all)
  print('')
  print('EVENT', 'p50 us for each further 10,000 Services, with its 95 % interval')
  for (const [name, points] of curves) {
    const { value, low, high } = slope(points)
    print(name, `${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]  ${EVENTS[name]}`)
  }
}

function sample(load: ModelLoad, name: EventName): { medians: number[]; all: number[] } {
  load.measure(name, WARM_UP)
  const rounds = Array.from({ length: ROUNDS }, () => load.measure(name, EVENTS_A_ROUND))
  return { medians: rounds.map((times) => quantile(times, 0.5)), all: rounds.flat() }
}

function report(name: EventName, size: number, endpoints: number, times: readonly number[]): void {
  const [p50, p99] = [0.5, 0.99].map((q) => quantile(times, q).toFixed(1))
  print(name, size, endpoints, p50 ?? '', p99 ?? '')
}

/** In a function of its own, so that nothing of one model is alive when the next is weighed. */
function weigh(size: number): void {
  const { gc } = globalThis
  if (gc === undefined) return
  const heap = () => {
    gc()
    return process.memoryUsage().heapUsed
  }
  const before = heap()
  const load = new ModelLoad(size, ENDPOINTS)
  const megabytes = (heap() - before) / 1e6
  const { services, endpoints } = load.model.counts
  print('retained', `${megabytes.toFixed(1)} MB by ${services} Services, ${endpoints} endpoints`)
}

function print(...cells: readonly (string | number)[]): void {
  const [first = '', ...rest] = cells.map(String)
  const line = [first.padEnd(10), ...rest.map((cell) => cell.padStart(10))].join(' ')
  process.stdout.write(`${line.trimEnd()}\n`)
}

main()
