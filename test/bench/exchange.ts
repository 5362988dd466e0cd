import { type Arm, type LoadKind, type LoadOptions, PORTS, runLoad } from './load.ts'
import { SERVICE_PORT } from './objects.ts'
import type { Measurement } from './results.ts'
import type { Rig } from './rig.ts'
import { type Run, ratio } from './slices.ts'

/** The kinds of one-byte exchange and the rate that kproxy shall reach, as a share of direct. */
const KINDS: readonly { kind: LoadKind; metric: string; limit: number }[] = [
  { kind: 'tcp-rr', metric: 'TCP_RR', limit: 0.99 },
  { kind: 'udp-rr', metric: 'UDP_RR connected', limit: 0.99 },
  { kind: 'udp-sendto', metric: 'UDP_RR unconnected', limit: 0.95 },
]

/** P4: rates of one-byte request and response on an open socket, by the median round trip. */
export async function measureExchange(
  rig: Rig,
  options: LoadOptions,
): Promise<{ runs: Run[]; measurements: Measurement[] }> {
  const runs: Run[] = []
  const measurements: Measurement[] = []
  for (const { kind, metric, limit } of KINDS) {
    const run = await runLoad(kind, arms(rig), options)
    runs.push(run)
    for (const arm of ['direct (null)', 'kproxy', 'iptables', 'nftables']) {
      measurements.push({
        id: 'P4',
        metric: `${metric} / direct`,
        unit: 'ratio',
        arm,
        size: rig.population.size,
        // A rate: the base's time over the arm's.
        ...ratio(run, 'direct', arm),
        goal: arm === 'kproxy' ? { kind: 'at least', limit } : undefined,
      })
    }
  }
  return { runs, measurements }
}

function arms(rig: Rig): Arm[] {
  const direct = rig.backends.map((backend) => backend.address)
  const service = [rig.population.exchange.address]
  return [
    { name: 'direct', place: rig.pod('bare', 'direct'), targets: direct, port: PORTS.echo },
    { name: 'direct (null)', place: rig.pod('bare', 'null'), targets: direct, port: PORTS.echo },
    {
      name: 'kproxy',
      place: rig.pod('kproxy', 'service'),
      targets: service,
      port: SERVICE_PORT,
    },
    {
      name: 'iptables',
      place: rig.pod('iptables', 'middle'),
      targets: service,
      port: SERVICE_PORT,
    },
    {
      name: 'nftables',
      place: rig.pod('nftables', 'service'),
      targets: service,
      port: SERVICE_PORT,
    },
  ]
}
