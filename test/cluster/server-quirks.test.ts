import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Kproxy, probe } from '../lab/index.ts'
import { Cluster, watching } from './cluster.ts'
import { INTERPOSED_PORT } from './control-plane.ts'
import type { Exchange, Interposer } from './interposer.ts'
import { jsonOnly, refuseWatchList } from './interpositions.ts'
import { deleteService } from './objects.ts'
import { waitFor } from './wait.ts'

const PROTOBUF = 'application/vnd.kubernetes.protobuf'

/** A page without objects that says that there are more, and not how to get them. */
function half(): string {
  const metadata = { resourceVersion: '1', remainingItemCount: 3 }
  return JSON.stringify({ kind: 'ServiceList', apiVersion: 'v1', metadata, items: [] })
}

/* Real servers differ; each test makes ours differ in one way and expects the same result. */
describe('an agent follows an API server', () => {
  let cluster: Cluster
  let interposer: Interposer
  let agent: Kproxy
  let web: [string, string]

  beforeAll(async () => {
    cluster = await Cluster.create()
    web = await cluster.addService('web')
    await cluster.addServer('a', { app: 'web' })
    await cluster.slices('web', 2)
    interposer = await cluster.interposer()
  })
  afterAll(() => cluster.destroy())

  beforeEach(() => {
    interposer.interposition = () => undefined
    interposer.exchanges.length = 0
  })
  afterEach(async () => {
    await agent.kill('SIGTERM')
  })

  const start = async () => {
    agent = cluster.agent(cluster.node('n1'), cluster.plane.kubeconfig('proxy', INTERPOSED_PORT))
    await watching(agent)
  }

  /** A Service created now is served soon, and one deleted now soon is not. */
  const follows = async (name: string) => {
    const [address] = await cluster.addService(name, { selector: { app: 'web' } })
    const prober = probe(cluster.pod('client'), address, 80)
    await prober.met('a', 60_000)
    await prober.stop()
    await deleteService(cluster.client, name)
    await agent.forgets(`default/${name}`)
  }

  const lists = () =>
    interposer.exchanges.filter(
      ({ path, query }) => !query.has('watch') && !path.endsWith('/events'),
    )
  const watches = () => interposer.exchanges.filter(({ query }) => query.has('watch'))
  const initial = ({ query }: Exchange) => query.has('sendInitialEvents')

  test('that streams lists in protobuf, with one request for each kind (AP-1, AP-21)', async () => {
    await start()
    await follows('streamed')
    expect(lists()).toEqual([])
    const served = watches().filter(({ status }) => status === 200)
    expect(served.map(({ path }) => path).sort()).toEqual([
      '/api/v1/nodes',
      '/api/v1/services',
      '/apis/discovery.k8s.io/v1/endpointslices',
      '/apis/networking.k8s.io/v1/servicecidrs',
    ])
    for (const { contentType } of served) expect(contentType).toBe(`${PROTOBUF};stream=watch`)
    const { source } = await agent.status()
    expect(source.streams.map(({ how }) => how)).toEqual(Array(4).fill('WatchList protobuf'))
  })

  test('that answers JSON alone (AP-1)', async () => {
    interposer.interposition = (request) => jsonOnly(request)
    await start()
    await follows('json')
    for (const { contentType } of served()) expect(contentType).toContain('application/json')
  })

  test('that answers JSON alone and does not stream lists', async () => {
    interposer.interposition = (request, url, response) => {
      jsonOnly(request)
      return refuseWatchList(url, response)
    }
    await start()
    await follows('json-lists')
    for (const { contentType } of served()) expect(contentType).toContain('application/json')
    expect(lists()).not.toEqual([])
  })

  test('that refuses to stream lists, by list and watch (AP-20, AP-21)', async () => {
    interposer.interposition = (_, url, response) => refuseWatchList(url, response)
    await start()
    await follows('listed')
    expect(lists().map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/api/v1/services', '/apis/discovery.k8s.io/v1/endpointslices']),
    )
    for (const { contentType } of lists()) expect(contentType).toBe(PROTOBUF)
  })

  test('whose storage cannot stream lists and says so in an event (AP-21)', async () => {
    interposer.interposition = (_, url, response) => {
      if (!url.searchParams.has('sendInitialEvents')) return undefined
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(
        `${JSON.stringify({
          type: 'ERROR',
          object: {
            kind: 'Status',
            apiVersion: 'v1',
            status: 'Failure',
            reason: 'InternalError',
            message:
              'a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled',
            code: 500,
          },
        })}\n`,
      )
      return true
    }
    await start()
    await follows('event-refused')
    expect(lists()).not.toEqual([])
  })

  test('that sends the objects of a streamed list but never says where they end', async () => {
    interposer.interposition = (_, url) => {
      if (url.searchParams.has('sendInitialEvents')) url.searchParams.delete('allowWatchBookmarks')
      return undefined
    }
    await start()
    await follows('endless')
    expect(watches().filter(initial)).not.toEqual([])
    expect(lists()).not.toEqual([])
  })

  test('whose connections break again and again, from where it was (AP-22)', async () => {
    await start()
    const prober = probe(cluster.pod('client'), web[0], 80)
    for (const round of [1, 2, 3]) {
      const before = watches().length
      interposer.cut()
      await follows(`cut-${round}`)
      await waitFor('watches are made anew', () => watches().length > before)
    }
    expect(await prober.stop()).toMatchObject({ errors: {} })
  })

  test.each([
    ['web pages', 'text/html', '<html><body>Please log in</body></html>', 'of type text/html'],
    ['empty mappings', 'application/json', '{}', 'of kind (none), not'],
    ['lists that end too early', 'application/json', half(), '3 more objects should follow'],
  ])(
    'in front of which something answers %s to every list: traffic goes on, status says so (AP-25, AP-26)',
    async (_, contentType, body, message) => {
      await start()
      const prober = probe(cluster.pod('client'), web[0], 80)
      await prober.met('a')
      interposer.interposition = (_request, url, response) => {
        if (url.pathname.endsWith('/events')) return undefined
        // What the agent knows is too old, and lists must not be streamed: it has to ask for lists.
        if (url.searchParams.has('sendInitialEvents')) return refuseWatchList(url, response)
        if (url.searchParams.has('watch')) response.writeHead(410).end()
        else response.writeHead(200, { 'content-type': contentType }).end(body)
        return true
      }
      interposer.cut()
      const said = async () => {
        const { source } = await agent.status()
        const [services] = source.streams
        return services?.state === 'retrying' && services.lastError?.includes(message) === true
      }
      await agent.until('status says so', said)
      expect((await agent.status()).health).toBe('degraded')
      interposer.interposition = () => undefined
      await follows('after-nonsense')
      expect(await prober.stop()).toMatchObject({ errors: {} })
    },
  )

  const served = () => interposer.exchanges.filter(({ status }) => status === 200)
})
