import type { ServerResponse } from 'node:http'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FakeApiServer, Request } from './fake-api-server.ts'
import { service, stage } from './kubernetes-stage.ts'
import { encodeMessage, envelope } from './protobuf-codec.ts'

type Lie = (response: ServerResponse, request: Request, server: FakeApiServer) => void

const PROTOBUF = 'application/vnd.kubernetes.protobuf'

const ok =
  (contentType: string, content: string | Buffer): Lie =>
  (response) => {
    response.writeHead(200, { 'content-type': contentType })
    response.end(content)
  }

const refuse =
  (code: number, reason: string): Lie =>
  (response, _, server) =>
    server.refuse(response, { code, reason })

/** Begins as the server would, and breaks off inside a message. */
const cut: Lie = (response, _, server) => {
  response.writeHead(200, { 'content-type': PROTOBUF })
  const event = server.event('ADDED', 'Service', server.store.list('Service')[0] ?? {})
  response.write(Buffer.concat([event, event.subarray(0, 9)]), () => void response.destroy())
}

/** Whatever can be answered in place of the truth, short of a complete list that lacks something. */
const LIES: Readonly<Record<string, Lie>> = {
  'a web page': ok('text/html', '<html>'),
  'an empty mapping': ok('application/json', '{}'),
  'an empty body in protobuf': ok(PROTOBUF, ''),
  'an empty body in JSON': ok('application/json', ''),
  'a Status as protobuf': ok(
    PROTOBUF,
    envelope('v1', 'Status', encodeMessage('Status', { code: 500 })),
  ),
  'another list': ok('application/json', '{"kind":"NodeList","items":[]}'),
  'half a list': ok(
    'application/json',
    '{"kind":"ServiceList","metadata":{"resourceVersion":"3","remainingItemCount":2},"items":[]}',
  ),
  noise: ok(PROTOBUF, Buffer.from('00000003ffffff0000000801020304', 'hex')),
  'lines that are no events': ok('application/json', '{"type":"ADDED"}\n[]\nnull\n{"type":5}\n'),
  'an error event': (response, _, server) =>
    ok(PROTOBUF, server.event('ERROR', 'Status', { code: 500, reason: 'InternalError' }))(
      response,
      _,
      server,
    ),
  'a broken connection': (response) => void response.destroy(),
  'a connection that breaks in a message': cut,
  silence: () => {},
  400: refuse(400, 'BadRequest'),
  403: refuse(403, 'Forbidden'),
  404: refuse(404, 'NotFound'),
  410: refuse(410, 'Expired'),
  422: refuse(422, 'Invalid'),
  429: refuse(429, 'TooManyRequests'),
  500: refuse(500, 'InternalError'),
}

const lies = fc.array(fc.constantFrom(...Object.keys(LIES)), { minLength: 1, maxLength: 8 })

describe('any lies of an API server', () => {
  it('delete nothing while they last, and leave nothing behind (AP-25, AP-26)', {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        lies,
        fc.constantFrom('protobuf' as const, 'JSON' as const),
        fc.constantFrom('on' as const, 'refused' as const),
        fc.boolean(),
        async (names, encoding, watchList, beginsWithThem) => {
          const tell = (server: FakeApiServer) => {
            for (const name of names) {
              server.interceptors.push((request, response) => {
                if (request.kind !== 'Service') return false
                LIES[name]?.(response, request, server)
                return true
              })
            }
          }
          const { server, recorder } = await stage(
            (server) => {
              server.encoding = encoding
              server.watchList = watchList
              server.store.put('Service', service('a'))
              server.store.put('Service', service('gone'))
              if (beginsWithThem) tell(server)
            },
            { answer: 40 },
          )
          if (!beginsWithThem) {
            await recorder.synced()
            tell(server)
            server.endWatches('Service')
          }
          await expect.poll(() => server.interceptors, { interval: 5 }).toEqual([])
          const deletions = () => recorder.story.filter((line) => line.startsWith('delete'))
          expect(deletions()).toEqual([])

          server.store.delete('Service', 'gone', 'default')
          server.store.put('Service', service('new'))
          await expect
            .poll(() => recorder.source.status(), { interval: 5 })
            .toMatchObject({
              streams: [
                { objects: 2, synced: true, state: 'watching', lastError: undefined },
                {},
                {},
                {},
              ],
            })
          await recorder.until('set Service default/new')
          expect(recorder.object('Service default/a')).toBeDefined()
          expect(deletions().filter((line) => !line.endsWith('/gone'))).toEqual([])
          await recorder.source.stop()
          await server.kill()
        },
      ),
      { numRuns: 150 },
    )
  })
})
