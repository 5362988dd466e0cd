/**
 * The statistics of the benchmarks: pure functions of numbers.
 *
 * Ratios are taken inside a round, where both arms met the same machine, and a claim is the median of
 * those ratios with a bootstrap interval. Percentiles of tails come from pooled samples, never from
 * averaging percentiles.
 */

/** A value with its 95 % interval. */
export interface Estimate {
  readonly value: number
  readonly low: number
  readonly high: number
}

export const RESAMPLES = 5_000
const SEED = 20_261_121

/** mulberry32: uniform in [0, 1), the same sequence for the same seed on every machine. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * All values in an order drawn at random, the same one in every run.
 * @param turn another number, another order
 */
export function shuffled<T>(values: readonly T[], turn = 0): T[] {
  const random = seededRandom(SEED + turn)
  const result = [...values]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const [a, b] = [result[last] as T, result[other] as T]
    result[last] = b
    result[other] = a
  }
  return result
}

/** The q-quantile (0..1) with linear interpolation between order statistics; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * q
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** `statistic` of the values with the 95 % percentile interval over seeded resamples. */
export function bootstrap(
  values: readonly number[],
  statistic: (values: readonly number[]) => number = median,
  resamples: number = RESAMPLES,
): Estimate {
  const random = seededRandom(SEED)
  const results = Array.from({ length: resamples }, () => statistic(resample(values, random)))
  return interval(statistic(values), results)
}

/** One point of a curve: what each round measured at `x`. */
export interface CurvePoint {
  readonly x: number
  readonly values: readonly number[]
}

/**
 * Slope of the straight line through the medians at each x, by least squares, in units of y per
 * unit of x. The interval resamples the rounds of each point.
 */
export function slope(points: readonly CurvePoint[], resamples: number = RESAMPLES): Estimate {
  const xs = points.map((point) => point.x)
  const random = seededRandom(SEED)
  const results = Array.from({ length: resamples }, () =>
    leastSquares(
      xs,
      points.map((point) => median(resample(point.values, random))),
    ),
  )
  return interval(
    leastSquares(
      xs,
      points.map((point) => median(point.values)),
    ),
    results,
  )
}

function leastSquares(xs: readonly number[], ys: readonly number[]): number {
  const meanX = mean(xs)
  const meanY = mean(ys)
  let covariance = 0
  let variance = 0
  xs.forEach((x, i) => {
    covariance += (x - meanX) * ((ys[i] ?? Number.NaN) - meanY)
    variance += (x - meanX) ** 2
  })
  return covariance / variance
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function resample(values: readonly number[], random: () => number): number[] {
  return values.map(() => values[Math.floor(random() * values.length)] ?? Number.NaN)
}

function interval(value: number, results: readonly number[]): Estimate {
  return { value, low: quantile(results, 0.025), high: quantile(results, 0.975) }
}

/** Sub-bucket bits of the histograms that client.c writes. */
const SUB_BITS = 6
const SUB_BUCKETS = 2 ** SUB_BITS

/** The smallest value of a histogram bucket; the twin of bucket_of() in client.c. */
export function bucketStart(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1
  return (SUB_BUCKETS + (bucket % SUB_BUCKETS)) * 2 ** shift
}

/** Sparse histogram as client.c writes it: bucket, count, bucket, count, ... */
export type SparseHistogram = readonly number[]

/** Percentile (0..1) of all samples of several histograms together, placed inside its bucket. */
export function pooledQuantile(histograms: readonly SparseHistogram[], q: number): number {
  const counts = new Map<number, number>()
  let total = 0
  for (const histogram of histograms) {
    for (let i = 0; i + 1 < histogram.length; i += 2) {
      const bucket = histogram[i] ?? 0
      const count = histogram[i + 1] ?? 0
      counts.set(bucket, (counts.get(bucket) ?? 0) + count)
      total += count
    }
  }
  let rank = q * total
  for (const [bucket, count] of [...counts].sort(([a], [b]) => a - b)) {
    if (rank <= count) {
      const start = bucketStart(bucket)
      return start + (bucketStart(bucket + 1) - start) * (rank / count)
    }
    rank -= count
  }
  return Number.NaN
}
