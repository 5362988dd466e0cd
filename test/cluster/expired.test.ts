import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Kproxy, probe } from '../lab/index.ts'
import { forEachInFlight } from './api.ts'
import { Cluster, watching } from './cluster.ts'
import { INTERPOSED_PORT } from './control-plane.ts'
import type { Interposer, Interposition } from './interposer.ts'
import { refuseWatchList } from './interpositions.ts'
import { createEndpointSlice, deleteService } from './objects.ts'

/** More than fit on one page of a list. */
const SLICES = 1200

/* The agent is held still, the cluster changes, and what the agent missed is no longer to be had. */
describe('an API server that has forgotten the version that the agent was at', () => {
  let cluster: Cluster
  let interposer: Interposer
  let agent: Kproxy
  let web: [string, string]

  beforeAll(async () => {
    cluster = await Cluster.create()
    web = await cluster.addService('web')
    await cluster.addServer('a', { app: 'web' })
    await cluster.slices('web', 2)
    await forEachInFlight([...Array(SLICES).keys()], (_, index) =>
      createEndpointSlice(cluster.client, {
        name: `filler-${index}`,
        service: 'filler',
        addressType: 'IPv4',
        ports: [{ port: 80 }],
        endpoints: [{ address: `10.1.${index >> 8}.${index & 255}` }],
      }),
    )
    interposer = await cluster.interposer()
  })
  afterAll(() => cluster.destroy())

  beforeEach(async () => {
    interposer.interposition = () => undefined
    agent = cluster.agent(cluster.node('n1'), cluster.plane.kubeconfig('proxy', INTERPOSED_PORT))
    await watching(agent)
  })
  afterEach(async () => {
    await agent.kill('SIGTERM')
  })

  const ways: readonly [string, Interposition, () => void][] = [
    [
      'is asked for a streamed list',
      () => undefined,
      () => {
        expect(lists()).toEqual([])
      },
    ],
    [
      'that does not stream lists is asked for one by pages (AP-20)',
      (_, url, response) => refuseWatchList(url, response),
      () => {
        const pages = lists().filter(({ path }) => path.endsWith('/endpointslices'))
        expect(pages.length).toBeGreaterThan(2)
        expect(pages.at(-1)?.query.has('continue')).toBe(true)
      },
    ],
  ]
  const lists = () => interposer.exchanges.filter(({ query }) => !query.has('watch'))

  test.each(ways)('%s, and what was missed takes effect (AP-23, AP-25)', async (_, way, judge) => {
    await cluster.addService('vanishes', { selector: { app: 'web' } })
    await agent.programmed('default/vanishes', (service) => service?.readyEndpoints === 1)
    const prober = probe(cluster.pod('client'), web[0], 80)
    await prober.met('a')

    process.kill(agent.pid, 'SIGSTOP')
    interposer.cut()
    await deleteService(cluster.client, 'vanishes')
    const [address] = await cluster.addService('appears', { selector: { app: 'web' } })
    await cluster.slices('appears', 2)
    await cluster.plane.forgetHistory()
    interposer.exchanges.length = 0
    interposer.interposition = way
    process.kill(agent.pid, 'SIGCONT')

    const newcomer = probe(cluster.pod('client'), address, 80)
    await newcomer.met('a', 60_000)
    await newcomer.stop()
    await agent.forgets('default/vanishes')
    await watching(agent)
    const expired = interposer.exchanges.filter(({ head }) =>
      head.includes('too old resource version'),
    )
    expect(expired.map(({ path }) => path)).toContain('/api/v1/services')
    judge()
    const { source } = await agent.status()
    const { items } = await cluster.client.get('/apis/discovery.k8s.io/v1/endpointslices')
    expect(source.streams.find(({ kind }) => kind === 'EndpointSlice')?.objects).toBe(items.length)
    expect(await prober.stop()).toMatchObject({ errors: {} })
    await deleteService(cluster.client, 'appears')
    await agent.forgets('default/appears')
  })
})
