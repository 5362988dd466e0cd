import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bootstrap,
  bucketStart,
  median,
  pooledQuantile,
  quantile,
  seededRandom,
  shuffled,
  slope,
} from '../../bench/stats.ts'

describe('quantiles', () => {
  test('the median of an even number of values lies between the middle two', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })

  test('quantiles interpolate and reach both ends', () => {
    expect([0, 0.25, 1].map((q) => quantile([10, 20, 30, 40, 50], q))).toEqual([10, 20, 50])
  })

  test('nothing has no median', () => {
    expect(median([])).toBeNaN()
  })
})

describe('an order drawn at random', () => {
  const values = Array.from({ length: 100 }, (_, index) => index)

  test('holds every value once and leaves the list as it was', () => {
    const order = shuffled(values)
    expect(order).not.toEqual(values)
    expect([...order].sort((a, b) => a - b)).toEqual(values)
    expect(values[0]).toBe(0)
  })

  test('is the same in every run, and another in another turn', () => {
    expect(shuffled(values, 3)).toEqual(shuffled(values, 3))
    expect(shuffled(values, 3)).not.toEqual(shuffled(values, 4))
    expect(shuffled([])).toEqual([])
  })
})

describe('bootstrap', () => {
  test('the interval holds the estimate and lies within the data', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 3, maxLength: 30 }),
        (values) => {
          const { value, low, high } = bootstrap(values, median, 200)
          expect(value).toBe(median(values))
          expect(low).toBeLessThanOrEqual(high)
          expect(low).toBeGreaterThanOrEqual(Math.min(...values))
          expect(high).toBeLessThanOrEqual(Math.max(...values))
        },
      ),
    )
  })

  test('the same values give the same interval every time', () => {
    const values = [1.01, 0.99, 1.02, 1, 0.98, 1.03, 1.01]
    expect(bootstrap(values)).toEqual(bootstrap(values))
  })

  test('more of the same rounds narrow the interval', () => {
    const random = seededRandom(7)
    const values = Array.from({ length: 400 }, () => 1 + (random() - 0.5) * 0.1)
    const few = bootstrap(values.slice(0, 10))
    const many = bootstrap(values)
    expect(many.high - many.low).toBeLessThan((few.high - few.low) / 2)
  })

  test('an interval of 95 % misses the truth in about one of twenty experiments', () => {
    const random = seededRandom(11)
    let missed = 0
    for (let experiment = 0; experiment < 200; experiment++) {
      const { low, high } = bootstrap(
        Array.from({ length: 30 }, () => random()),
        median,
        400,
      )
      if (low > 0.5 || high < 0.5) missed++
    }
    expect(missed).toBeGreaterThan(1)
    expect(missed).toBeLessThan(24)
  })
})

describe('slope', () => {
  test('a straight line gives its slope without any width', () => {
    const points = [1, 100, 1000, 10_000].map((x) => ({ x, values: [5 + 3 * x, 5 + 3 * x] }))
    const { value, low, high } = slope(points, 50)
    for (const bound of [value, low, high]) expect(bound).toBeCloseTo(3, 9)
  })

  test('noise around a constant gives an interval that contains zero', () => {
    const random = seededRandom(3)
    const points = [1, 100, 1000, 10_000].map((x) => ({
      x,
      values: Array.from({ length: 30 }, () => 30_000 + 500 * (random() - 0.5)),
    }))
    const { low, high } = slope(points, 500)
    expect(low).toBeLessThan(0)
    expect(high).toBeGreaterThan(0)
  })
})

describe('histograms', () => {
  test('bucket starts grow, are exact below 64 and at most 1/64 apart above', () => {
    for (let bucket = 0; bucket < 64; bucket++) expect(bucketStart(bucket)).toBe(bucket)
    for (let bucket = 64; bucket < 2000; bucket++) {
      const width = bucketStart(bucket + 1) - bucketStart(bucket)
      expect(width).toBeGreaterThan(0)
      expect(width / bucketStart(bucket)).toBeLessThanOrEqual(1 / 64)
    }
  })

  test('buckets of the client are read back where the client put them', () => {
    // bucket_of(18_048) and bucket_of(119_268) as client.c computes them.
    expect(bucketStart(582)).toBeLessThanOrEqual(18_048)
    expect(bucketStart(583)).toBeGreaterThan(18_048)
    expect(bucketStart(756)).toBeLessThanOrEqual(119_268)
    expect(bucketStart(757)).toBeGreaterThan(119_268)
  })

  test('a pooled percentile counts samples, not slices', () => {
    const fast = [10, 990]
    const slow = [50, 10]
    expect(pooledQuantile([fast, slow], 0.5)).toBeLessThan(11)
    expect(pooledQuantile([fast, slow], 0.995)).toBeGreaterThanOrEqual(50)
  })
})
