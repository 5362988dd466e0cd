import { parentPort, workerData } from 'node:worker_threads'
import { ROUND, runRound } from './round.ts'

/** What a worker is told: its share of the rounds, and where to note what it is at. */
export interface Share {
  readonly seed: number
  readonly inputs: number
  readonly worker: number
  readonly workers: number
  /** Seed of the round and number of the input that this worker is at. */
  readonly at: Int32Array
}

const { seed, inputs, worker, workers, at } = workerData as Share
const rounds = Math.ceil(inputs / ROUND)
for (let round = worker; round < rounds; round += workers) {
  const count = Math.min(ROUND, inputs - round * ROUND)
  at[0] = seed + round
  const report = await runRound(seed + round, count, (index) => {
    at[1] = index
  })
  parentPort?.postMessage(report)
}
