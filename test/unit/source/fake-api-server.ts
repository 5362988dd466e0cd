import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Kind } from '../../../control/source/objects.ts'
import { FakeStore, type Selector, type StoredEvent } from './fake-store.ts'
import { encodeMessage, envelope, type Plain, watchFrame } from './protobuf-codec.ts'

export interface Request {
  readonly kind: Kind
  readonly query: Readonly<Record<string, string>>
  readonly headers: IncomingMessage['headers']
}

/** What the server does with streamed lists, each as seen with real servers. */
export type WatchListMode =
  | 'on'
  /** HTTP 422. */
  | 'refused'
  /** HTTP 200 and an ERROR event: a server whose etcd is too old. */
  | 'error event'
  /** All objects, and never an end mark: a server that does not know the parameter. */
  | 'no mark'

/** Answers one request in place of the server; false lets the server answer. */
export type Interceptor = (request: Request, response: ServerResponse) => boolean

const paths: Readonly<Record<string, Kind>> = {
  '/api/v1/services': 'Service',
  '/apis/discovery.k8s.io/v1/endpointslices': 'EndpointSlice',
  '/api/v1/nodes': 'Node',
  '/apis/networking.k8s.io/v1/servicecidrs': 'ServiceCIDR',
}

const apiVersions: Readonly<Record<string, string>> = {
  EndpointSlice: 'discovery.k8s.io/v1',
  EndpointSliceList: 'discovery.k8s.io/v1',
  ServiceCIDR: 'networking.k8s.io/v1',
  ServiceCIDRList: 'networking.k8s.io/v1',
}

interface Watch {
  readonly kind: Kind
  readonly response: ServerResponse
  readonly unsubscribe: () => void
}

/**
 * An API server as far as a service proxy sees one: lists, pages, watches, streamed lists, bookmarks,
 * selectors and expiry, in protobuf or JSON, over HTTP on the loopback.
 */
export class FakeApiServer implements AsyncDisposable {
  readonly store = new FakeStore()
  readonly requests: Request[] = []
  encoding: 'protobuf' | 'JSON' = 'protobuf'
  watchList: WatchListMode = 'on'
  /** Whether `spec.clusterIP` is a field that Services can be selected by (since 1.32). */
  selectsClusterIP = true
  /** Whether labels are selected by at all; no real server is like that. */
  selectsLabels = true
  /** How watches tell that a version is too old. */
  expiry: 'HTTP' | 'event' = 'HTTP'
  /** Cuts what watches write into pieces; the default writes whole messages. */
  split: (bytes: Buffer) => Buffer[] = (bytes) => [bytes]
  /** Each answers one request. */
  readonly interceptors: Interceptor[] = []
  /** Sees every request first. */
  guard: Interceptor = () => false
  #server: Server | undefined
  #port = 0
  readonly #watches = new Set<Watch>()

  static async start(): Promise<FakeApiServer> {
    const server = new FakeApiServer()
    await server.listen()
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Listens; at the same port as before, if it did before. */
  async listen(): Promise<void> {
    this.#server = createServer((request, response) => this.#answer(request, response))
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Like SIGKILL: every connection breaks, and nobody listens. */
  async kill(): Promise<void> {
    const closed = this.#server && once(this.#server, 'close')
    this.#server?.close()
    this.#server?.closeAllConnections()
    await closed
    this.#watches.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }

  /** Requests about one kind, in words: `list 0`, `watch 7`, `stream`. */
  story(kind: Kind): string[] {
    return this.requests
      .filter((request) => request.kind === kind)
      .map(({ query }) => {
        const verb = query.watch ? (query.sendInitialEvents ? 'stream' : 'watch') : 'list'
        const at = query.continue ? `page ${query.continue}` : (query.resourceVersion ?? '')
        return `${verb} ${at}`.trim()
      })
  }

  /** Sends a bookmark with the newest version to the watches of a kind. */
  bookmark(kind: Kind): void {
    for (const watch of this.#watchesOf(kind)) {
      this.#writeEvent(watch.response, 'BOOKMARK', kind, this.#bookmarkObject())
    }
  }

  /** Ends the watches of a kind as their timeouts do. */
  endWatches(kind: Kind): void {
    for (const watch of this.#watchesOf(kind)) {
      this.#forget(watch)
      watch.response.end()
    }
  }

  /** Writes bytes into the watches of a kind as they are. */
  write(kind: Kind, bytes: Buffer): void {
    for (const watch of this.#watchesOf(kind)) watch.response.write(bytes)
  }

  hasWatch(kind: Kind): boolean {
    return this.#watchesOf(kind).length > 0
  }

  /** The bytes of one event. */
  event(type: string, kind: string, object: Plain): Buffer {
    if (this.encoding === 'JSON') {
      const typed = { kind, apiVersion: apiVersions[kind] ?? 'v1', ...object }
      return Buffer.from(`${JSON.stringify({ type, object: typed })}\n`)
    }
    return watchFrame(type, this.#envelope(kind, object))
  }

  /** Answers with a Status. */
  refuse(
    response: ServerResponse,
    status: { code: number; reason: string; message?: string },
    headers: Record<string, string> = {},
  ): void {
    this.#head(response, status.code, headers)
    response.end(this.#body('Status', { status: 'Failure', ...status }))
  }

  #answer(incoming: IncomingMessage, response: ServerResponse): void {
    const url = new URL(incoming.url ?? '', this.url)
    const kind = paths[url.pathname]
    if (kind === undefined) {
      this.refuse(response, { code: 404, reason: 'NotFound' })
      return
    }
    const { headers } = incoming
    const request: Request = { kind, query: Object.fromEntries(url.searchParams), headers }
    this.requests.push(request)
    if (this.guard(request, response)) return
    for (const [index, interceptor] of this.interceptors.entries()) {
      if (!interceptor(request, response)) continue
      this.interceptors.splice(index, 1)
      return
    }
    const selector = this.#select(request)
    if (selector === undefined) {
      const message = `field label not supported: ${request.query.fieldSelector}`
      this.refuse(response, { code: 400, reason: 'BadRequest', message })
    } else if (request.query.watch === 'true') {
      this.#answerWatch(request, response, selector)
    } else {
      this.#answerList(request, response, selector)
    }
  }

  #select({ kind, query }: Request): Selector | undefined {
    const { labelSelector, fieldSelector } = query
    const absent = this.selectsLabels ? labelSelector?.replace('!', '') : undefined
    if (kind === 'Service' && fieldSelector !== undefined && !this.selectsClusterIP) {
      return undefined
    }
    return ({ metadata, spec }) => {
      if (absent !== undefined && absent in ((metadata.labels as Plain | undefined) ?? {})) {
        return false
      }
      if (fieldSelector === undefined) return true
      if (kind === 'Service') return (spec as Plain | undefined)?.clusterIP !== 'None'
      return `metadata.name=${metadata.name}` === fieldSelector
    }
  }

  #answerList(request: Request, response: ServerResponse, selector: Selector): void {
    const { kind, query } = request
    const objects = this.store.list(kind).filter(selector)
    // A list from the watch cache comes in one piece, whatever the limit (AP-20).
    const limit = query.resourceVersion === '0' ? 0 : Number(query.limit ?? 0)
    const from = Number(query.continue ?? 0)
    const to = limit === 0 ? objects.length : Math.min(from + limit, objects.length)
    const metadata = {
      resourceVersion: String(this.store.revision),
      ...(to < objects.length && { continue: String(to) }),
    }
    this.#head(response, 200)
    response.end(this.#body(`${kind}List`, { metadata, items: objects.slice(from, to) }))
  }

  #answerWatch(request: Request, response: ServerResponse, selector: Selector): void {
    const { kind, query } = request
    const initial = query.sendInitialEvents === 'true'
    const version = Number(query.resourceVersion ?? 0)
    if (initial && this.watchList === 'refused') {
      const message = 'sendInitialEvents is forbidden'
      this.refuse(response, { code: 422, reason: 'Invalid', message })
      return
    }
    const expired = {
      code: 410,
      reason: 'Expired',
      message: `too old resource version: ${version}`,
    }
    const isExpired = !initial && version < this.store.oldest
    if (isExpired && this.expiry === 'HTTP') {
      this.refuse(response, expired)
      return
    }
    this.#head(response, 200, {}, ';stream=watch')
    response.flushHeaders()
    if (isExpired) {
      response.end(this.event('ERROR', 'Status', expired))
      return
    }
    if (initial && this.watchList === 'error event') {
      const message = 'the required storage feature RequestWatchProgress is disabled'
      response.end(this.event('ERROR', 'Status', { code: 500, reason: 'InternalError', message }))
      return
    }
    if (initial) this.#writeInitial(kind, response, selector)
    const send = (event: StoredEvent) => this.#writeChange(response, event, selector)
    const unsubscribe = this.store.follow(kind, initial ? this.store.revision : version, send)
    const watch = { kind, response, unsubscribe }
    this.#watches.add(watch)
    response.on('close', () => this.#forget(watch))
  }

  #writeInitial(kind: Kind, response: ServerResponse, selector: Selector): void {
    for (const object of this.store.list(kind).filter(selector)) {
      this.#writeEvent(response, 'ADDED', kind, object)
    }
    if (this.watchList === 'no mark') return
    const mark = this.#bookmarkObject({ 'k8s.io/initial-events-end': 'true' })
    this.#writeEvent(response, 'BOOKMARK', kind, mark)
  }

  /** An object that leaves the selection is deleted, as far as this watch can see (IN-1). */
  #writeChange(response: ServerResponse, event: StoredEvent, selector: Selector): void {
    const before = event.before !== undefined && selector(event.before)
    const after = event.after !== undefined && selector(event.after)
    const object = event.after ?? { ...event.before, metadata: event.metadata }
    if (after) this.#writeEvent(response, before ? 'MODIFIED' : 'ADDED', event.kind, object)
    else if (before) this.#writeEvent(response, 'DELETED', event.kind, object)
  }

  #writeEvent(response: ServerResponse, type: string, kind: Kind, object: Plain): void {
    for (const piece of this.split(this.event(type, kind, object))) response.write(piece)
  }

  #bookmarkObject(annotations: Plain = {}): Plain {
    return { metadata: { resourceVersion: String(this.store.revision), annotations } }
  }

  #forget(watch: Watch): void {
    watch.unsubscribe()
    this.#watches.delete(watch)
  }

  #watchesOf(kind: Kind): Watch[] {
    return [...this.#watches].filter((watch) => watch.kind === kind)
  }

  #head(
    response: ServerResponse,
    code: number,
    headers: Record<string, string> = {},
    suffix = '',
  ): void {
    const type =
      this.encoding === 'JSON' ? 'application/json' : `application/vnd.kubernetes.protobuf${suffix}`
    response.writeHead(code, { 'content-type': type, ...headers })
  }

  #body(kind: string, object: Plain): Buffer {
    if (this.encoding === 'protobuf') return this.#envelope(kind, object)
    const typed = { kind, apiVersion: apiVersions[kind] ?? 'v1', ...object }
    return Buffer.from(JSON.stringify(typed))
  }

  #envelope(kind: string, object: Plain): Buffer {
    return envelope(apiVersions[kind] ?? 'v1', kind, encodeMessage(kind, object))
  }
}
