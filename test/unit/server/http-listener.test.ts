import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { BindAddress } from '../../../control/server/bind-address.ts'
import { HttpListener, ListenError } from '../../../control/server/http-listener.ts'
import { Log } from './log.ts'

function listener(address: BindAddress, log = new Log()): HttpListener {
  const made = new HttpListener({
    name: 'health server',
    setting: '--healthz-bind-address',
    address,
    handler: (_, response) => response.end('here'),
    log,
    retryMs: 10,
  })
  onTestFinished(() => made.close())
  return made
}

/** Somebody else on a port. */
async function occupied() {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { server, address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } }
}

const ask = async (port: number | undefined) => (await fetch(`http://127.0.0.1:${port}/`)).text()

describe('HttpListener', () => {
  it('answers at its address', async () => {
    const server = listener({ host: '127.0.0.1', port: 0 })
    await server.open()
    expect(await ask(server.port)).toBe('here')
  })

  it('that must listen and cannot names the address, the reason and the setting (HL-6, hard)', async () => {
    const { address } = await occupied()
    await expect(listener(address).open()).rejects.toThrow(ListenError)
    await expect(listener(address).open()).rejects.toThrow(
      `the health server cannot listen on 127.0.0.1:${address.port}: another process listens there ` +
        '(EADDRINUSE); free that address or give another with --healthz-bind-address',
    )
  })

  it('that may wait says so once, tries again, and listens when the port is free (HL-6, soft)', async () => {
    const { server, address } = await occupied()
    const log = new Log()
    const waiting = listener(address, log)
    await waiting.openEventually()
    await log.quiet(50)
    expect(log.of('warn')).toHaveLength(1)
    expect(log.of('warn')[0]).toMatchObject({ detail: expect.stringContaining('EADDRINUSE') })
    server.close()
    await log.until('health server listens')
    expect(await ask(waiting.port)).toBe('here')
  })

  it('names an address that this host does not have, such as one of a wrong family', async () => {
    await expect(listener({ host: '2001:db8::1', port: 10_249 }).open()).rejects.toThrow(
      /\[2001:db8::1\]:10249: this host does not have that address/,
    )
  })

  it('that is closed while it waits never listens', async () => {
    const { server, address } = await occupied()
    const log = new Log()
    const waiting = listener(address, log)
    await waiting.openEventually()
    await waiting.close()
    server.close()
    await log.quiet(50)
    expect(waiting.port).toBeUndefined()
  })
})
