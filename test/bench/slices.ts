import { bootstrap, type Estimate, median, pooledQuantile, type SparseHistogram } from './stats.ts'

/** Rounds in which the hypervisor took more than this share of the CPUs do not count. Fixed beforehand. */
export const STEAL_LIMIT = 0.05

/** One arm in one round, as client.c writes it; times in nanoseconds. */
export interface Slice {
  readonly round: number
  readonly arm: string
  readonly count: number
  readonly failures: number
  readonly error: string
  readonly p50: number
  readonly p99: number
  readonly mean: number
  readonly histogram: SparseHistogram
}

interface RoundEnd {
  readonly round: number
  readonly steal: number
}

/** All slices of one run of the client. */
export interface Run {
  /** Slices of rounds that count. */
  readonly slices: readonly Slice[]
  readonly rounds: number
  /** Rounds thrown away, see {@link readRun}. */
  readonly discarded: readonly number[]
  /** Largest steal of a round that counts. */
  readonly steal: number
}

/**
 * Reads the client's JSON lines. A round does not count with too much steal, or when an arm got so
 * little CPU that it finished nothing: neither has to do with the arm.
 *
 * @throws Error when an arm measured nothing but failures: its ratio would mean nothing.
 */
export function readRun(text: string): Run {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Slice | RoundEnd)
  const all = lines.filter((line): line is Slice => 'arm' in line)
  const broken = all.find((slice) => slice.count === 0 && slice.failures > 0)
  if (broken !== undefined) {
    throw new Error(`arm ${broken.arm} failed in round ${broken.round}: ${broken.error}`)
  }
  const ends = lines.filter((line): line is RoundEnd => 'steal' in line)
  const starved = new Set(all.filter((slice) => slice.count === 0).map((slice) => slice.round))
  const counts = (end: RoundEnd) => end.steal <= STEAL_LIMIT && !starved.has(end.round)
  const kept = ends.filter(counts)
  if (kept.length === 0) {
    throw new Error(
      `none of ${ends.length} rounds counts (steal, starvation): the machine is too busy`,
    )
  }
  const rounds = new Set(kept.map((end) => end.round))
  return {
    slices: all.filter((slice) => rounds.has(slice.round)),
    rounds: rounds.size,
    discarded: ends.filter((end) => !counts(end)).map((end) => end.round),
    steal: Math.max(...kept.map((end) => end.steal)),
  }
}

/** p50 of each round of one arm, by round. */
export function medians(run: Run, arm: string): Map<number, number> {
  const result = new Map<number, number>()
  for (const slice of run.slices) if (slice.arm === arm) result.set(slice.round, slice.p50)
  if (result.size === 0) throw new Error(`no slices of arm ${arm}`)
  return result
}

/** p50 of `arm` over p50 of `base` inside each round: the median of the ratios. */
export function ratio(run: Run, arm: string, base: string): Estimate {
  return bootstrap(perRound(run, arm, base, (a, b) => a / b))
}

/** p50 of `arm` minus p50 of `base`, per round, ns. */
export function differences(run: Run, arm: string, base: string): number[] {
  return perRound(run, arm, base, (a, b) => a - b)
}

function perRound(
  run: Run,
  arm: string,
  base: string,
  combine: (arm: number, base: number) => number,
): number[] {
  const bases = medians(run, base)
  return [...medians(run, arm)].map(([round, value]) =>
    combine(value, bases.get(round) ?? Number.NaN),
  )
}

/** What one arm did over all rounds. */
export interface ArmSummary {
  readonly count: number
  readonly failures: number
  readonly error: string
  /** Median of the rounds' medians, ns. */
  readonly p50: number
  /** Of all samples together, ns. */
  readonly p99: number
}

export function summary(run: Run, arm: string): ArmSummary {
  const slices = run.slices.filter((slice) => slice.arm === arm)
  const sum = (pick: (slice: Slice) => number) =>
    slices.reduce((total, slice) => total + pick(slice), 0)
  return {
    count: sum((slice) => slice.count),
    failures: sum((slice) => slice.failures),
    error: slices.find((slice) => slice.error !== '')?.error ?? '',
    p50: median(slices.map((slice) => slice.p50)),
    p99: pooledQuantile(
      slices.map((slice) => slice.histogram),
      0.99,
    ),
  }
}
