import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ApiEventSink } from '../../../control/events/api-sink.ts'
import { EventRefusedError } from '../../../control/events/event.ts'
import { Connection } from '../../../control/source/kubernetes/kubeconfig.ts'
import { type ApiRequest, HttpTransport } from '../../../control/source/kubernetes/transport.ts'
import { writeKubeconfig } from '../source/kubernetes-stage.ts'

interface Received {
  readonly method: string | undefined
  readonly path: string | undefined
  readonly type: string | undefined
  readonly authorization: string | undefined
  readonly body: unknown
}

/** A sink whose server answers with these, one after the other, then with 201. */
async function connected(...answers: readonly (readonly [number, string])[]) {
  const received: Received[] = []
  const requests: ApiRequest[] = []
  const left = [...answers]
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { method, url: path, headers } = request
    const { 'content-type': contentType, authorization } = headers
    received.push({ method, path, type: contentType, authorization, body: JSON.parse(text) })
    const [code, body] = left.shift() ?? [201, '{}']
    const length = Buffer.byteLength(body)
    const type = { 'content-type': 'application/json', 'content-length': length }
    response.writeHead(code, type).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const kubeconfig = writeKubeconfig(`http://127.0.0.1:${port}`, { token: 'secret' })
  const connection = await Connection.open({ kubeconfig })
  const transport = new HttpTransport(connection, 'kproxy/test', (one) => void requests.push(one))
  const sink = new ApiEventSink(transport)
  onTestFinished(() => {
    sink.close()
    server.close()
  })
  return { sink, received, requests, port, server }
}

const series = { count: 2, lastObservedTime: '2026-01-01T00:00:00.000000Z' }

describe('ApiEventSink', () => {
  it('creates in events.k8s.io/v1, with the credentials of the streams (9.3)', async () => {
    const { sink, received } = await connected()
    await sink.create('shop', { kind: 'Event' })
    expect(received).toEqual([
      {
        method: 'POST',
        path: '/apis/events.k8s.io/v1/namespaces/shop/events',
        type: 'application/json',
        authorization: 'Bearer secret',
        body: { kind: 'Event' },
      },
    ])
  })

  it('notes repetitions with a merge patch, which the rights of 9.1 allow', async () => {
    const { sink, received } = await connected([200, '{}'])
    await sink.update('shop', 'web.1', series)
    expect(received[0]).toMatchObject({
      method: 'PATCH',
      path: '/apis/events.k8s.io/v1/namespaces/shop/events/web.1',
      type: 'application/merge-patch+json',
      body: { series },
    })
  })

  it.each([
    [403, true],
    [404, true],
    [422, true],
    [401, false],
    [429, false],
    [500, false],
    [503, false],
  ])('an answer of %d is final: %s', async (code, isFinal) => {
    const { sink } = await connected([code, JSON.stringify({ message: 'because' })])
    const error = await sink.create('shop', {}).catch((error) => error)
    expect(error).toMatchObject({ message: `the API server answers ${code}: because` })
    expect(error instanceof EventRefusedError).toBe(isFinal)
  })

  it('takes a name that exists for an earlier try whose answer was lost', async () => {
    const { sink } = await connected([409, '{}'])
    await expect(sink.create('shop', {})).resolves.toBeUndefined()
  })

  it('is not surprised by answers that are not Kubernetes', async () => {
    const { sink } = await connected([502, '<html>bad gateway</html>'])
    await expect(sink.create('shop', {})).rejects.toThrow(/502: <html>/)
  })

  it('counts its requests, those without an answer too (MT-5)', async () => {
    const { sink, requests, port, server } = await connected()
    await sink.create('shop', {})
    server.close()
    server.closeAllConnections()
    await expect(sink.create('shop', {})).rejects.toThrow()
    const host = `127.0.0.1:${port}`
    expect(requests.map(({ method, host, code }) => [method, host, code])).toEqual([
      ['POST', host, '201'],
      ['POST', host, '<error>'],
    ])
    expect(requests[0]).toMatchObject({ requestBytes: 2, responseBytes: 2 })
    expect(requests[1]).toMatchObject({ requestBytes: 2, responseBytes: undefined })
  })
})
