import type { Estimate } from './stats.ts'

/** The benchmark numbers of the project: what each of them asks. */
export const QUESTIONS = {
  P1: 'connect() to a Service among many, against direct pod-to-pod',
  P2: 'connect() to the only Service, against direct pod-to-pod',
  P3: 'growth of connect() with the number of Services',
  P4: 'one-byte exchanges on an open socket, rate against direct',
  P7: 'one endpoint change: event bytes received to record published',
  P8: 'cold start: exec to everything published',
  P9: 'memory of the agent and of its maps',
  P10: 'CPU of the agent, idle and while endpoints change (1000 mCPU is one CPU)',
  P12: 'endpoint change at the API server to first connection at the new endpoint',
  P13: 'pod-to-pod connect() that concerns no Service, against a bare node',
  P14: 'connect() by scheduler, with affinity and to other frontends, against direct pod-to-pod',
  M1: 'one event in the model alone, with few and with many Services around',
} as const

export type BenchId = keyof typeof QUESTIONS

/** What is to be reached. `contains`: the interval holds the limit; `reaches`: see {@link isMet}. */
export interface Goal {
  readonly kind: 'at most' | 'at least' | 'contains' | 'reaches'
  readonly limit: number
}

/** One number of the report. */
export interface Result extends Estimate {
  readonly id: BenchId
  readonly metric: string
  readonly unit: string
  readonly arm: string
  /** Services on the API server; endpoints per Service are named in the metric where they matter. */
  readonly size: number
  /** As text, `<= 1.02`; null: reported for comparison only. */
  readonly goal: string | null
  readonly met: boolean | null
}

export interface Measurement extends Estimate {
  readonly id: BenchId
  readonly metric: string
  readonly unit: string
  readonly arm: string
  readonly size: number
  readonly goal?: Goal | undefined
}

/** Puts a measurement beside its goal. */
export function judged({ goal, ...measurement }: Measurement): Result {
  return {
    ...measurement,
    goal: goal === undefined ? null : goalText(goal),
    met: goal === undefined ? null : isMet(goal, measurement),
  }
}

/**
 * `reaches` is for a ratio that shall be 1.00 and cannot be proved equal: it is met when the value is
 * below the limit after rounding to two places, or when the interval touches the limit.
 */
export function isMet({ kind, limit }: Goal, { value, low, high }: Estimate): boolean {
  switch (kind) {
    case 'at most':
      return value <= limit
    case 'at least':
      return value >= limit
    case 'contains':
      return low <= limit && limit <= high
    case 'reaches':
      return Math.round(value * 100) / 100 <= limit || low <= limit
  }
}

function goalText({ kind, limit }: Goal): string {
  const sign = { 'at most': '<=', 'at least': '>=', contains: 'interval holds', reaches: '=' }[kind]
  return `${sign} ${kind === 'reaches' ? limit.toFixed(2) : limit}`
}
