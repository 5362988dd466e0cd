import { describe, expect, it } from 'vitest'
import { service, slice, stage } from './kubernetes-stage.ts'

const encodings = ['protobuf', 'JSON'] as const
const watchLists = ['on', 'refused', 'error event', 'no mark'] as const
const combinations = encodings.flatMap((encoding) =>
  watchLists.map((watchList) => ({ encoding, watchList })),
)

describe.each(combinations)('an API server with $encoding and WatchList $watchList', (mode) => {
  const open = () =>
    stage(
      (server) => {
        Object.assign(server, mode)
        server.store.put('Service', service('a'))
        server.store.put('Service', service('b'))
        server.store.put('EndpointSlice', slice('a-1'))
        server.store.put('Node', { metadata: { name: 'n1' } })
        server.store.put('Node', { metadata: { name: 'n2' } })
        const spec = { cidrs: ['10.96.0.0/16'] }
        server.store.put('ServiceCIDR', { metadata: { name: 'kubernetes' }, spec })
      },
      { initialSilence: 50 },
    )

  it('delivers what exists, says once that it is complete, then follows (AP-3, AP-20, AP-21, IN-4)', async () => {
    const { server, recorder } = await open()
    await recorder.synced()
    const services = recorder.story.filter((line) => /Service\b/.test(line))
    expect(services).toEqual(['set Service default/a', 'set Service default/b', 'synced Service'])
    expect(recorder.story.filter((line) => line.includes('Node'))).toEqual([
      'set Node n1',
      'synced Node',
    ])
    expect(recorder.object('ServiceCIDR kubernetes')).toMatchObject({ cidrs: ['10.96.0.0/16'] })
    const seen = recorder.events.length
    server.store.put('Service', service('a', { clusterIP: '10.96.0.9' }))
    server.store.delete('Service', 'b', 'default')
    server.store.put('Service', service('c'))
    const story = await recorder.until('set Service default/c', seen)
    expect(story).toEqual([
      'set Service default/a',
      'delete Service default/b',
      'set Service default/c',
    ])
    expect(recorder.object('Service default/a')).toMatchObject({ clusterIP: '10.96.0.9' })
  })

  it('says in its status how it reads', async () => {
    const { recorder, server } = await open()
    await recorder.synced()
    await expect
      .poll(() => recorder.source.status())
      .toMatchObject({
        origin: server.url,
        streams: ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR'].map((kind) => ({
          kind,
          state: 'watching',
          objects: kind === 'Service' ? 2 : 1,
          synced: true,
          how: `${mode.watchList === 'on' ? 'WatchList' : 'list+watch'} ${mode.encoding}`,
          lastEventAt: expect.any(Number),
          silentMs: expect.any(Number),
          lastError: undefined,
        })),
        rejected: [],
      })
  })
})

describe('requests', () => {
  it('name the paths and selectors of a service proxy, and both encodings (AP-1, AP-2)', async () => {
    const { server, recorder } = await stage()
    await recorder.synced()
    const selectors = server.requests.map(({ kind, query }) => [
      kind,
      query.labelSelector,
      query.fieldSelector,
    ])
    expect(selectors).toEqual([
      ['Service', '!service.kubernetes.io/service-proxy-name', 'spec.clusterIP!=None'],
      ['EndpointSlice', '!service.kubernetes.io/headless', undefined],
      ['Node', undefined, 'metadata.name=n1'],
      ['ServiceCIDR', undefined, undefined],
    ])
    for (const { headers } of server.requests) {
      expect(headers.accept).toBe('application/vnd.kubernetes.protobuf,application/json')
    }
  })

  it('for a streamed list ask for initial events, bookmarks and an end in 300 to 600 s (AP-21)', async () => {
    const { server, recorder } = await stage()
    await recorder.synced()
    const query = server.requests.find(({ kind }) => kind === 'EndpointSlice')?.query
    expect(query).toEqual({
      labelSelector: '!service.kubernetes.io/headless',
      watch: 'true',
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '450',
    })
  })

  it('for a list ask the watch cache, in pages, then watch from its version (AP-20)', async () => {
    const { server, recorder } = await stage((server) => {
      server.watchList = 'refused'
      server.store.put('Service', service('a'))
    })
    await recorder.synced()
    await expect.poll(() => server.story('Service')).toEqual(['stream', 'list 0', 'watch 11'])
    const [, list, watch] = server.requests.filter(({ kind }) => kind === 'Service')
    expect(list?.query).toMatchObject({ limit: '500', resourceVersion: '0' })
    expect(watch?.query).toMatchObject({ allowWatchBookmarks: 'true', timeoutSeconds: '450' })
  })
})

describe('pages of a list', () => {
  it('are read to the last one (AP-20)', async () => {
    const { server, recorder } = await stage(
      (server) => {
        server.watchList = 'refused'
        for (const name of ['a', 'b', 'c', 'd', 'e']) server.store.put('Service', service(name))
        // As if the server had no watch cache: it honours the limit.
        server.interceptors.push(({ kind, query }, response) => {
          if (kind !== 'Service' || query.resourceVersion !== '0') return false
          server.refuse(response, { code: 410, reason: 'Expired' })
          return true
        })
      },
      { pageSize: 2 },
    )
    await recorder.synced()
    await expect
      .poll(() => server.story('Service'))
      .toEqual(['stream', 'list 0', 'list', 'list page 2', 'list page 4', 'watch 15'])
    expect(recorder.story.filter((line) => line.startsWith('set Service'))).toHaveLength(5)
  })

  it('that expire under way are asked for again in one piece (AP-23)', async () => {
    const { server, recorder } = await stage(
      (server) => {
        server.watchList = 'refused'
        for (const name of ['a', 'b', 'c']) server.store.put('Service', service(name))
        for (const page of ['', '2']) {
          server.interceptors.push(({ kind, query }, response) => {
            const isPage = page === '' ? query.resourceVersion === '0' : query.continue === page
            if (kind !== 'Service' || query.watch || !isPage) return false
            server.refuse(response, { code: 410, reason: 'Expired' })
            return true
          })
        }
      },
      { pageSize: 2 },
    )
    await recorder.synced()
    const lists = server.requests.filter(({ kind, query }) => kind === 'Service' && !query.watch)
    expect(lists.map(({ query }) => [query.continue, query.limit])).toEqual([
      [undefined, '2'],
      [undefined, '2'],
      ['2', '2'],
      [undefined, undefined],
    ])
    expect(recorder.source.status().streams[0]).toMatchObject({ synced: true, objects: 3 })
  })
})

describe('events', () => {
  it('of one piece of the stream come in one batch', async () => {
    const { server, recorder } = await stage()
    await recorder.synced()
    const batches = recorder.batches.length
    const objects = ['a', 'b', 'c'].map((name) => service(name))
    server.write(
      'Service',
      Buffer.concat(objects.map((object) => server.event('ADDED', 'Service', object))),
    )
    await recorder.until('set Service default/c')
    expect(recorder.batches.slice(batches).map((batch) => batch.length)).toEqual([3])
  })

  it.each(encodings)('in %s may arrive byte by byte (AP-14)', async (encoding) => {
    const { server, recorder } = await stage((server) => {
      server.encoding = encoding
      server.split = (bytes) => Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
      server.store.put('Service', service('a'))
    })
    await recorder.synced()
    server.store.put('Service', service('b'))
    await recorder.until('set Service default/b')
    expect(recorder.story).not.toContainEqual(expect.stringContaining('rejected'))
  })

  it('of a type that we do not know are passed over (AP-13)', async () => {
    const { server, recorder } = await stage()
    await recorder.synced()
    server.write('Service', server.event('RENAMED', 'Service', service('a')))
    server.store.put('Service', service('b'))
    await recorder.until('set Service default/b')
    expect(recorder.story).not.toContain('set Service default/a')
  })

  it('that are malformed are rejected by name, and the stream goes on', async () => {
    const { server, recorder, restarts } = await stage((server) => {
      server.encoding = 'JSON'
      server.store.put('Service', service('good'))
    })
    await recorder.synced()
    const seen = recorder.events.length
    const broken = service('good', { ports: [{ port: 'http' }] })
    server.write('Service', server.event('MODIFIED', 'Service', broken))
    server.write('Service', Buffer.from('{"type": "ADDED", oops\n'))
    server.store.put('Service', service('next'))
    const story = await recorder.until('set Service default/next', seen)
    expect(story[0]).toBe(
      'rejected Service default/good: spec.ports[0].port is "http": write a whole number',
    )
    expect(story[1]).toMatch(/^rejected a watch message about Service objects: /)
    expect(restarts).toEqual([])
    expect(recorder.source.status().rejected).toHaveLength(2)
    server.store.put('Service', service('good'))
    await recorder.until('set Service default/good', seen)
    expect(recorder.source.status().rejected).toHaveLength(1)
  })

  it.each(['on', 'refused'] as const)(
    'and could not be read at first are said to be mended or gone (IN-4; streamed lists %s)',
    async (watchList) => {
      const broken = { ports: [{ port: 'http' }] }
      const { server, recorder } = await stage((server) => {
        server.encoding = 'JSON'
        server.watchList = watchList
        for (const name of ['a', 'b']) server.store.put('Service', service(name, broken))
      })
      await recorder.until('synced Service, but for what is unread')
      server.store.put('Service', service('a'))
      await recorder.until('set Service default/a')
      expect(recorder.story).not.toContain('synced Service')
      server.store.delete('Service', 'b', 'default')
      await recorder.until('synced Service')
      server.store.put('Service', service('c', broken))
      await recorder.until(/^rejected Service default.c/)
      expect(recorder.story.filter((line) => line.startsWith('synced Service,'))).toHaveLength(1)
    },
  )

  it('in broken protobuf are rejected too, and the stream goes on (AP-15)', async () => {
    const { server, recorder, restarts } = await stage()
    await recorder.synced()
    const frame = server.event('ADDED', 'Service', service('a', { clusterIP: '10.96.111.222' }))
    // The last field of the object, now longer than the object.
    frame[frame.indexOf('10.96.111.222') - 1] = 0x7f
    server.write('Service', frame)
    server.store.put('Service', service('b'))
    const story = await recorder.until('set Service default/b')
    expect(story).toContainEqual(
      expect.stringMatching(/^rejected Service default\/a: the protobuf encoding is broken/),
    )
    expect(restarts).toEqual([])
  })
})

describe('objects that a proxy does not see', () => {
  const hidden = { 'service.kubernetes.io/service-proxy-name': '' }

  it('a live Service that gets the label of another proxy is deleted; without it, set (IN-1)', async () => {
    const { server, recorder } = await stage((server) => {
      server.store.put('Service', service('web'))
    })
    await recorder.synced()
    server.store.put('Service', service('web', {}, hidden))
    await recorder.until('delete Service default/web')
    const seen = recorder.events.length
    server.store.put('Service', service('web'))
    await recorder.until('set Service default/web', seen)
  })

  it('is deleted also when the server does not select by label (IN-1)', async () => {
    const { server, recorder } = await stage((server) => {
      server.selectsLabels = false
      server.store.put('Service', service('web'))
      server.store.put('EndpointSlice', slice('plain'))
    })
    await recorder.synced()
    server.store.put('Service', service('web', {}, hidden))
    await recorder.until('delete Service default/web')
    server.store.put('EndpointSlice', slice('plain', { 'service.kubernetes.io/headless': '' }))
    await recorder.until('delete EndpointSlice default/plain')
  })

  it('headless slices and headless Services are left out by the server (IN-2, IN-3)', async () => {
    const { server, recorder } = await stage((server) => {
      server.store.put('Service', service('headless', { clusterIP: 'None' }))
      server.store.put('EndpointSlice', slice('s', { 'service.kubernetes.io/headless': '' }))
    })
    await recorder.synced()
    server.store.put('Service', service('last'))
    await recorder.until('set Service default/last')
    expect(recorder.story.filter((line) => !line.startsWith('synced'))).toEqual([
      'set Service default/last',
    ])
  })

  it('a server that cannot select by cluster IP is asked without, and we filter (IN-2)', async () => {
    const { server, recorder } = await stage((server) => {
      server.selectsClusterIP = false
      server.store.put('Service', service('headless', { clusterIP: 'None' }))
      server.store.put('Service', service('web'))
    })
    await recorder.synced()
    expect(recorder.story).not.toContain('set Service default/headless')
    expect(recorder.story).toContain('set Service default/web')
    const last = server.requests.findLast(({ kind }) => kind === 'Service')
    expect(last?.query).not.toHaveProperty('fieldSelector')
    expect(server.story('Service')).toEqual(['stream', 'stream'])
  })
})

describe('a kind that the server does not have or does not show', () => {
  it.each([
    [404, 'NotFound'],
    [403, 'Forbidden'],
  ])('counts as empty, where the agent can do without: HTTP %i (IN-60)', async (code, reason) => {
    const { recorder, restarts } = await stage((server) => {
      server.guard = ({ kind }, response) => {
        if (kind === 'ServiceCIDR') server.refuse(response, { code, reason })
        return kind === 'ServiceCIDR'
      }
    })
    await recorder.synced()
    const stream = () => recorder.source.status().streams.find(({ kind }) => kind === 'ServiceCIDR')
    expect(stream()).toMatchObject({ state: 'absent', objects: 0, restarts: 0, synced: true })
    expect(stream()?.lastError).toContain(`${code} ${reason}`)
    expect(restarts.filter(({ kind }) => kind === 'ServiceCIDR')).toHaveLength(1)
  })

  it('is asked for ever more rarely; what it then has stays in force (IN-60)', async () => {
    let missing = true
    const { recorder, server, delays } = await stage((server) => {
      const spec = { cidrs: ['10.96.0.0/16'] }
      server.store.put('ServiceCIDR', { metadata: { name: 'kubernetes' }, spec })
      server.guard = ({ kind }, response) => {
        if (kind !== 'ServiceCIDR' || !missing) return false
        server.refuse(response, { code: 404, reason: 'NotFound' })
        return true
      }
    })
    await expect.poll(() => delays.length).toBeGreaterThan(10)
    missing = false
    await recorder.until('set ServiceCIDR kubernetes')
    expect(delays.slice(0, 3)).toEqual([1_000, 2_000, 4_000])
    expect(delays.at(-1)).toBe(300_000)
    missing = true
    await expect.poll(() => server.hasWatch('ServiceCIDR')).toBe(true)
    server.endWatches('ServiceCIDR')
    await expect
      .poll(() => recorder.source.status().streams.at(-1))
      .toMatchObject({ state: 'retrying', objects: 1 })
    expect(recorder.story).not.toContain('delete ServiceCIDR kubernetes')
  })
})
