/** Upper bounds in seconds that double from `first`, `count` of them. */
export function doubling(first: number, count: number): number[] {
  // Bounds become label values: 0.001 * 2 ** 9 must read 0.512, whatever binary fractions make of it.
  return Array.from({ length: count }, (_, index) => Number((first * 2 ** index).toPrecision(12)))
}

/** From `first` to `last` in equal steps. */
function stepping(first: number, last: number, step: number): number[] {
  return Array.from({ length: (last - first) / step + 1 }, (_, index) => first + index * step)
}

/** kube-proxy's buckets for the duration of a sync (8.5, E). */
export const SYNC_BUCKETS = doubling(0.001, 15)

/** kube-proxy's buckets for the time from a cause in the cluster to its effect here (8.5, N), 0 among them. */
export const PROGRAMMING_BUCKETS = [
  ...[0, 0.25, 0.5],
  ...stepping(1, 59, 1),
  ...stepping(60, 115, 5),
  ...stepping(120, 300, 30),
]

/** From 100 us, where our own times begin, to 6.6 s. */
export const FINE_BUCKETS = doubling(0.0001, 17)

/** The buckets that all Kubernetes components use for requests to the API server, in seconds. */
export const REQUEST_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]

/** The same for the sizes of requests and answers, in bytes. */
export const SIZE_BUCKETS = [
  ...[64, 256, 512, 1024, 4096, 16_384, 65_536, 262_144],
  ...[1_048_576, 4_194_304, 16_777_216],
]
