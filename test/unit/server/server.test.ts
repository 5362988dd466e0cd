import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask } from '../../../control/cli/client.ts'
import type { ServiceDetail, StatusDocument } from '../../../control/server/api.ts'
import { SocketError, type StatusProvider, StatusServer } from '../../../control/server/server.ts'

const provider: StatusProvider = {
  status: async () => ({ health: 'healthy', nodeName: 'n1' }) as StatusDocument,
  services: async () => [],
  service: async (namespace, name) =>
    name === 'web' ? ({ namespace, name } as ServiceDetail) : undefined,
}

let directory: string
let socket: string
const servers: StatusServer[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kproxy-server-'))
  socket = join(directory, 'run', 'kproxy.sock')
})

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
  rmSync(directory, { recursive: true })
})

async function listening(path = socket): Promise<StatusServer> {
  const server = new StatusServer(path, provider)
  servers.push(server)
  await server.listen()
  return server
}

describe('StatusServer', () => {
  it('answers on a socket that only its owner and group can open', async () => {
    await listening()
    expect(await ask(socket, '/status')).toEqual({ health: 'healthy', nodeName: 'n1' })
    expect(statSync(socket).mode & 0o777).toBe(0o660)
  })

  it('tells a Service that is there from one that is not', async () => {
    await listening()
    expect(await ask(socket, '/services/default/web')).toEqual({
      namespace: 'default',
      name: 'web',
    })
    expect(await ask(socket, '/services/default/none')).toBeUndefined()
  })

  it('takes over a socket that a killed agent left', async () => {
    const dead = createServer()
    await new Promise<void>((resolve) => dead.listen(join(directory, 'x.sock'), resolve))
    const path = join(directory, 'x.sock')
    // Closing removes the file; a crash does not. Rename it away and back to keep it.
    const { renameSync } = await import('node:fs')
    renameSync(path, `${path}.kept`)
    await new Promise((resolve) => dead.close(resolve))
    renameSync(`${path}.kept`, path)
    expect(existsSync(path)).toBe(true)
    await listening(path)
    expect(await ask(path, '/status')).toBeDefined()
  })

  it('refuses a socket on which somebody else answers, naming it', async () => {
    await listening()
    await expect(listening()).rejects.toThrow(SocketError)
    await expect(listening()).rejects.toThrow(`socket ${socket} is in use by another process`)
    expect(await ask(socket, '/status')).toBeDefined()
  })

  it('refuses a path where another kind of file is, and leaves it alone', async () => {
    mkdirSync(join(directory, 'run'))
    writeFileSync(socket, 'mine')
    await expect(listening()).rejects.toThrow(/another kind of file.*--socket/)
    expect(readFileSync(socket, 'utf8')).toBe('mine')
    expect(() => new StatusServer(directory, provider).prepare()).toThrow(SocketError)
  })

  it('refuses a path that the kernel could not hold', async () => {
    await expect(listening(join(directory, 'x'.repeat(120)))).rejects.toThrow(
      'longer than 107 bytes',
    )
  })
})

describe('ask', () => {
  it('tells an agent from something else that answers there', async () => {
    const other = createHttpServer((_, response) => response.end('<html>'))
    mkdirSync(join(directory, 'run'))
    await new Promise<void>((resolve) => other.listen(socket, resolve))
    await expect(ask(socket, '/status')).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringContaining('something else answers there'),
    })
    await new Promise((resolve) => other.close(resolve))
  })

  it('says that no agent answers, with exit status 4', async () => {
    await expect(ask(socket, '/status')).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringContaining(`no kproxy agent answers on ${socket}`),
    })
  })
})
