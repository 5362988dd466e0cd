/** How patient a reflector is; tests are less so. Milliseconds unless named otherwise. */
export interface Timing {
  /** From sending a request to the head of its answer, and between pieces of a list. */
  readonly answer: number
  /** Longest silence while the initial objects of a streamed list arrive, their end mark included. */
  readonly initialSilence: number
  /** Longest time for all initial objects of a streamed list. */
  readonly initialTotal: number
  /** Longest silence of a watch. Servers send a bookmark about every minute. */
  readonly silence: number
  /** A stream that has lived this long has recovered: delays start small again. */
  readonly calm: number
  /** A watch that ends sooner, with nothing said, counts as a failure. */
  readonly short: number
  /**
   * Until a server is asked again for a kind that it does not have, at first and at last: one that has
   * just started may refuse what it has.
   */
  readonly absent: readonly [number, number]
  /** Objects on one page of a list. */
  readonly pageSize: number
  /** Range of the time after which the server ends a watch, in seconds (AP-20). */
  readonly watchSeconds: readonly [number, number]
}

export const defaultTiming: Timing = {
  answer: 15_000,
  initialSilence: 10_000,
  initialTotal: 60_000,
  silence: 150_000,
  calm: 10_000,
  short: 1_000,
  absent: [1_000, 300_000],
  pageSize: 500,
  watchSeconds: [300, 600],
}
