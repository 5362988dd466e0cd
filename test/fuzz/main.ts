/**
 * `make fuzz`: hostile objects, by the million. FUZZ_INPUTS says how many, FUZZ_SEED where to begin; the
 * message of a finding says which seed repeats it.
 */
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { wholeNumber } from './environment.ts'
import { ROUND, type RoundReport } from './round.ts'
import type { Share } from './worker.ts'

/** An input that takes longer than this never ends, or might as well not, in milliseconds. */
const STUCK_MS = 120_000
/** What the objects of one round may keep, with all code: as much as an agent may have, in megabytes. */
const HEAP_MB = 384

const seed = wholeNumber('FUZZ_SEED') ?? Date.now() % 2 ** 31
const inputs = wholeNumber('FUZZ_INPUTS') ?? 1_000_000
const workers = Math.min(availableParallelism(), Math.ceil(inputs / ROUND))
const outcomes = { taken: 0, rejected: 0, 'passed over': 0 }
let slowest = { seed: 0, slowestMs: 0 }
let saidAt = performance.now()
const begunAt = saidAt

process.stdout.write(`${inputs} hostile inputs in ${workers} workers, seed ${seed}\n`)
await Promise.all(Array.from({ length: workers }, (_, worker) => follow(worker)))
const { user, system } = process.cpuUsage()
process.stdout.write(
  `${describe()} in ${seconds()} s, ${Math.round((user + system) / 1e6)} s of CPU; ` +
    `the slowest took ${Math.round(slowest.slowestMs)} ms of CPU (seed ${slowest.seed}); nothing found\n`,
)

/** Runs one worker to its end; a finding ends the process. */
async function follow(worker: number): Promise<void> {
  const at = new Int32Array(new SharedArrayBuffer(8))
  const share: Share = { seed, inputs, worker, workers, at }
  const thread = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: share,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  })
  const guard = watch(at)
  thread.on('message', note)
  thread.on('error', (error) => end(error.message, at))
  await once(thread, 'exit')
  clearInterval(guard)
}

function note(report: RoundReport): void {
  for (const outcome of Object.keys(outcomes) as (keyof typeof outcomes)[]) {
    outcomes[outcome] += report.outcomes[outcome]
  }
  if (report.slowestMs > slowest.slowestMs) slowest = report
  if (performance.now() - saidAt < 10_000) return
  saidAt = performance.now()
  process.stdout.write(`${describe()} after ${seconds()} s\n`)
}

/** Ends the process should the worker be at the same input for too long. */
function watch(at: Int32Array): NodeJS.Timeout {
  let before = ''
  return setInterval(() => {
    const now = at.join('/')
    if (now === before) end(`no end within ${STUCK_MS / 1e3} s`, at)
    before = now
  }, STUCK_MS)
}

function end(message: string, at: Int32Array): void {
  const place = `input ${at[1]} of the round with seed ${at[0]}`
  process.stderr.write(
    `finding at ${place}: ${message}\n\nmake fuzz FUZZ_SEED=${at[0]} FUZZ_INPUTS=${ROUND} repeats it\n`,
  )
  process.exit(1)
}

function describe(): string {
  const total = Object.values(outcomes).reduce((sum, count) => sum + count, 0)
  const parts = Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`)
  return `${total} inputs (${parts.join(', ')})`
}

function seconds(): number {
  return Math.round((performance.now() - begunAt) / 1e3)
}
