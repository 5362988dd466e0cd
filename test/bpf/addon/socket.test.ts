import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { destroySockets, type SocketId } from '#addon'
import { TemporaryNetns } from './netns.ts'

const LOOPBACK = Uint8Array.of(127, 0, 0, 1)
const ANY_COOKIE = 2n ** 64n - 1n

let server: Socket
let client: Socket
let id: SocketId

beforeEach(async () => {
  server = createSocket('udp4').bind(0, '127.0.0.1')
  await once(server, 'listening')
  client = createSocket('udp4')
  client.connect(server.address().port, '127.0.0.1')
  await once(client, 'connect')
  id = {
    protocol: 17,
    localAddress: LOOPBACK,
    localPort: client.address().port,
    remoteAddress: LOOPBACK,
    remotePort: server.address().port,
    cookie: ANY_COOKIE,
  }
})

afterEach(() => {
  client.close()
  server.close()
})

describe('destroySockets', () => {
  it('ends a connected UDP socket, whose user is told', async () => {
    const told = once(client, 'error')
    expect(await destroySockets([id])).toEqual([true])
    expect((await told)[0]).toMatchObject({ code: 'ECONNABORTED' })
    expect(await destroySockets([id])).toEqual([false])
  })

  it('ends no other socket: not of another cookie, peer, port or network namespace', async () => {
    const elsewhere = await TemporaryNetns.make()
    expect(
      await destroySockets([
        { ...id, cookie: 1n },
        { ...id, remotePort: 9 },
        { ...id, localPort: 9 },
        { ...id, remoteAddress: Uint8Array.of(127, 0, 0, 9) },
      ]),
    ).toEqual([false, false, false, false])
    expect(await destroySockets([id], { netns: elsewhere.path })).toEqual([false])
    await elsewhere.end()
    expect(client.remoteAddress().port).toBe(id.remotePort)
    expect(await destroySockets([])).toEqual([])
  })

  it('says what the kernel refuses', async () => {
    await expect(destroySockets([id], { netns: '/absent' })).rejects.toMatchObject({
      code: 'ENOENT',
      operation: 'open network namespace',
    })
  })

  it.each([
    ['sockets must be an array, got 7', 7, {}],
    ['options must be an object, got 7', [], 7],
    ['options.netnss is not an option; there are netns', [], { netnss: '' }],
    ['sockets[0] must be an object, got null', [null], {}],
    ['sockets[0].protocol must be an integer from 0 to 255, got 256', [{ protocol: 256 }], {}],
    [
      'sockets[0].localAddress must be 4 or 16 bytes, got 5',
      [{ localAddress: new Uint8Array(5) }],
      {},
    ],
    [
      'sockets[0].remoteAddress must be 4 bytes, got 16',
      [{ remoteAddress: new Uint8Array(16) }],
      {},
    ],
    ['sockets[0].localPort must be an integer from 0 to 65535, got -1', [{ localPort: -1 }], {}],
    [
      'sockets[0].remotePort must be an integer from 0 to 65535, got 1.5',
      [{ remotePort: 1.5 }],
      {},
    ],
    ['sockets[0].cookie must be a bigint of 64 bits, got 1', [{ cookie: 1 }], {}],
    ['sockets[0].cookie must be a bigint of 64 bits, got -1n', [{ cookie: -1n }], {}],
  ])('%s', async (message, sockets, options) => {
    const whole = Array.isArray(sockets)
      ? sockets.map((socket) => (socket === null ? null : { ...id, ...socket }))
      : sockets
    await expect(destroySockets(whole as never, options as never)).rejects.toThrow(
      new TypeError(message),
    )
  })
})
