import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { FakeApiServer, Request } from './fake-api-server.ts'
import type { StoredObject } from './fake-store.ts'
import { type Stage, service, stage } from './kubernetes-stage.ts'
import type { Plain } from './protobuf-codec.ts'
import type { Recorder } from './recorder.ts'

/** An API server, or what stands between it and us, that does not keep to the protocol. */

afterEach(() => void vi.useRealTimers())

const twoServices = (server: FakeApiServer) => {
  server.store.put('Service', service('a'))
  server.store.put('Service', service('b'))
}

const pagesOnly = (server: FakeApiServer) => {
  twoServices(server)
  server.watchList = 'refused'
}

/** A source that has everything and watches. */
async function watching(
  prepare: (server: FakeApiServer) => void = twoServices,
  timing: Parameters<typeof stage>[1] = {},
): Promise<Stage> {
  const all = await stage(prepare, timing)
  await all.recorder.synced()
  await expect.poll(() => all.server.hasWatch('Service')).toBe(true)
  return all
}

const streamOf = (recorder: Recorder) => recorder.source.status().streams[0]

/** What happened to objects that are there all the time. */
const deletions = (recorder: Recorder) => recorder.story.filter((line) => line.startsWith('delete'))

/** Answers the next requests about Services in place of the server. */
function answer(
  server: FakeApiServer,
  lie: (response: ServerResponse, request: Request) => void,
  { times = 1, to = () => true }: { times?: number; to?: (request: Request) => boolean } = {},
): void {
  for (let time = 0; time < times; time++) {
    server.interceptors.push((request, response) => {
      if (request.kind !== 'Service' || !to(request)) return false
      lie(response, request)
      return true
    })
  }
}

const body = (contentType: string, content: string | Buffer) => (response: ServerResponse) => {
  response.writeHead(200, { 'content-type': contentType })
  response.end(content)
}

/** Both Services are there as before, the watch works, and nothing was deleted meanwhile. */
async function expectRecovery({ server, recorder }: Stage): Promise<void> {
  server.store.put('Service', service('z'))
  await recorder.until('set Service default/z')
  await expect
    .poll(() => streamOf(recorder))
    .toMatchObject({ state: 'watching', objects: 3, lastError: undefined })
  expect(deletions(recorder)).toEqual([])
}

const html = body('text/html', '<html><body>Please log in</body></html>')

describe('an answer that is none, with status 200', () => {
  const lies: readonly (readonly [string, (response: ServerResponse) => void, string])[] = [
    ['a web page', html, 'the answer is of type text/html'],
    ['no content type', body('', 'x'), 'the answer is of type (none)'],
    ['another content type', body('text/plain', 'ok'), 'the answer is of type text/plain'],
  ]

  it.each(lies)(
    'to a watch: %s deletes nothing, is told, and is asked again',
    async (_, lie, message) => {
      const all = await watching()
      const { server, recorder, restarts, delays } = all
      answer(server, lie, { times: 2 })
      server.endWatches('Service')
      await expect
        .poll(() => restarts)
        .toMatchObject([
          { kind: 'Service', reason: 'malformed', detail: message },
          { kind: 'Service', reason: 'malformed', detail: message },
        ])
      expect(delays).toEqual([750, 1_250])
      await expectRecovery(all)
      expect(server.story('Service')).toEqual(['stream', ...new Array(3).fill('watch 12')])
      expect(recorder.story.filter((line) => line.startsWith('rejected'))).toEqual([])
    },
  )

  const listLies: readonly (readonly [string, (response: ServerResponse) => void, string])[] = [
    ...lies,
    ['an empty mapping', body('application/json', '{}'), 'of kind (none), not ServiceList'],
    [
      'a list of others',
      body('application/json', '{"kind":"PodList","items":[]}'),
      'of kind PodList',
    ],
    [
      'items that are no list',
      body('application/json', '{"kind":"ServiceList","items":{}}'),
      'items is a mapping: write a list',
    ],
    ['a web page as JSON', body('application/json', '<html>'), 'is not valid JSON'],
    [
      'JSON as protobuf',
      body('application/vnd.kubernetes.protobuf', '{"kind":"ServiceList","items":[]}'),
      'does not begin with the protobuf mark',
    ],
  ]

  it.each(listLies)(
    'to a list: %s deletes nothing, is told, and is asked again (AP-25)',
    async (_, lie, message) => {
      const all = await watching(pagesOnly)
      const { server, restarts } = all
      // The streamed list is refused as ever; what comes then lies.
      answer(server, lie, { to: ({ query }) => query.watch === undefined })
      server.store.compact()
      server.endWatches('Service')
      await expect
        .poll(() => restarts)
        .toContainEqual(
          expect.objectContaining({
            kind: 'Service',
            reason: 'malformed',
            detail: expect.stringContaining(message),
          }),
        )
      await expectRecovery(all)
    },
  )
})

describe('half a list', () => {
  /** Three Services in pages of one, and a watch that has to list them again. */
  async function relist(lie: Parameters<typeof answer>[1], page: string) {
    const all = await watching(pagesOnly, { pageSize: 1 })
    answer(all.server, lie, {
      to: ({ query }) => query.watch === undefined && (query.continue ?? 'first') === page,
    })
    all.server.store.compact()
    all.server.endWatches('Service')
    return all
  }

  it('whose connection is cut between pages deletes nothing, and is asked for again (AP-25)', async () => {
    const all = await relist((response) => void response.destroy(), '1')
    await expect
      .poll(() => all.restarts)
      .toContainEqual(expect.objectContaining({ kind: 'Service', reason: 'connection' }))
    await expectRecovery(all)
  })

  it('whose connection is cut inside a page deletes nothing, and is asked for again (AP-25)', async () => {
    const all = await relist((response) => {
      response.writeHead(200, {
        'content-type': 'application/vnd.kubernetes.protobuf',
        'content-length': '1000',
      })
      response.write(Buffer.from('k8s\0\x0a\x0f'), () => void response.destroy())
    }, 'first')
    await expect
      .poll(() => all.restarts)
      .toContainEqual(expect.objectContaining({ kind: 'Service', reason: 'connection' }))
    await expectRecovery(all)
  })

  it('that lacks its second page, and says so by remainingItemCount alone, is no list (AP-25)', async () => {
    const page = (items: readonly Plain[]) => ({
      kind: 'ServiceList',
      metadata: { resourceVersion: '13', remainingItemCount: 1 },
      items,
    })
    const all = await relist(
      body('application/json', JSON.stringify(page([service('a')]))),
      'first',
    )
    await expect
      .poll(() => all.restarts)
      .toContainEqual(
        expect.objectContaining({
          kind: 'Service',
          reason: 'malformed',
          detail: expect.stringContaining('1 more objects should follow'),
        }),
      )
    await expectRecovery(all)
  })

  it('that goes on with the same page for ever is given up, and asked for again', async () => {
    const metadata = { resourceVersion: '13', continue: '1' }
    const page = JSON.stringify({ kind: 'ServiceList', metadata, items: [service('a')] })
    const all = await relist(body('application/json', page), '1')
    await expect
      .poll(() => all.restarts)
      .toContainEqual(
        expect.objectContaining({
          kind: 'Service',
          reason: 'malformed',
          detail: expect.stringContaining('the same page'),
        }),
      )
    await expectRecovery(all)
  })
})

/** A Service as an event has it. */
const version = (name: string, resourceVersion: string, clusterIP: string): StoredObject => {
  const { metadata, ...rest } = service(name, { clusterIP })
  return { ...rest, metadata: { ...metadata, resourceVersion } }
}

describe('events that cannot be', () => {
  it('are taken for what they say: duplicates in a list count once', async () => {
    const { recorder } = await watching((server) => {
      pagesOnly(server)
      const [a] = server.store.list('Service')
      const items = [a, a, ...server.store.list('Service'), a]
      const list = { kind: 'ServiceList', metadata: { resourceVersion: '12' }, items }
      answer(server, body('application/json', JSON.stringify(list)), {
        to: ({ query }) => query.watch === undefined,
      })
    })
    expect(streamOf(recorder)).toMatchObject({ objects: 2, synced: true })
    expect(deletions(recorder)).toEqual([])
    expect(recorder.story.filter((line) => line === 'synced Service')).toHaveLength(1)
  })

  it.each([
    ['an ADDED for what is there changes it', 'ADDED', 'a', 'set Service default/a'],
    ['a MODIFIED for what is not there adds it', 'MODIFIED', 'c', 'set Service default/c'],
  ])('are taken for what they say: %s', async (_, type, name, line) => {
    const all = await watching()
    const { server, recorder } = all
    const seen = recorder.events.length
    server.write('Service', server.event(type, 'Service', version(name, '20', '10.96.0.77')))
    expect(await recorder.until(line, seen)).toEqual([line])
    expect(recorder.object(`Service default/${name}`)).toMatchObject({ clusterIP: '10.96.0.77' })
  })

  it('are taken for what they say: a DELETED for what is not there does nothing', async () => {
    const all = await watching()
    const { server, recorder } = all
    server.write('Service', server.event('DELETED', 'Service', version('ghost', '20', '10.96.0.7')))
    await expectRecovery(all)
    expect(recorder.story.join()).not.toContain('ghost')
  })

  it('leave no trace once the server tells the truth: versions that go back, events out of order', async () => {
    const all = await watching()
    const { server, recorder } = all
    // The newest comes first, then what was before it; and with that the version is one of long ago.
    server.write(
      'Service',
      Buffer.concat([
        server.event('MODIFIED', 'Service', version('b', '30', '10.96.0.30')),
        server.event('DELETED', 'Service', version('a', '29', '10.96.0.29')),
        server.event('ADDED', 'Service', version('a', '9', '10.96.0.9')),
      ]),
    )
    await expect
      .poll(() => recorder.object('Service default/a'))
      .toMatchObject({ clusterIP: '10.96.0.9' })
    server.endWatches('Service')
    // The watch goes on from the last version, whatever it is, and what came after that comes again.
    await expect.poll(() => server.story('Service')).toEqual(['stream', 'watch 9'])
    for (const name of ['a', 'b']) {
      await expect
        .poll(() => recorder.object(`Service default/${name}`))
        .toMatchObject({ clusterIP: '10.96.0.1' })
    }
    expect(streamOf(recorder)).toMatchObject({ objects: 2 })
  })
})

describe('a watch without bookmarks', () => {
  it('is taken up from its last event, and by a list once that is too old (AP-22, AP-23)', async () => {
    const all = await watching()
    const { server, recorder } = all
    server.store.put('Service', service('c'))
    await recorder.until('set Service default/c')
    // Time passes for other kinds, and nobody says so.
    server.store.put('EndpointSlice', service('other'))
    server.endWatches('Service')
    await expect.poll(() => server.story('Service')).toEqual(['stream', 'watch 13'])
    await expect.poll(() => server.hasWatch('Service')).toBe(true)
    server.store.compact()
    server.endWatches('Service')
    await expect
      .poll(() => server.story('Service'))
      .toEqual(['stream', 'watch 13', 'watch 13', 'stream'])
    server.store.delete('Service', 'c', 'default')
    await recorder.until('delete Service default/c')
    expect(deletions(recorder)).toEqual(['delete Service default/c'])
  })
})

describe('an error', () => {
  it.each([
    [418, 'Teapot'],
    [0, ''],
  ])(
    'event with code %i is told, and asked again from where the watch was',
    async (code, reason) => {
      const all = await watching()
      const { server, restarts } = all
      const message = 'something that no API server says'
      server.write('Service', server.event('ERROR', 'Status', { code, reason, message }))
      await expect
        .poll(() => restarts)
        .toMatchObject([
          { kind: 'Service', reason: 'error event', detail: expect.stringContaining(message) },
        ])
      await expectRecovery(all)
      expect(server.story('Service')).toEqual(['stream', 'watch 12'])
    },
  )

  it('of an expired version for ever is met with growing delays, deletes nothing, and ends well (AP-23, AP-24)', async () => {
    const all = await watching()
    const { server, delays } = all
    answer(server, (response) => server.refuse(response, { code: 410, reason: 'Expired' }), {
      times: 9,
    })
    server.endWatches('Service')
    await expect
      .poll(() => delays)
      .toEqual([750, 1_250, 2_250, 4_250, 8_250, 15_250, 15_250, 15_250])
    await expectRecovery(all)
  })

  it('with a Retry-After of years is not asked again for five minutes, and not at once (AP-24)', async () => {
    const all = await watching()
    const { server, delays } = all
    const status = { code: 429, reason: 'TooManyRequests' }
    answer(server, (response) => server.refuse(response, status, { 'retry-after': '99999999999' }))
    server.endWatches('Service')
    await expect.poll(() => delays).toEqual([300_750])
    await expectRecovery(all)
  })
})

describe('a wall clock that jumps', () => {
  const HOUR = 3_600_000

  it.each([
    ['back', -HOUR],
    ['forward', HOUR],
  ])('%s stalls no watch, makes none look stale, and changes no delay', async (_, jump) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const all = await watching()
    const { server, recorder, delays } = all
    vi.setSystemTime(Date.now() + jump)
    // What decides on staleness counts another clock.
    expect(streamOf(recorder)?.silentMs).toBeGreaterThanOrEqual(0)
    expect(streamOf(recorder)?.silentMs).toBeLessThan(HOUR / 2)
    server.store.put('Service', service('c'))
    await recorder.until('set Service default/c')
    const refuse = (response: ServerResponse) => {
      vi.setSystemTime(Date.now() - 2 * jump)
      server.refuse(response, { code: 503, reason: 'ServiceUnavailable' })
    }
    answer(server, refuse, { times: 2 })
    server.endWatches('Service')
    await expect.poll(() => delays).toEqual([750, 1_250])
    await expect.poll(() => streamOf(recorder)).toMatchObject({ state: 'watching' })
    server.store.put('Service', service('d'))
    await recorder.until('set Service default/d')
    expect(deletions(recorder)).toEqual([])
  })

  it.each([
    ['back', -HOUR],
    ['forward', HOUR],
  ])('%s does not keep a silent watch from being broken off', async (_, jump) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { server, recorder, restarts } = await watching(twoServices, { silence: 150 })
    vi.setSystemTime(Date.now() + jump)
    await expect.poll(() => restarts.map(({ reason }) => reason)).toContain('stale')
    server.store.put('Service', service('c'))
    await recorder.until('set Service default/c')
  })
})
