import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { LatencyStatus } from '../../control/server/api.ts'
import { plain } from './connect.ts'
import type { EventTimes } from './in-process.ts'
import type { Goal, Measurement } from './results.ts'
import type { Rig } from './rig.ts'
import { bootstrap, type Estimate, median, quantile } from './stats.ts'
import { watchFrame } from './watch-frame.ts'

const P50_GOAL: Goal = { kind: 'at most', limit: 1 }
const P99_GOAL: Goal = { kind: 'at most', limit: 5 }
const CHANGE_EVERY_MS = 20
const HARNESS = fileURLToPath(new URL('in-process.ts', import.meta.url))
const PROTOBUF = 'application/vnd.kubernetes.protobuf'

/** Services whose endpoints change. */
export interface Subject {
  /** Words about them, for the table. */
  readonly what: string
  /** Changes one endpoint at the API server; returns the path of its slice. */
  readonly changeOne: () => Promise<string>
}

/**
 * P7, as the running agent counts it: one endpoint of one Service changes, at random, and it takes so
 * long from the first byte of the event to the published record, with the API server on the same CPUs.
 */
export async function measureInAgent(
  rig: Rig,
  { what, changeOne }: Subject,
  changes: number,
): Promise<Measurement[]> {
  // A fresh agent: its quantiles hold nothing but these changes.
  await rig.agent?.kill()
  const agent = rig.startAgent()
  await agent.synced()
  for (let change = 0; change < changes; change++) {
    await sleep(CHANGE_EVERY_MS * (0.5 + Math.random()))
    await changeOne()
  }
  let latency: LatencyStatus | null = null
  await agent.until(`the agent has applied ${changes} changes`, async () => {
    latency = (await agent.status()).latency
    return (latency?.samples ?? 0) >= changes
  })
  const { p50Seconds, p99Seconds } = latency as unknown as LatencyStatus
  const about = aboutP7(rig)
  const where = `in the running agent, ${what}`
  return [
    { ...plain({ ...about, metric: `p50 ${where}` }, p50Seconds * 1e3), goal: P50_GOAL },
    { ...plain({ ...about, metric: `p99 ${where}` }, p99Seconds * 1e3), goal: P99_GOAL },
  ]
}

/**
 * P7 without the agent's surroundings, sample by sample: the same modules, fed with the server's own
 * bytes, on maps of their own. The agent has to be removed before: both would want the node.
 */
export async function measureInProcess(
  rig: Rig,
  { what, changeOne }: Subject,
  changes: number,
): Promise<Measurement[]> {
  const directory = mkdtempSync(join(tmpdir(), 'kproxy-bench-'))
  try {
    await record(rig, changeOne, changes, directory)
    const times = await replay(rig, directory)
    const where = `in process, ${what}`
    const about = aboutP7(rig)
    const of = (pick: (times: EventTimes) => number, q: number): Estimate =>
      bootstrap(times.map(pick), (values) => (q === 0.5 ? median(values) : quantile(values, q)))
    const whole = (event: EventTimes) => event.decode + event.resolve + event.apply
    return [
      { ...about, metric: `p50 ${where}`, ...of(whole, 0.5), goal: P50_GOAL },
      { ...about, metric: `p99 ${where}`, ...of(whole, 0.99), goal: P99_GOAL },
      { ...about, metric: `p50 of decoding ${where}`, ...of((event) => event.decode, 0.5) },
      { ...about, metric: `p50 of the model ${where}`, ...of((event) => event.resolve, 0.5) },
      { ...about, metric: `p50 of the maps ${where}`, ...of((event) => event.apply, 0.5) },
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function aboutP7(rig: Rig) {
  return { id: 'P7', unit: 'ms', arm: 'kproxy', size: rig.population.size } as const
}

/** Writes the lists as they are now, and a watch frame for each of so many changes after them. */
async function record(
  rig: Rig,
  changeOne: Subject['changeOne'],
  changes: number,
  directory: string,
): Promise<void> {
  const { client } = rig.plane
  const lists = {
    Service: '/api/v1/services',
    EndpointSlice: '/apis/discovery.k8s.io/v1/endpointslices',
  }
  for (const [kind, path] of Object.entries(lists)) {
    writeFileSync(join(directory, `${kind}.pb`), await client.bytes(path, PROTOBUF))
  }
  const frames: Buffer[] = []
  for (let change = 0; change < changes; change++) {
    const path = await changeOne()
    frames.push(watchFrame('MODIFIED', await client.bytes(path, PROTOBUF)))
  }
  writeFileSync(join(directory, 'frames.pb'), Buffer.concat(frames))
}

async function replay(rig: Rig, directory: string): Promise<EventTimes[]> {
  const node = rig.lab.node('kproxy')
  const name = 'in-process'
  const command = [
    process.execPath,
    '--no-warnings',
    HARNESS,
    directory,
    `/sys/fs/bpf/kproxy/${name}`,
  ]
  try {
    const { stdout } = await node.exec(command, { timeout: 120_000 })
    return JSON.parse(stdout)
  } finally {
    await rig.cleanUp(name)
  }
}
