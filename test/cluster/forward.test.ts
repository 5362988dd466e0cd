import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, connectOnce, type Kproxy, type Place, probe } from '../lab/index.ts'
import { Cluster } from './cluster.ts'
import { deletePod, deleteService, setPodReady } from './objects.ts'

/** Enough that a backend of two is missed once in 2^39 runs. */
const TRIES = 40

describe('kproxy run against a real API server', () => {
  let cluster: Cluster
  let agents: Kproxy[]
  let web: [string, string]

  beforeAll(async () => {
    cluster = await Cluster.create()
    web = await cluster.addService('web')
    await Promise.all(['a', 'c'].map((pod) => cluster.addServer(pod, { app: 'web' })))
    await cluster.slices('web', 4)
    agents = cluster.lab.nodes.map((node) => cluster.agent(node))
    await Promise.all(agents.map((agent) => agent.synced()))
  })
  afterAll(() => cluster.destroy())

  const pods = (...names: string[]) => names.map((name) => cluster.pod(name))

  const places: readonly [string, () => Place][] = [
    ['a pod', () => cluster.pod('client')],
    ['a pod that is a backend itself', () => cluster.pod('a')],
    ['the node', () => cluster.node('n1')],
    ['a pod of another node', () => cluster.pod('far-client')],
  ]

  describe.each(places)('from %s (TR-2)', (_, place) => {
    test.each(['tcp', 'udp', 'udp-connected'] as const)(
      '%s reaches every backend over both families, and nothing fails',
      async (transport) => {
        for (const address of web) {
          const tries = await connect(place(), address, 80, { transport, count: TRIES })
          expect(tries.filter(({ ok }) => !ok)).toEqual([])
          expect(new Set(tries.map(({ server }) => server))).toEqual(new Set(['a', 'c']))
        }
      },
    )

    test('the API server answers at the address of default/kubernetes', async () => {
      const { stdout } = await place().exec([
        process.execPath,
        '--input-type=module',
        '--eval',
        `import { get } from 'node:https'
         import { readFileSync } from 'node:fs'
         const ca = readFileSync(${JSON.stringify(join(cluster.plane.directory, 'apiserver.crt'))})
         get('https://10.96.0.1/readyz', { ca }, (answer) => answer.pipe(process.stdout))`,
      ])
      expect(stdout).toBe('ok')
    })
  })

  test('a pod that becomes ready gets connections, one that is deleted gets no more', async () => {
    const prober = probe(cluster.pod('client'), web[0], 80)
    await cluster.addServer('d', { app: 'web' })
    await prober.met('d')
    await deletePod(cluster.client, 'd')
    await Promise.all(agents.map((agent) => agent.serves('default/web', pods('a', 'c'))))
    const tries = await connect(cluster.pod('client'), web[0], 80, { count: TRIES })
    expect(new Set(tries.map(({ server }) => server))).toEqual(new Set(['a', 'c']))
    expect(await prober.stop()).toMatchObject({ errors: {} })
  })

  test('a Service whose last pod is not ready refuses at once, and serves when it is again (TR-23)', async () => {
    const [address] = await cluster.addService('single')
    await cluster.addServer('b', { app: 'single' })
    const prober = probe(cluster.pod('client'), address, 80)
    await prober.met('b')
    await setPodReady(cluster.client, 'b', false)
    await prober.failed('ECONNREFUSED')
    await prober.stop()
    await setPodReady(cluster.client, 'b', true)
    const again = probe(cluster.pod('client'), address, 80)
    await again.met('b')
    await again.stop()
  })

  test('a Service that is deleted is no longer translated', async () => {
    const [address] = await cluster.addService('short', { selector: { app: 'web' } })
    const prober = probe(cluster.pod('client'), address, 80)
    await prober.met('a')
    await prober.stop()
    await deleteService(cluster.client, 'short')
    await Promise.all(agents.map((agent) => agent.forgets('default/short')))
    expect(await connectOnce(cluster.pod('client'), address, 80)).toMatchObject({ ok: false })
  })

  test('the rights of system:kube-proxy are enough', async () => {
    for (const agent of agents) {
      const { health, source } = await agent.status()
      expect(
        source.streams.map(({ kind, state, lastError }) => ({ kind, state, lastError })),
      ).toEqual(
        expect.arrayContaining(
          ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR'].map((kind) => ({
            kind,
            state: 'watching',
          })),
        ),
      )
      expect(health).toBe('healthy')
    }
  })
})
