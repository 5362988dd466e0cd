import { readFileSync } from 'node:fs'
import type { KubeProxyMode } from '../cluster/kube-proxy.ts'
import { plain } from './connect.ts'
import { runLoad } from './load.ts'
import { SERVICE_PORT } from './objects.ts'
import type { Goal, Measurement } from './results.ts'
import type { ProxyName, Rig } from './rig.ts'
import { bootstrap } from './stats.ts'

const START_TIMEOUT_MS = 120_000
const MIB = 2 ** 20

/** Of the agent's resident memory, MB. */
export const RESIDENT_GOAL: Goal = { kind: 'at most', limit: 100 }

/** What the agent says when everything that the first lists held is in the kernel. */
const COMPLETE = /^.*"complete":true.*$/m

/** Seconds from exec of the agent to its first complete sync, by the clock in its log line. */
async function startTimed(rig: Rig): Promise<number> {
  const begun = performance.timeOrigin + performance.now()
  const agent = rig.startAgent()
  await agent.until('complete', async () => COMPLETE.test(agent.log), START_TIMEOUT_MS)
  const line = JSON.parse(COMPLETE.exec(agent.log)?.[0] ?? '{}')
  await proveService(rig)
  return (line.time - begun) / 1e3
}

/** The Service that was created last answers: a start that publishes half would look fast. */
async function proveService(rig: Rig): Promise<void> {
  const target = rig.population.addresses.at(-1) ?? ''
  const place = rig.pod('kproxy', 'service')
  await runLoad(
    'connect',
    [{ name: 'last Service', place, targets: [target], port: SERVICE_PORT }],
    {
      rounds: 1,
      sliceMs: 20,
    },
  )
}

/**
 * P8: starts on a node without anything of ours, and over its own pinned state. The agent runs
 * afterwards.
 *
 * @param what words about the Services, for the table
 */
export async function measureColdStart(
  rig: Rig,
  starts: number,
  what: string,
): Promise<Measurement[]> {
  const cold: number[] = []
  const warm: number[] = []
  for (let start = 0; start < starts; start++) {
    await rig.removeAgent()
    cold.push(await startTimed(rig))
  }
  for (let start = 0; start < starts; start++) {
    await rig.agent?.kill()
    warm.push(await startTimed(rig))
  }
  const about = { id: 'P8', unit: 's', arm: 'kproxy', size: rig.population.size } as const
  const goal: Goal = { kind: 'at most', limit: 1 }
  return [
    {
      ...about,
      metric: `exec to everything published, ${what}`,
      ...bootstrap(cold),
      goal,
    },
    {
      ...about,
      metric: `restart over its own maps, ${what}`,
      ...bootstrap(warm),
    },
  ]
}

/** P8 of stock kube-proxy, once, on a node whose rules have been removed: exec to both families written. */
export async function measureStockColdStart(
  rig: Rig,
  mode: KubeProxyMode,
  what: string,
): Promise<Measurement> {
  await removeRules(rig, mode)
  const begun = performance.now()
  await rig.startStock(mode)
  const seconds = (performance.now() - begun) / 1e3
  return plain(
    {
      id: 'P8',
      unit: 's',
      arm: mode,
      size: rig.population.size,
      metric: `exec to everything published, ${what}`,
    },
    seconds,
  )
}

async function removeRules(rig: Rig, mode: KubeProxyMode): Promise<void> {
  const node = rig.lab.node(mode)
  const timeout = START_TIMEOUT_MS
  if (mode === 'nftables') {
    await node.exec(['nft', 'flush', 'ruleset'], { timeout })
    return
  }
  // Without --noflush a restore of empty tables empties them, in either variant of iptables.
  const input = ['nat', 'filter', 'mangle'].map((table) => `*${table}\nCOMMIT\n`).join('')
  await node.exec(['iptables-restore', '-w'], { input, timeout })
  await node.exec(['ip6tables-restore', '-w'], { input, timeout })
}

/**
 * P9: resident memory of a proxy's process now and at its highest.
 *
 * @param what words about the Services and the moment, for the table
 */
export function processMemory(
  rig: Rig,
  proxy: ProxyName,
  what: string,
  goal?: Goal,
): Measurement[] {
  const status = readFileSync(`/proc/${rig.pid(proxy)}/status`, 'utf8')
  const bytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
  const about = { id: 'P9', unit: 'MB', arm: proxy, size: rig.population.size } as const
  return [
    {
      ...plain({ ...about, metric: `RSS, ${what}` }, bytes('VmRSS') / 1e6),
      goal,
    },
    plain({ ...about, metric: `RSS but files and shared memory, ${what}` }, bytes('RssAnon') / 1e6),
    plain({ ...about, metric: `RSS at its highest, ${what}` }, bytes('VmHWM') / 1e6),
  ]
}

/** P9: kernel memory of the agent's maps. */
export async function mapMemory(rig: Rig, what: string): Promise<Measurement> {
  const maps = (await rig.agent?.status())?.maps ?? []
  const bytes = maps.reduce((sum, map) => sum + map.memoryBytes, 0)
  return {
    ...plain(
      {
        id: 'P9',
        unit: 'MiB',
        arm: 'kproxy',
        size: rig.population.size,
        metric: `maps, ${what}`,
      },
      bytes / MIB,
    ),
    goal: { kind: 'at most', limit: 64 },
  }
}
