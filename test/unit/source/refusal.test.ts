import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FakeApiServer } from './fake-api-server.ts'
import { follow, service, stage, temporaryDirectory } from './kubernetes-stage.ts'

/** Answers so many requests for Services with a Status. */
function refuseServices(
  server: FakeApiServer,
  times: number,
  status: { code: number; reason: string },
  headers?: Record<string, string>,
): void {
  for (let time = 0; time < times; time++) {
    server.interceptors.push((request, response) => {
      if (request.kind !== 'Service') return false
      server.refuse(response, status, headers)
      return true
    })
  }
}

describe('a server that refuses', () => {
  it('with 429 is left alone for as long as it wants (AP-24)', async () => {
    const { server, recorder, delays } = await stage((server) => {
      server.interceptors.push((request, response) => {
        if (request.kind !== 'Service') return false
        const status = { code: 429, reason: 'TooManyRequests' }
        server.refuse(response, status, { 'retry-after': '7' })
        return true
      })
    })
    await recorder.synced()
    expect(delays).toEqual([7_750])
    expect(server.story('Service')).toEqual(['stream', 'stream'])
  })

  it('with 403 is asked again, and the status says what it said', async () => {
    const message = 'services is forbidden: User "x" cannot watch resource "services"'
    const { server, recorder } = await stage((server) => {
      server.guard = ({ kind }, response) => {
        if (kind === 'Service') server.refuse(response, { code: 403, reason: 'Forbidden', message })
        return kind === 'Service'
      }
    })
    await expect
      .poll(() => recorder.source.status().streams[0])
      .toMatchObject({ state: 'retrying', lastError: expect.stringContaining(message) })
    await expect.poll(() => recorder.source.status().streams[1]).toMatchObject({ synced: true })
    server.guard = () => false
    await recorder.synced()
  })

  it('a watch three times is asked for a list', async () => {
    const { server, recorder } = await stage((server) => server.store.put('Service', service('a')))
    await recorder.synced()
    refuseServices(server, 3, { code: 403, reason: 'Forbidden' })
    server.endWatches('Service')
    await expect
      .poll(() => server.story('Service'))
      .toEqual(['stream', 'watch 11', 'watch 11', 'watch 11', 'stream 11'])
  })

  it.each([
    [429, 'TooManyRequests'],
    [500, 'InternalError'],
    [503, 'ServiceUnavailable'],
    [504, 'Timeout'],
  ])(
    'a watch with %i again and again is never asked for a list for that (AP-24)',
    async (code, reason) => {
      const { server, recorder, restarts } = await stage((server) =>
        server.store.put('Service', service('a')),
      )
      await recorder.synced()
      refuseServices(server, 7, { code, reason })
      server.endWatches('Service')
      await expect
        .poll(() => server.story('Service'))
        .toEqual(['stream', ...new Array(8).fill('watch 11')])
      server.store.put('Service', service('b'))
      await recorder.until('set Service default/b')
      expect(restarts.map(({ reason }) => reason)).toEqual(new Array(7).fill(`HTTP ${code}`))
    },
  )

  it('a watch with such an error in the stream is not asked for a list either', async () => {
    const { server, recorder } = await stage((server) => server.store.put('Service', service('a')))
    await recorder.synced()
    for (let time = 0; time < 4; time++) {
      server.interceptors.push((request, response) => {
        if (request.kind !== 'Service') return false
        response.writeHead(200, { 'content-type': 'application/vnd.kubernetes.protobuf' })
        const status = { code: 500, reason: 'InternalError', message: 'etcdserver: no leader' }
        response.end(server.event('ERROR', 'Status', status))
        return true
      })
    }
    server.endWatches('Service')
    await expect
      .poll(() => server.story('Service'))
      .toEqual(['stream', ...new Array(5).fill('watch 11')])
  })

  it('with 503 is left alone for as long as it wants (AP-24)', async () => {
    const { server, recorder, delays } = await stage((server) => {
      server.store.put('Service', service('a'))
    })
    await recorder.synced()
    const status = { code: 503, reason: 'ServiceUnavailable' }
    refuseServices(server, 2, status, { 'retry-after': '7' })
    server.endWatches('Service')
    await expect.poll(() => delays).toEqual([7_750, 8_250])
  })

  it('a streamed list for want of time is asked for the same again', async () => {
    const { server, recorder, delays } = await stage((server) => {
      server.store.put('Service', service('a'))
      refuseServices(server, 3, { code: 503, reason: 'ServiceUnavailable' })
    })
    await recorder.synced()
    expect(delays).toEqual([750, 1_250, 2_250])
    expect(server.story('Service')).toEqual(new Array(4).fill('stream'))
  })

  it('old credentials gets the rotated ones', async () => {
    const server = await FakeApiServer.start()
    onTestFinished(() => server.kill())
    const tokenFile = join(temporaryDirectory(), 'token')
    writeFileSync(tokenFile, 'first')
    let valid = 'first'
    server.guard = ({ headers }, response) => {
      const accepted = headers.authorization === `Bearer ${valid}`
      if (!accepted) server.refuse(response, { code: 401, reason: 'Unauthorized' })
      return !accepted
    }
    const { recorder } = await follow(server.url, {}, { tokenFile })
    await recorder.synced()
    valid = 'second'
    writeFileSync(tokenFile, valid)
    server.endWatches('Service')
    server.store.put('Service', service('c'))
    await recorder.until('set Service default/c')
  })
})
