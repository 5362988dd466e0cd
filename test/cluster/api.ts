import { Agent } from 'undici'

/** The API server answered, and the answer is a refusal. */
export class ApiError extends Error {
  readonly status: number

  constructor(method: string, path: string, status: number, body: string) {
    super(`${method} ${path}: HTTP ${status}: ${body}`)
    this.name = 'ApiError'
    this.status = status
  }
}

export interface ApiClientOptions {
  /** A unix socket that leads to the server. */
  readonly socketPath: string
  /** The name that the server's certificate must bear. */
  readonly serverName: string
  /** PEM. */
  readonly certificateAuthority: string
  readonly token: string
}

/** A JSON object of the API, as loose as a manifest. */
// biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary fields of arbitrary kinds
export type ApiObject = any

/** Requests in flight at a time; more do not make the server faster. */
const IN_FLIGHT = 64

/** As much of a Kubernetes client as a test needs: requests with a token over keep-alive connections. */
export class ApiClient {
  readonly #agent: Agent
  readonly #origin: string
  readonly #token: string

  constructor(options: ApiClientOptions) {
    this.#origin = `https://${options.serverName}`
    this.#token = options.token
    this.#agent = new Agent({
      connections: IN_FLIGHT,
      headersTimeout: 60_000,
      connect: { socketPath: options.socketPath, ca: options.certificateAuthority },
    })
  }

  get(path: string): Promise<ApiObject> {
    return this.#json('GET', path)
  }

  /** Creates an object in the collection at `path`. */
  create(path: string, object: ApiObject): Promise<ApiObject> {
    return this.#json('POST', path, object, 'application/json')
  }

  /** JSON merge patch; `null` removes a field. */
  patch(path: string, change: ApiObject): Promise<ApiObject> {
    return this.#json('PATCH', path, change, 'application/merge-patch+json')
  }

  delete(path: string): Promise<ApiObject> {
    return this.#json('DELETE', path)
  }

  /** The answer's body as it is. */
  async text(path: string): Promise<string> {
    return Buffer.from(await this.bytes(path, '*/*')).toString()
  }

  /** The answer's bytes in the encoding that `accept` asks for. */
  async bytes(path: string, accept: string): Promise<Uint8Array> {
    const { body } = await this.#request('GET', path, { accept })
    return new Uint8Array(await body.arrayBuffer())
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #json(method: Method, path: string, body?: ApiObject, type?: string): Promise<ApiObject> {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (type !== undefined) headers['content-type'] = type
    const answer = await this.#request(method, path, headers, body && JSON.stringify(body))
    return answer.body.json()
  }

  async #request(
    method: Method,
    path: string,
    headers: Record<string, string>,
    body: string | null = null,
  ) {
    const answer = await this.#agent.request({
      origin: this.#origin,
      path,
      method,
      headers: { ...headers, authorization: `Bearer ${this.#token}` },
      body,
    })
    if (answer.statusCode >= 300)
      throw new ApiError(method, path, answer.statusCode, await answer.body.text())
    return answer
  }
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

/** Runs `task` on every item, at most `IN_FLIGHT` at a time; the first failure ends it. */
export async function forEachInFlight<T>(
  items: readonly T[],
  task: (item: T, index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++)
      await task(items[index] as T, index)
  }
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, items.length) }, worker))
}
