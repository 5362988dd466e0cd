import http, { type OutgoingHttpHeaders } from 'node:http'
import https from 'node:https'
import type { Connection } from './kubeconfig.ts'

export interface ApiResponse {
  readonly status: number
  /** Lower case, with its parameters. */
  readonly contentType: string
  /** From the Retry-After header; 0: none. */
  readonly retryAfterSeconds: number
  /**
   * Hands over the body piece by piece, as soon as each is here, until it ends. Rejects if it breaks off,
   * when the signal fires, and with whatever `take` throws.
   */
  read(take: (chunk: Buffer) => void): Promise<void>
  /** Lets go of a body that nobody will read, which would keep the connection to itself for ever. */
  discard(): void
}

/** How a reflector talks to its server. */
export interface Transport {
  /** Sends GET for a path with its query; resolves when the head of the answer is here. */
  get(path: string, accept: string, signal: AbortSignal): Promise<ApiResponse>
  /** The server has refused our credentials: get fresh ones for the next request. */
  renew(): Promise<void>
  close(): void
}

/** A request as metrics count it. */
export interface ApiRequest {
  readonly method: string
  /** Host and port. */
  readonly host: string
  /** The HTTP status, or `<error>` where there was no answer. */
  readonly code: string
  /** From sending it to the head of the answer. */
  readonly seconds: number
  /** Of the body; 0: none. */
  readonly requestBytes: number
  /** Of the answer's body, where its head says it: watches and big lists do not. */
  readonly responseBytes: number | undefined
}

/** A request with a body. */
export interface ApiWrite {
  readonly method: 'POST' | 'PATCH'
  readonly path: string
  readonly contentType: string
  readonly body: string
}

/** How soon the kernel begins to ask whether a silent peer is still there. */
const KEEP_ALIVE_MS = 15_000

/**
 * HTTP/1.1 over one connection of its own: one lost connection stalls one stream, not all three.
 * node:http is what KubeConfig prepares its options for, and is in the process anyway.
 */
export class HttpTransport implements Transport {
  readonly #connection: Connection
  readonly #userAgent: string
  readonly #observe: ((request: ApiRequest) => void) | undefined
  readonly #agents = {
    'http:': new http.Agent({ keepAlive: true, maxSockets: 1, keepAliveMsecs: KEEP_ALIVE_MS }),
    'https:': new https.Agent({ keepAlive: true, maxSockets: 1, keepAliveMsecs: KEEP_ALIVE_MS }),
  }

  constructor(connection: Connection, userAgent: string, observe?: (request: ApiRequest) => void) {
    this.#connection = connection
    this.#userAgent = userAgent
    this.#observe = observe
  }

  get(path: string, accept: string, signal: AbortSignal): Promise<ApiResponse> {
    return this.#send('GET', path, { accept }, '', signal)
  }

  /** Sends a JSON body; resolves when the head of the answer is here. */
  write({ method, path, contentType, body }: ApiWrite, signal: AbortSignal): Promise<ApiResponse> {
    const headers = {
      accept: 'application/json',
      'content-type': contentType,
      'content-length': Buffer.byteLength(body),
    }
    return this.#send(method, path, headers, body, signal)
  }

  async #send(
    method: string,
    path: string,
    headers: OutgoingHttpHeaders,
    body: string,
    signal: AbortSignal,
  ): Promise<ApiResponse> {
    const options = await this.#connection.requestOptions()
    signal.throwIfAborted()
    const url = new URL(this.#connection.origin + path)
    const secure = url.protocol === 'https:'
    const { promise, resolve, reject } = Promise.withResolvers<ApiResponse>()
    const sentAt = performance.now()
    const count = (code: string, length?: string) =>
      this.#observe?.({
        ...{ method, host: url.host, code, seconds: (performance.now() - sentAt) / 1e3 },
        requestBytes: Buffer.byteLength(body),
        responseBytes: length === undefined ? undefined : Number(length),
      })
    const request = (secure ? https : http).request(url, {
      ...options,
      method,
      // KubeConfig's own agent is for proxies, and would share one connection between all streams.
      agent: this.#connection.usesProxy ? options.agent : this.#agents[secure ? 'https:' : 'http:'],
      signal,
      headers: { ...options.headers, ...headers, 'user-agent': this.#userAgent },
    })
    let settled = false
    const fail = (error: Error) => {
      if (!settled) count('<error>')
      settled = true
      reject(error)
    }
    // A request that still waits for a connection says nothing when it is aborted.
    const giveUp = () => fail(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
    request.on('error', fail)
    request.on('close', () => signal.removeEventListener('abort', giveUp))
    request.on('response', (response) => {
      settled = true
      signal.removeEventListener('abort', giveUp)
      count(String(response.statusCode), response.headers['content-length'])
      response.on('error', reject)
      resolve({
        status: response.statusCode ?? 0,
        contentType: (response.headers['content-type'] ?? '').toLowerCase(),
        retryAfterSeconds: Number.parseInt(response.headers['retry-after'] ?? '', 10) || 0,
        read: (take) => read(response, take),
        discard: () => void response.destroy(),
      })
    })
    request.end(body)
    return promise
  }

  renew(): Promise<void> {
    return this.#connection.renew()
  }

  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }
}

/** By events: async iteration costs a queue and three ticks for each of 15,000 pieces of a big list. */
function read(response: http.IncomingMessage, take: (chunk: Buffer) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onData = (chunk: Buffer) => {
    try {
      take(chunk)
    } catch (error) {
      response.off('data', onData)
      response.destroy()
      reject(error)
    }
  }
  response.on('data', onData)
  response.on('end', resolve)
  response.on('error', reject)
  response.on('close', () => reject(new Error('the connection was closed')))
  return promise
}
