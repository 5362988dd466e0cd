/**
 * What one event costs in the model, with few and with many Services around: apply and take, without
 * decoding before and maps after it. M1 of `make bench` is this.
 *
 *   node [--expose-gc] test/bench/model.ts [--sizes 1000,10000,30000] [--rounds 10] [--json]
 *
 * Prints p50 and p99 in microseconds, and by how much the p50 grows with each further 10,000 Services:
 * next to nothing, most of it below 10,000, where nearly all slices fit into those that stay open. With
 * --expose-gc it also prints what a model retains. --json prints {@link ModelSeries} instead.
 */
import { parseArgs } from 'node:util'
import { type ModelSeries, measureModelHere, modelMegabytes, modelResults } from './model-cost.ts'
import { quantile } from './stats.ts'

function main(): void {
  const { values } = parseArgs({
    options: {
      sizes: { type: 'string', default: '1000,10000,30000' },
      rounds: { type: 'string', default: '10' },
      json: { type: 'boolean', default: false },
    },
  })
  const sizes = values.sizes.split(',').map((text) => positive('--sizes', text))
  const rounds = positive('--rounds', values.rounds)
  if (values.json) {
    process.stdout.write(JSON.stringify(measureModelHere({ sizes, rounds })))
    return
  }
  if (globalThis.gc !== undefined) sizes.forEach(weigh)
  report(measureModelHere({ sizes, rounds }))
}

function positive(flag: string, text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number > 0) return number
  throw new Error(`${flag}: "${text}" is not a whole number above 0`)
}

function report(series: readonly ModelSeries[]): void {
  print('EVENT', 'SERVICES', 'ENDPOINTS', 'p50 us', 'p99 us')
  for (const { event, services, endpoints, p99, medians } of series) {
    const p50 = quantile(medians, 0.5)
    print(event, services, endpoints, p50.toFixed(1), p99.toFixed(1))
  }
  print('')
  print('p50 us for each further 10,000 Services, with its 95 % interval')
  for (const { metric, value, low, high } of modelResults(series)) {
    if (!metric.startsWith('slope')) continue
    print(`${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]  ${metric}`)
  }
}

/** In a function of its own, so that nothing of one model is alive when the next is weighed. */
function weigh(services: number): void {
  const { megabytes, endpoints } = modelMegabytes(services)
  print('retained', `${megabytes.toFixed(1)} MB by ${services} Services, ${endpoints} endpoints`)
}

function print(...cells: readonly (string | number)[]): void {
  const [first = '', ...rest] = cells.map(String)
  const line = [first.padEnd(10), ...rest.map((cell) => cell.padStart(10))].join(' ')
  process.stdout.write(`${line.trimEnd()}\n`)
}

main()
