import { rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request as secureRequest } from 'node:https'
import type { Socket } from 'node:net'

/** What passed through: one line per request, completed when its answer begins. */
export interface Exchange {
  readonly path: string
  readonly query: URLSearchParams
  readonly accept: string
  status: number
  contentType: string
  /** Beginning of the answer's body, enough to see an error in. */
  head: string
}

/**
 * What to do with a request: nothing (it goes on as it is, changed headers and URL included), or
 * answer it here and return true.
 */
export type Interposition = (
  request: IncomingMessage,
  url: URL,
  response: ServerResponse,
) => boolean | undefined

export interface InterposerOptions {
  readonly listen: string
  readonly upstream: string
  /** PEM, the server's own: clients cannot tell the two apart. */
  readonly certificate: string
  readonly privateKey: string
}

const HEAD_BYTES = 4096

/**
 * A reverse proxy before the API server, in the test's own process, so that a test can state how
 * the server is to be different: older, JSON only, unwilling, gone.
 */
export class Interposer {
  readonly exchanges: Exchange[] = []
  /** In force from the next request on. */
  interposition: Interposition = () => undefined
  readonly #server
  readonly #connections = new Set<Socket>()

  private constructor(options: InterposerOptions) {
    const { certificate, privateKey } = options
    this.#server = createServer({ cert: certificate, key: privateKey }, (near, response) =>
      this.#handle(near, response, options),
    )
    // Not those alone whose handshake is complete: the others would outlive every cut.
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.add(socket)
      socket.on('close', () => this.#connections.delete(socket))
    })
  }

  static async start(options: InterposerOptions): Promise<Interposer> {
    const interposer = new Interposer(options)
    rmSync(options.listen, { force: true })
    await new Promise<void>((resolve) => interposer.#server.listen(options.listen, resolve))
    return interposer
  }

  /** Cuts every connection, watches too. */
  cut(): void {
    for (const socket of this.#connections) socket.destroy()
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.cut()
    await closed
  }

  #handle(near: IncomingMessage, response: ServerResponse, options: InterposerOptions): void {
    const url = new URL(near.url ?? '/', 'https://kubernetes.default.svc')
    const exchange: Exchange = {
      path: url.pathname,
      query: new URLSearchParams(url.searchParams),
      accept: near.headers.accept ?? '',
      status: 0,
      contentType: '',
      head: '',
    }
    this.exchanges.push(exchange)
    if (this.interposition(near, url, response) === true) {
      exchange.status = response.statusCode
      return
    }
    const far = secureRequest(
      {
        socketPath: options.upstream,
        ca: options.certificate,
        servername: url.hostname,
        method: near.method,
        path: url.pathname + url.search,
        headers: { ...near.headers, host: url.host },
        agent: false,
      },
      (answer) => {
        exchange.status = answer.statusCode ?? 0
        exchange.contentType = answer.headers['content-type'] ?? ''
        response.writeHead(exchange.status, answer.headers)
        response.flushHeaders()
        answer.on('data', (chunk: Buffer) => {
          if (exchange.head.length < HEAD_BYTES) exchange.head += chunk.toString('latin1')
        })
        answer.pipe(response)
        answer.on('error', () => response.destroy())
      },
    )
    far.on('error', () => response.destroy())
    response.on('close', () => far.destroy())
    near.pipe(far)
  }
}
