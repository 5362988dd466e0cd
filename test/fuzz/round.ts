import type { Limits } from '../../control/mode/ebpf/kernel-maps.ts'
import { SMALL } from '../unit/mode/fake-maps.ts'
import { deliver, describeInput, makeInput, type Outcome } from './input.ts'
import { Random } from './random.ts'
import { Target } from './target.ts'

/** Inputs to one agent, from an empty one to an empty one: what one seed repeats. */
export const ROUND = 250

/** Maps in which nearly everything fits. */
const LARGE: Limits = {
  services: 2_048,
  slots: 65_536,
  backends: 32_768,
  members: 65_536,
  sourceRanges: 4_096,
  addresses: 1_024,
  serviceCidrs: 64,
}

/** CPU time of a thread that no single input may take, in milliseconds: a guard against what never ends. */
const INPUT_CPU_MS = 10_000

export interface RoundReport {
  readonly seed: number
  readonly outcomes: Record<Outcome, number>
  /** The most CPU time that an input took, its syncs included, in milliseconds. */
  slowestMs: number
}

/** A finding: what an input did that none may do. */
export class Finding extends Error {
  override readonly name = 'Finding'
}

/**
 * Feeds one agent so many hostile inputs.
 *
 * @param atInput is told the number of each input before it is delivered
 * @throws {Finding} with the seed that repeats it
 */
export async function runRound(
  seed: number,
  inputs: number,
  atInput: (index: number) => void = () => {},
): Promise<RoundReport> {
  const random = new Random(seed)
  const target = await Target.create(random.oneIn(8) ? LARGE : SMALL)
  const report: RoundReport = {
    seed,
    outcomes: { taken: 0, rejected: 0, 'passed over': 0 },
    slowestMs: 0,
  }
  for (let index = 0; index < inputs; index++) {
    atInput(index)
    const input = makeInput(random)
    const begun = threadCpuMs()
    try {
      report.outcomes[deliver(input, target, random)]++
      if (random.oneIn(3)) await target.sync()
      if (random.oneIn(12)) target.checkKernel()
    } catch (error) {
      throw finding(seed, index, describeInput(input), error)
    }
    const spent = threadCpuMs() - begun
    report.slowestMs = Math.max(report.slowestMs, spent)
    if (spent > INPUT_CPU_MS) {
      throw finding(
        seed,
        index,
        describeInput(input),
        new Error(`took ${Math.round(spent)} ms of CPU`),
      )
    }
  }
  try {
    await target.sync()
    target.checkKernel()
    await target.clear()
  } catch (error) {
    throw finding(seed, inputs, 'after the last input', error)
  }
  return report
}

function finding(seed: number, index: number, what: string, cause: unknown): Finding {
  const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
  return new Finding(
    `input ${index} of the round with seed ${seed}: ${message}\n  ${what}\n` +
      `repeat it with FUZZ_SEED=${seed} FUZZ_INPUTS=${ROUND}`,
    { cause },
  )
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1e3
}
