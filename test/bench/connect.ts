import { type Arm, type LoadOptions, PORTS, runLoad } from './load.ts'
import { SERVICE_PORT } from './objects.ts'
import { positionsOf } from './positions.ts'
import type { Goal, Measurement } from './results.ts'
import type { ProxyName, Rig } from './rig.ts'
import { differences, type Run, ratio, summary } from './slices.ts'
import { slope } from './stats.ts'

/** The base of every ratio: pod to pod, from a node without any proxy. */
export const BASE = 'direct'
/** The same again under another name: what it differs by is the rig's resolution. */
export const NULL_ARM = 'direct (null)'

const CONNECT_GOAL: Goal = { kind: 'at most', limit: 1.02 }

/** All arms of connect() at the Services that there are now: P1 (P2 for one Service) and P13. */
export async function measureConnect(rig: Rig, options: LoadOptions): Promise<Run> {
  const { addresses } = rig.population
  const place = () => readPositions(rig, addresses)
  const before = await place()
  const direct = (name: string, pod: Arm['place']): Arm => ({
    name,
    place: pod,
    targets: rig.backends.map((backend) => backend.address),
    port: PORTS.accept,
  })
  const service = (name: string, pod: Arm['place'], target: string): Arm => ({
    name,
    place: pod,
    targets: [target],
    port: SERVICE_PORT,
  })
  const run = await runLoad(
    'connect',
    [
      direct(BASE, rig.pod('bare', 'direct')),
      direct(NULL_ARM, rig.pod('bare', 'null')),
      ...PROXY_ARMS.map((proxy) => direct(`direct on ${proxy}`, rig.pod(proxy, 'direct'))),
      service('kproxy', rig.pod('kproxy', 'service'), before.middle),
      service('nftables', rig.pod('nftables', 'service'), before.middle),
      ...iptablesArms(addresses.length).map((where) =>
        service(`iptables ${where}`, rig.pod('iptables', where), before[where]),
      ),
    ],
    options,
  )
  if (JSON.stringify(await place()) !== JSON.stringify(before)) {
    throw new Error('kube-proxy has reordered KUBE-SERVICES during the run')
  }
  return run
}

const PROXY_ARMS: readonly ProxyName[] = ['kproxy', 'iptables', 'nftables']

/** With one Service all three places in the chain are the same. */
function iptablesArms(size: number): readonly ('first' | 'middle' | 'last')[] {
  return size === 1 ? ['middle'] : ['first', 'middle', 'last']
}

async function readPositions(rig: Rig, addresses: readonly string[]) {
  const { stdout } = await rig.lab
    .node('iptables')
    .exec(['iptables', '-w', '-t', 'nat', '-S', 'KUBE-SERVICES'])
  return positionsOf(stdout, addresses)
}

/** What a run says about P1 or P2, and P13. */
export function connectResults(run: Run, size: number): Measurement[] {
  const id = size === 1 ? 'P2' : 'P1'
  const arms = [...new Set(run.slices.map((slice) => slice.arm))].filter((arm) => arm !== BASE)
  const isDirectOnNode = (arm: string) => arm.startsWith('direct on ')
  return [
    absolute(run, BASE, { id, size }),
    ...arms.sort().flatMap((arm): Measurement[] => {
      const about = { id: isDirectOnNode(arm) ? 'P13' : id, arm, size } as const
      return [
        {
          ...about,
          metric: 'connect() p50 / direct',
          unit: 'ratio',
          ...ratio(run, arm, BASE),
          goal: goalOf(arm),
        },
        ...(isDirectOnNode(arm) ? [] : [absolute(run, arm, about)]),
        tail(run, arm, about),
      ]
    }),
  ]
}

function goalOf(arm: string): Goal | undefined {
  if (arm === 'kproxy') return CONNECT_GOAL
  if (arm === 'direct on kproxy') return { kind: 'reaches', limit: 1 }
  return undefined
}

type About = Pick<Measurement, 'id' | 'size'>

/** The median in microseconds. */
export function absolute(run: Run, arm: string, about: About): Measurement {
  return plain({ ...about, arm, metric: 'connect() p50', unit: 'us' }, summary(run, arm).p50 / 1e3)
}

/** The 99th percentile of all samples in microseconds. */
export function tail(run: Run, arm: string, about: About): Measurement {
  return plain({ ...about, arm, metric: 'connect() p99', unit: 'us' }, summary(run, arm).p99 / 1e3)
}

/** A number without an interval. */
export function plain(
  about: Omit<Measurement, 'value' | 'low' | 'high'>,
  value: number,
): Measurement {
  return { ...about, value, low: value, high: value }
}

/** P3: nanoseconds of connect(), over direct in the same round, for each Service more. */
export function slopeResults(runs: ReadonlyMap<number, Run>): Measurement[] {
  const sizes = [...runs.keys()]
  return ['kproxy', 'nftables', 'iptables middle', NULL_ARM].map((arm) => ({
    id: 'P3',
    metric: 'connect() p50 - direct, slope',
    unit: 'ns/Service',
    arm,
    size: Math.max(...sizes),
    ...slope([...runs].map(([x, run]) => ({ x, values: differences(run, arm, BASE) }))),
    goal: arm === 'kproxy' ? { kind: 'contains', limit: 0 } : undefined,
  }))
}
