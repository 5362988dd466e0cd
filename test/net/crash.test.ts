import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type ConnectOptions, connect, Kproxy, probe, stream } from '../lab/index.ts'
import { clusterIPs, Stage } from './stage.ts'

const crashAgent = new URL('crash-agent.ts', import.meta.url).pathname

const ports = [
  { name: 'http', port: 80, targetPort: 8080 },
  { name: 'dns', protocol: 'UDP', port: 53, targetPort: 8080 },
]
const web = { name: 'web', clusterIPs: clusterIPs(10), ports }
const other = { name: 'other', clusterIPs: clusterIPs(11), ports }
const churn = { name: 'churn', clusterIPs: clusterIPs(12), ports }

/** Of the writes of a start, every so many-th is died before: each takes two starts. */
const STRIDE = 9

/** Two states of the cluster; each change moves, adds and removes endpoints and a Service. */
function change(stage: Stage, even: boolean): void {
  if (even) {
    stage.put(churn, [stage.web(4)])
    stage.put(web, [stage.web(2), stage.web(3)])
  } else {
    stage.manifests.delete('churn')
    stage.put(web, [stage.web(1), stage.web(2)])
  }
}

async function applied(stage: Stage, agent: Kproxy, even: boolean): Promise<void> {
  if (even) await agent.serves('default/churn', [stage.web(4)])
  else await agent.forgets('default/churn')
  await agent.serves('default/web', [stage.web(2), stage.web(even ? 3 : 1)])
}

/** New connections of both families reach all that is to be reached, and nothing else. */
async function reached(stage: Stage, even: boolean): Promise<void> {
  // So many that it takes chance 500,000 restarts to pass over one of two endpoints.
  const met = await Promise.all([
    ...web.clusterIPs.map((address) => meets(stage, address, { count: 20 })),
    meets(stage, churn.clusterIPs[0], { timeout: even ? 1000 : 50 }),
  ])
  const webs = even ? ['web-2', 'web-3'] : ['web-1', 'web-2']
  expect(met).toEqual([webs, webs, [even ? 'web-4' : '']])
}

/** The servers that answer, each once; empty for a try that fails. */
async function meets(stage: Stage, address: string, options: ConnectOptions) {
  const tries = await connect(stage.client, address, 80, options)
  return [...new Set(tries.map(({ ok, server }) => (ok ? server : '')))].sort()
}

function agentThatDies(stage: Stage, env: NodeJS.ProcessEnv): Kproxy {
  return new Kproxy(stage.n1, {
    manifests: stage.manifests.path,
    program: [process.execPath, '--no-warnings', crashAgent, 'run'],
    env,
  })
}

/** @returns false when the agent has come so far, lives, and is ended */
async function diesBefore(agent: Kproxy, far: Promise<void>): Promise<boolean> {
  const exit = await Promise.race([
    agent.wait(),
    far.then(
      () => undefined,
      () => agent.wait(),
    ),
  ])
  if (exit === undefined) {
    await agent.kill()
    return false
  }
  expect({ signal: exit.signal, stderr: exit.stderr }).toMatchObject({ signal: 'SIGKILL' })
  return true
}

/**
 * Starts an agent, which ends what the last one began, changes the cluster, and lets the agent die
 * before that write.
 * @returns false when the change took fewer writes and the agent lives
 */
async function crashBefore(stage: Stage, write: number): Promise<boolean> {
  const agent = agentThatDies(stage, { CRASH_AT: String(write) })
  const even = write % 2 === 1
  await agent.synced()
  await reached(stage, !even)
  await agent.arm()
  change(stage, even)
  // What is no longer needed is freed a little later.
  const survived = applied(stage, agent, even).then(() => sleep(250))
  return diesBefore(agent, survived)
}

/**
 * Changes the cluster while no agent runs, lets one die before that write of its start, and the next
 * one end what it began.
 * @returns false when the start took fewer writes and the agent lives
 */
async function crashAtStart(stage: Stage, write: number, even: boolean): Promise<boolean> {
  change(stage, even)
  const agent = agentThatDies(stage, { CRASH_AT: String(write), CRASH_AT_START: '1' })
  const died = await diesBefore(agent, agent.synced())
  await stage.agent.restart()
  await reached(stage, even)
  await stage.agent.kill()
  return died
}

test('SIGKILL between any two map writes: no wrong backend, no lost Service', async () => {
  await using stage = await Stage.build((put, lab) => {
    const [n1, n2] = [lab.node('n1'), lab.node('n2')]
    put(web, [n1.pod('web-1'), n1.pod('web-2')])
    put(other, [n2.pod('web-4')])
  })
  await stage.agent.kill()
  const rate = 100
  const ofWeb = [
    probe(stage.client, web.clusterIPs[0], 80, { rate }),
    probe(stage.n1, web.clusterIPs[1], 80, { rate }),
    probe(stage.client, web.clusterIPs[1], 53, { rate, transport: 'udp' }),
  ]
  const ofOther = [
    probe(stage.client, other.clusterIPs[1], 80, { rate }),
    probe(stage.n1, other.clusterIPs[0], 53, { rate, transport: 'udp-connected' }),
  ]
  const long = stream(stage.client, other.clusterIPs[0], 80)

  let write = 1
  while (await crashBefore(stage, write)) write += 1
  // Two families, two ports, ids, backends, members, slots, records: anything less is no injection.
  expect(write).toBeGreaterThan(12)

  let even = write % 2 === 0
  let startWrite = 1
  while (await crashAtStart(stage, startWrite, even)) {
    even = !even
    startWrite += STRIDE
  }
  expect(startWrite).toBeGreaterThan(12)

  await stage.agent.restart()
  for (const prober of ofWeb) {
    const { tries, ok, errors, servers } = await prober.stop()
    expect({ ok, errors }).toEqual({ ok: tries, errors: {} })
    expect(Object.keys(servers).sort()).toEqual(['web-1', 'web-2', 'web-3'])
  }
  for (const prober of ofOther) {
    const { tries, servers } = await prober.stop()
    expect(servers).toEqual({ 'web-4': tries })
  }
  expect((await long.stop()).error).toBe('')
  expect((await stage.agent.status()).health).toBe('healthy')
}, 300_000)
