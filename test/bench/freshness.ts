import { setTimeout as sleep } from 'node:timers/promises'
import type { Measurement } from './results.ts'
import type { ProxyName, Rig } from './rig.ts'
import { bootstrap, quantile } from './stats.ts'
import type { Swap } from './swap.ts'

/** Milliseconds that a change may take before the run is given up. */
const CHANGE_TIMEOUT_MS = 60_000

/** Milliseconds from a change to the first answer of the new endpoint. */
interface Sample {
  /** Since the write was sent, with the share of API server and etcd. */
  readonly fromSent: number
  /** Since the write was answered, as baselines elsewhere count it; a fast proxy is there before. */
  readonly fromAnswer: number
}

export interface Series {
  readonly samples: readonly Sample[]
  /** Connections that failed while endpoints changed; the old endpoint answers all the time. */
  readonly failures: number
}

/**
 * P12 for one proxy: swaps an endpoint again and again while a pod connects every millisecond. Every
 * change is waited for, and the next one comes when the proxy has certainly finished, for changes
 * that merge would look fast. The other proxies are held still meanwhile.
 *
 * @param leastGapMs between a sighting and the next change; kube-proxy delays what follows another
 *   sync within a second
 */
export function measureFreshness(
  rig: Rig,
  proxy: ProxyName,
  swap: Swap,
  changes: number,
  leastGapMs: number,
): Promise<Series> {
  return rig.alone(proxy, async () => {
    const prober = rig.prober(proxy, swap)
    try {
      await prober.seen(swap.current, CHANGE_TIMEOUT_MS)
      const samples: Sample[] = []
      let gap = leastGapMs
      for (let change = 0; change < changes; change++) {
        // Jitter keeps changes out of step with the prober's millisecond and with timers.
        await sleep(gap * (1 + 0.2 * Math.random()))
        const { backend, sent, answered } = await swap.flip()
        const { at } = await prober.seen(backend, CHANGE_TIMEOUT_MS)
        const sample = { fromSent: ms(at - sent), fromAnswer: ms(at - answered) }
        samples.push(sample)
        gap = Math.max(leastGapMs, leastGapMs + sample.fromSent)
      }
      return { samples, failures: prober.failures }
    } finally {
      await prober.stop()
    }
  })
}

function ms(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6
}

/** @param what words about the Services, for the table */
export function freshnessResults(
  series: Series,
  proxy: ProxyName,
  size: number,
  what: string,
): Measurement[] {
  const about = { id: 'P12', unit: 'ms', arm: proxy, size } as const
  const fromSent = series.samples.map((sample) => sample.fromSent)
  const fromAnswer = series.samples.map((sample) => sample.fromAnswer)
  const ours = proxy === 'kproxy'
  return [
    {
      ...about,
      metric: `write sent to first connection, median, ${what}`,
      ...bootstrap(fromSent),
      goal: ours ? { kind: 'at most', limit: 10 } : undefined,
    },
    {
      ...about,
      metric: `write sent to first connection, p99, ${what}`,
      ...bootstrap(fromSent, (values) => quantile(values, 0.99)),
      goal: ours ? { kind: 'at most', limit: 30 } : undefined,
    },
    {
      ...about,
      metric: `write answered to first connection, median, ${what}`,
      ...bootstrap(fromAnswer),
    },
  ]
}
