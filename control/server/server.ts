import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { ServiceDetail, ServiceSummary, StatusDocument } from './api.ts'

/** Longest path of a unix socket on Linux (sun_path, less its terminator). */
const SOCKET_PATH_MAX = 107

/** What the status API serves; the agent implements it. */
export interface StatusProvider {
  status(): Promise<StatusDocument>
  services(): Promise<readonly ServiceSummary[]>
  service(namespace: string, name: string): Promise<ServiceDetail | undefined>
}

/** The status socket cannot be opened. The message names the path and what to do. */
export class SocketError extends Error {
  override readonly name = 'SocketError'
}

/** The status API on a unix socket: an operator's tool, for root and its group only. */
export class StatusServer {
  readonly #path: string
  readonly #server: Server
  #listening = false

  constructor(path: string, provider: StatusProvider) {
    this.#path = path
    this.#server = createServer((request, response) => {
      answer(provider, request.method ?? 'GET', request.url ?? '/', response).catch((error) =>
        send(response, 500, { message: error instanceof Error ? error.message : String(error) }),
      )
    })
  }

  /** Finds out whether the path can be used at all. @throws SocketError */
  prepare(): void {
    if (Buffer.byteLength(this.#path) > SOCKET_PATH_MAX) {
      throw new SocketError(
        `socket path is longer than ${SOCKET_PATH_MAX} bytes: ${this.#path}; choose a shorter --socket`,
      )
    }
    try {
      mkdirSync(dirname(this.#path), { recursive: true })
    } catch (error) {
      throw this.#unusable(error)
    }
    if (lstatSync(this.#path, { throwIfNoEntry: false })?.isSocket() === false) {
      throw new SocketError(
        `socket ${this.#path} is another kind of file, which stays as it is; choose another --socket`,
      )
    }
  }

  /** @throws SocketError if the path is unusable or another process answers on it */
  async listen(): Promise<void> {
    this.prepare()
    if (await answers(this.#path)) {
      throw new SocketError(
        `socket ${this.#path} is in use by another process; stop it or choose another --socket`,
      )
    }
    try {
      // A socket that nobody answers on was left by an agent that was killed.
      rmSync(this.#path, { force: true })
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject)
        this.#server.listen(this.#path, resolve)
      })
      chmodSync(this.#path, 0o660)
    } catch (error) {
      throw this.#unusable(error)
    }
    this.#listening = true
  }

  #unusable(cause: unknown): SocketError {
    return new SocketError(
      `cannot listen on socket ${this.#path}: ${(cause as Error).message}; choose another --socket`,
      { cause },
    )
  }

  async close(): Promise<void> {
    if (!this.#listening) return
    this.#listening = false
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

async function answer(
  provider: StatusProvider,
  method: string,
  url: string,
  response: ServerResponse,
): Promise<void> {
  if (method !== 'GET') return send(response, 405, { message: `${method} is not served; use GET` })
  const [head, ...rest] = new URL(url, 'http://agent').pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent)
  if (head === 'status' && rest.length === 0) return send(response, 200, await provider.status())
  if (head === 'services' && rest.length === 0) {
    return send(response, 200, { items: await provider.services() })
  }
  const [namespace, name] = rest
  if (head === 'services' && namespace !== undefined && name !== undefined && rest.length === 2) {
    const detail = await provider.service(namespace, name)
    if (detail !== undefined) return send(response, 200, detail)
    return send(response, 404, { message: `Service ${namespace}/${name} not found` })
  }
  send(response, 404, { message: `no such path: ${url}; try /status or /services` })
}

function send(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** Does somebody accept connections on this socket? */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
