/** Pearson's statistic of counts that should all be equal. */
export function chiSquareOf(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const expected = total / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

/** z of 1 - 10^-6: one run in a million of a fair choice is taken for an unfair one. */
const Z = 4.7534

/**
 * What the statistic of a fair choice among `cells` exceeds once in a million runs, by the approximation
 * of Wilson and Hilferty (1931).
 */
export function chiSquareLimit(cells: number): number {
  const freedom = cells - 1
  const spread = 2 / (9 * freedom)
  return freedom * (1 - spread + Z * Math.sqrt(spread)) ** 3
}
