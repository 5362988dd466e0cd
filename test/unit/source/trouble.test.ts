import type { ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FakeApiServer } from './fake-api-server.ts'
import { follow, service, slice, stage } from './kubernetes-stage.ts'
import type { Recorder } from './recorder.ts'

const twoServices = (server: FakeApiServer) => {
  server.store.put('Service', service('a'))
  server.store.put('Service', service('b'))
}

/** Changes to Services, without the rest of the story. */
const changes = (story: readonly string[]) =>
  story.filter((line) => /^(set|delete) Serv/.test(line))

describe('a watch that ends', () => {
  it('is taken up from the last event, without a list (AP-22)', async () => {
    const { server, recorder, restarts } = await stage(twoServices)
    await recorder.synced()
    server.store.put('Service', service('c'))
    await recorder.until('set Service default/c')
    server.endWatches('Service')
    await expect.poll(() => server.story('Service')).toEqual(['stream', 'watch 13'])
    expect(restarts).toEqual([])
  })

  it('is taken up from the last bookmark (AP-22)', async () => {
    const { server, recorder } = await stage(twoServices)
    await recorder.synced()
    server.store.put('EndpointSlice', slice('elsewhere'))
    server.bookmark('Service')
    server.store.put('Service', service('c'))
    await recorder.until('set Service default/c')
    server.store.put('EndpointSlice', slice('elsewhere-too'))
    server.bookmark('Service')
    server.endWatches('Service')
    await expect.poll(() => server.story('Service')).toEqual(['stream', 'watch 15'])
  })

  it('inside a message is an error, and loses nothing (AP-14)', async () => {
    const { server, recorder, restarts } = await stage(twoServices)
    await recorder.synced()
    const event = server.event('ADDED', 'Service', service('half'))
    server.write('Service', event.subarray(0, event.length - 3))
    server.endWatches('Service')
    await expect.poll(() => restarts).toMatchObject([{ kind: 'Service', reason: 'truncated' }])
    server.store.put('Service', service('c'))
    await recorder.until('set Service default/c')
    expect(server.story('Service')).toEqual(['stream', 'watch 12'])
    expect(recorder.story).not.toContain('set Service default/half')
  })

  it('as soon as it begins, again and again, is not taken up without delay', async () => {
    const { server, recorder, restarts } = await stage(twoServices, { short: 10_000 })
    await recorder.synced()
    server.interceptors.push((request, response) => {
      if (request.kind !== 'Service') return false
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end()
      return true
    })
    server.endWatches('Service')
    await expect.poll(() => restarts).toMatchObject([{ reason: 'short', delaySeconds: 0.75 }])
  })

  it('is broken off when it has been silent for too long, and taken up without a list', async () => {
    const { server, recorder, restarts } = await stage(twoServices, { silence: 100 })
    await recorder.synced()
    await expect.poll(() => restarts.map(({ reason }) => reason)).toContain('stale')
    server.store.put('Service', service('c'))
    await recorder.until('set Service default/c')
    expect(server.story('Service').filter((line) => !line.startsWith('watch'))).toEqual(['stream'])
  })
})

describe('a version that is too old', () => {
  it.each([
    ['as an HTTP status', 'HTTP'],
    ['as an event', 'event'],
  ] as const)('%s means a new list of the newest state (AP-23)', async (_, expiry) => {
    const { server, recorder, restarts, delays } = await stage((server) => {
      twoServices(server)
      server.expiry = expiry
    })
    await recorder.synced()
    server.store.compact()
    server.endWatches('Service')
    await expect.poll(() => server.story('Service')).toEqual(['stream', 'watch 12', 'stream'])
    expect(restarts).toMatchObject([{ kind: 'Service', reason: 'expired', delaySeconds: 0 }])
    expect(delays).toEqual([])
    expect(server.requests.at(-1)?.query).not.toHaveProperty('resourceVersion')
  })

  it('or from the future means the same (AP-23)', async () => {
    const { server, recorder } = await stage((server) => {
      twoServices(server)
      server.watchList = 'refused'
    })
    await recorder.synced()
    await expect.poll(() => server.hasWatch('Service')).toBe(true)
    server.interceptors.push((request, response) => {
      if (request.kind !== 'Service') return false
      const message = 'Too large resource version: 12, current: 3'
      server.refuse(response, { code: 504, reason: 'Timeout', message })
      return true
    })
    server.endWatches('Service')
    await expect
      .poll(() => server.story('Service'))
      .toEqual(['stream', 'list 0', 'watch 12', 'watch 12', 'stream', 'list', 'watch 12'])
  })

  it('twice in a row waits the second time', async () => {
    const { server, recorder, restarts } = await stage(twoServices)
    await recorder.synced()
    for (let time = 0; time < 2; time++) {
      server.interceptors.push((request, response) => {
        if (request.kind !== 'Service') return false
        server.refuse(response, { code: 410, reason: 'Gone' })
        return true
      })
    }
    server.endWatches('Service')
    await expect.poll(() => restarts).toMatchObject([{ delaySeconds: 0 }, { delaySeconds: 0.75 }])
  })
})

describe('a relist', () => {
  async function relist(prepare: (server: FakeApiServer) => void = () => {}) {
    const it = await stage((server) => {
      twoServices(server)
      prepare(server)
    })
    await it.recorder.synced()
    await expect.poll(() => it.server.hasWatch('Service')).toBe(true)
    // The watch misses these changes, as it would if it were broken.
    it.server.split = () => []
    it.server.store.delete('Service', 'a', 'default')
    it.server.store.put('Service', service('new'))
    it.server.split = (bytes) => [bytes]
    it.server.store.compact()
    const seen = it.recorder.events.length
    it.server.endWatches('Service')
    return { ...it, seen }
  }

  it.each(['on', 'refused'] as const)(
    'deletes what is missing, after everything that is there, and repeats nothing (AP-25, IN-5, IN-6; WatchList %s)',
    async (watchList) => {
      const { recorder, seen } = await relist((server) => {
        server.watchList = watchList
      })
      expect(await recorder.until('delete Service default/a', seen)).toEqual([
        'set Service default/new',
        'delete Service default/a',
      ])
      expect(recorder.story.filter((line) => line === 'synced Service')).toHaveLength(1)
    },
  )

  it('that breaks off deletes nothing until a later one is complete (AP-21, AP-25)', async () => {
    let broken = 0
    const { recorder, restarts, seen } = await relist((server) => {
      server.interceptors.push((request, response) => {
        if (request.kind !== 'Service' || request.query.resourceVersion || broken > 0) return false
        if (!recorderIsSynced(server)) return false
        broken++
        response.writeHead(200, { 'content-type': 'application/vnd.kubernetes.protobuf' })
        response.write(server.event('ADDED', 'Service', server.store.list('Service')[0] ?? {}))
        setTimeout(() => response.destroy(), 20)
        return true
      })
    })
    await recorder.until('delete Service default/a', seen)
    expect(broken).toBe(1)
    expect(restarts.map(({ reason }) => reason)).toEqual(['expired', 'connection'])
    expect(changes(recorder.story.slice(seen))).toEqual([
      'set Service default/new',
      'delete Service default/a',
    ])
  })
})

/** The first streamed list is answered by the server itself. */
function recorderIsSynced(server: FakeApiServer): boolean {
  return server.story('Service').length > 1
}

describe('a streamed list', () => {
  it('that never ends is given up for good; the next relist pages (AP-21)', async () => {
    const { server, recorder, restarts } = await stage(
      (server) => {
        twoServices(server)
        server.watchList = 'no mark'
      },
      { initialSilence: 40 },
    )
    await recorder.synced()
    await expect.poll(() => server.hasWatch('Service')).toBe(true)
    server.store.compact()
    server.endWatches('Service')
    await expect
      .poll(() => server.story('Service'))
      .toEqual(['stream', 'list 0', 'watch 12', 'watch 12', 'list', 'watch 13'])
    expect(restarts.find(({ kind }) => kind === 'Service')).toMatchObject({ reason: 'deadline' })
    expect(changes(recorder.story)).toEqual(['set Service default/a', 'set Service default/b'])
  })

  it('that goes on for ever has a limit, however busy it is (AP-21)', async () => {
    const { server, recorder, restarts } = await stage(
      (server) => {
        twoServices(server)
        server.watchList = 'no mark'
      },
      { initialTotal: 100 },
    )
    const busy = setInterval(() => server.bookmark('Service'), 10)
    onTestFinished(() => clearInterval(busy))
    await recorder.synced()
    expect(restarts.find(({ kind }) => kind === 'Service')).toMatchObject({ reason: 'deadline' })
  })

  it('that the server ends too early is replaced by a list, this time (AP-21)', async () => {
    const { server, recorder } = await stage((server) => {
      twoServices(server)
      server.interceptors.push((request, response) => {
        if (request.kind !== 'Service') return false
        response.writeHead(200, { 'content-type': 'application/vnd.kubernetes.protobuf' })
        response.end(server.event('ADDED', 'Service', server.store.list('Service')[0] ?? {}))
        return true
      })
    })
    await recorder.synced()
    await expect.poll(() => server.hasWatch('Service')).toBe(true)
    server.store.compact()
    server.endWatches('Service')
    await expect
      .poll(() => server.story('Service'))
      .toEqual(['stream', 'list 0', 'watch 12', 'watch 12', 'stream'])
  })
})

const kinds = ['Service', 'EndpointSlice', 'Node']

/** What the status says of the stream with this index. It waits and asks again by turns. */
function away(recorder: Recorder, index: number) {
  const stream = recorder.source.status().streams[index]
  const isAsking = stream?.state === 'retrying' || stream?.state === 'connecting'
  return {
    isAway: isAsking && stream.lastError?.includes('ECONNREFUSED') === true,
    synced: stream?.synced,
  }
}

describe('a server that is away', () => {
  it('takes nothing with it, and is watched again without a list (AP-24, AP-26)', async () => {
    const { server, recorder, restarts } = await stage(twoServices)
    await recorder.synced()
    const seen = recorder.events.length
    await server.kill()
    for (const kind of kinds.keys()) {
      await expect.poll(() => away(recorder, kind)).toEqual({ isAway: true, synced: true })
    }
    expect(recorder.events.length).toBe(seen)
    await server.listen()
    server.store.put('Service', service('c'))
    expect(changes(await recorder.until('set Service default/c', seen))).toEqual([
      'set Service default/c',
    ])
    expect(server.story('Service')).toEqual(['stream', 'watch 12'])
    expect(recorder.source.status().streams[0]).toMatchObject({
      state: 'watching',
      lastError: undefined,
      restarts: restarts.filter(({ kind }) => kind === 'Service').length,
    })
  })

  it('keeps the reason in the status until it answers again, not only until it is asked again', async () => {
    const { server, recorder } = await stage(twoServices, { answer: 200 })
    await recorder.synced()
    let silent = false
    server.guard = ({ kind }, response) => {
      if (kind !== 'Service') return false
      if (!silent) server.refuse(response, { code: 503, reason: 'ServiceUnavailable' })
      silent = true
      return true
    }
    const status = () => recorder.source.status().streams[0]
    server.endWatches('Service')
    await expect
      .poll(status)
      .toMatchObject({ state: 'connecting', lastError: expect.stringMatching(/503|no answer/) })
    server.guard = () => false
    await expect.poll(status).toMatchObject({ state: 'watching', lastError: undefined })
  })

  it('in the middle of a relist keeps the reason until the list is complete', async () => {
    const { server, recorder } = await stage(twoServices)
    await recorder.synced()
    let held: ServerResponse | undefined
    server.interceptors.push(
      ({ kind }, response) => {
        if (kind === 'Service') server.refuse(response, { code: 410, reason: 'Expired' })
        return kind === 'Service'
      },
      ({ kind }, response) => {
        if (kind !== 'Service') return false
        response.writeHead(200, { 'content-type': 'application/vnd.kubernetes.protobuf' })
        response.write(server.event('ADDED', 'Service', service('a')))
        held = response
        return true
      },
    )
    const status = () => recorder.source.status().streams[0]
    server.endWatches('Service')
    await expect
      .poll(status)
      .toMatchObject({ state: 'listing', lastError: expect.stringContaining('410') })
    held?.destroy()
    await expect.poll(status).toMatchObject({ state: 'watching', lastError: undefined })
  })

  it('at the start is waited for', async () => {
    const server = await FakeApiServer.start()
    onTestFinished(() => server.kill())
    await server.kill()
    const { recorder, restarts } = await follow(server.url)
    await expect.poll(() => restarts.length).toBeGreaterThan(3)
    for (const kind of kinds.keys()) {
      await expect.poll(() => away(recorder, kind)).toEqual({ isAway: true, synced: false })
    }
    await server.listen()
    await recorder.synced()
  })

  it('is not asked too often: delays grow, and are random (AP-24)', async () => {
    const { server, recorder, restarts } = await stage()
    await recorder.synced()
    await server.kill()
    const delays = () =>
      restarts.filter(({ kind }) => kind === 'Service').map(({ delaySeconds }) => delaySeconds)
    await expect
      .poll(() => delays().slice(0, 8))
      .toEqual([0.75, 1.25, 2.25, 4.25, 8.25, 15.25, 15.25, 15.25])
  })

  it('that does not answer is given up after a while', async () => {
    const { recorder, restarts } = await stage(
      (server) => {
        twoServices(server)
        server.interceptors.push(({ kind }) => kind === 'Service')
      },
      { answer: 60 },
    )
    await recorder.synced()
    expect(restarts.find(({ kind }) => kind === 'Service')).toMatchObject({ reason: 'timeout' })
  })

  it('that answers slowly, but does answer, is listened to', async () => {
    const { recorder, restarts } = await stage(
      (server) => {
        server.watchList = 'refused'
        twoServices(server)
        server.interceptors.push(({ kind, query }, response) => {
          if (kind !== 'Service' || query.watch) return false
          response.writeHead(200, { 'content-type': 'application/json' })
          const body = JSON.stringify({
            kind: 'ServiceList',
            metadata: { resourceVersion: '12' },
            items: [service('a')],
          })
          // More than ten of them: in all they take longer than an answer may.
          const pieces = body.match(/.{1,12}/g) ?? []
          const next = () => {
            const piece = pieces.shift()
            if (piece === undefined) response.end()
            else {
              response.write(piece)
              setTimeout(next, 50)
            }
          }
          next()
          return true
        })
      },
      { answer: 500 },
    )
    await recorder.synced()
    expect(
      restarts.filter(({ kind, reason }) => kind === 'Service' && reason !== 'HTTP 422'),
    ).toEqual([])
    expect(recorder.story).toContain('set Service default/a')
  })
})
