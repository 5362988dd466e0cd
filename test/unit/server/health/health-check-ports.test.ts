import { once } from 'node:events'
import { Agent, get, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { HealthCheckService } from '../../../../control/model/health-check.ts'
import { HealthCheckPorts } from '../../../../control/server/health/health-check-ports.ts'
import { Log } from '../log.ts'

interface Answer {
  readonly code: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

function ask(port: number, path = '/', host = '127.0.0.1', agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get({ host, port, path, agent: agent ?? false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk))
      const { statusCode: code = 0, headers } = response
      response.on('end', () => resolve({ code, headers, text }))
    }).on('error', reject)
  })
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const check = (port: number, localReadyEndpoints = 1, name = 'web'): HealthCheckService => {
  return { namespace: 'default', name, family: 4, port, localReadyEndpoints }
}

function open(addresses: readonly string[] = ['127.0.0.1']) {
  const failures: [string, string][] = []
  const state = { healthy: true }
  const log = new Log()
  const ports = new HealthCheckPorts(addresses, {
    isHealthy: () => state.healthy,
    onFailure: ({ name }, message) => failures.push([name, message]),
    log,
    retryMs: 20,
  })
  onTestFinished(() => ports.close())
  return { ports, failures, state, log }
}

describe('HealthCheckPorts', () => {
  it('answers any path with the count, the weight and the JSON of kube-proxy (HL-11, HL-13)', async () => {
    const { ports } = open()
    const port = await freePort()
    await ports.update([check(port, 3)])
    const { code, headers, text } = await ask(port, '/any/path?x')
    expect(code).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': '3',
    })
    expect(text).toBe(`{
	"service": {
		"namespace": "default",
		"name": "web"
	},
	"localEndpoints": 3,
	"serviceProxyHealthy": true
}`)
  })

  it.each([
    [1, true, 200],
    [0, true, 503],
    [1, false, 503],
    [0, false, 503],
  ])(
    'with %d endpoints and a data path whose health is %s answers %d (HL-12)',
    async (count, healthy, code) => {
      const { ports, state } = open()
      const port = await freePort()
      state.healthy = healthy
      await ports.update([check(port, count)])
      const answer = await ask(port)
      expect(answer.code).toBe(code)
      expect(JSON.parse(answer.text)).toMatchObject({
        localEndpoints: count,
        serviceProxyHealthy: healthy,
      })
    },
  )

  it('closes a port that is no longer asked for, and who is connected to it (HL-15)', async () => {
    const { ports } = open()
    const port = await freePort()
    await ports.update([check(port)])
    const agent = new Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    await ask(port, '/', '127.0.0.1', agent)
    await ports.update([])
    await expect(ask(port, '/', '127.0.0.1', agent)).rejects.toThrow(/ECONNRE|socket hang up/)
    await expect(ask(port)).rejects.toThrow('ECONNREFUSED')
    expect(ports.listening).toEqual([])
  })

  it('leaves open what stays, and follows its count over the same connection (HL-10)', async () => {
    const { ports, log } = open()
    const [port, other] = [await freePort(), await freePort()]
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => agent.destroy())
    await ports.update([check(port, 1)])
    await ask(port, '/', '127.0.0.1', agent)
    await ports.update([check(port, 2), check(other, 1, 'api')])
    expect((await ask(port, '/', '127.0.0.1', agent)).headers).toMatchObject({
      'x-load-balancing-endpoint-weight': '2',
    })
    expect(log.of('info')).toHaveLength(2)
    expect(JSON.parse((await ask(other)).text)).toMatchObject({ service: { name: 'api' } })
  })

  it('moves with a Service to another port (HL-10)', async () => {
    const { ports } = open()
    const [before, after] = [await freePort(), await freePort()]
    await ports.update([check(before)])
    await ports.update([check(after)])
    expect((await ask(after)).code).toBe(200)
    await expect(ask(before)).rejects.toThrow('ECONNREFUSED')
  })

  it('listens on the addresses of the family alone, each with its own count (HL-10)', async () => {
    const { ports } = open(['0.0.0.0', '::'])
    const port = await freePort()
    await ports.update([check(port, 1), { ...check(port, 2), family: 6 }])
    expect(ports.listening).toEqual([`0.0.0.0:${port}`, `[::]:${port}`])
    const weight = 'x-load-balancing-endpoint-weight'
    expect((await ask(port)).headers[weight]).toBe('1')
    expect((await ask(port, '/', '::1')).headers[weight]).toBe('2')
    await ports.update([{ ...check(port, 2), family: 6 }])
    await expect(ask(port)).rejects.toThrow('ECONNREFUSED')
    expect((await ask(port, '/', '::1')).code).toBe(200)
  })

  it('tells of a port in use, and takes it when it is free (HL-14)', async () => {
    const { ports, failures, log } = open()
    const thief = createServer()
    thief.listen(0, '127.0.0.1')
    await once(thief, 'listening')
    const { port } = thief.address() as AddressInfo
    const free = await freePort()
    await ports.update([check(port), check(free, 1, 'api')])
    expect(failures).toEqual([
      [
        'web',
        expect.stringMatching(`healthCheckNodePort ${port} .*127.0.0.1:${port}: .*EADDRINUSE`),
      ],
    ])
    expect((await ask(free)).code).toBe(200)
    thief.close()
    await once(thief, 'close')
    while (!ports.listening.includes(`127.0.0.1:${port}`)) await log.quiet(5)
    expect((await ask(port)).code).toBe(200)
  })

  it('gives a port that two Services ask for to the first, and tells of the other', async () => {
    const { ports, failures } = open()
    const port = await freePort()
    await ports.update([check(port), check(port, 0, 'late')])
    expect(JSON.parse((await ask(port)).text)).toMatchObject({ service: { name: 'web' } })
    expect(failures).toEqual([['late', expect.stringContaining('belongs to Service default/web')]])
  })
})
