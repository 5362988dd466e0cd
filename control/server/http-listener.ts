import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { type BindAddress, formatBindAddress } from './bind-address.ts'

/** How long to wait before trying again to listen, in milliseconds (HL-6). */
const RETRY_MS = 5_000

/** More connections than this to one port are not a probe or a scrape any more. */
const MAX_CONNECTIONS = 512

/** A client may take so long for its request, in milliseconds; ours are a few hundred bytes. */
const REQUEST_TIMEOUT_MS = 10_000

/** The part of a logger that is used here. */
export interface ListenerLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

export interface HttpListenerOptions {
  /** For messages: `health server`. */
  readonly name: string
  /** The setting that says where, for messages. */
  readonly setting: string
  readonly address: BindAddress
  readonly handler: RequestListener
  readonly log: ListenerLog
  readonly retryMs?: number
}

/** A port that cannot be listened on. The message names it, the reason and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** An HTTP server at one address, which may have to wait until the address is free. */
export class HttpListener {
  readonly #options: HttpListenerOptions
  readonly #server: Server
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: HttpListenerOptions) {
    this.#options = options
    this.#server = createServer(
      { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
      options.handler,
    )
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  /** The port that it listens on; undefined while it does not. */
  get port(): number | undefined {
    return (this.#server.address() as AddressInfo | null)?.port
  }

  /** Listens. @throws ListenError */
  async open(): Promise<void> {
    const { address, name, setting } = this.#options
    try {
      await listen(this.#server, address)
    } catch (error) {
      throw new ListenError(
        `the ${name} cannot listen on ${formatBindAddress(address)}: ${explain(error)}; ` +
          `free that address or give another with ${setting}`,
        { cause: error },
      )
    }
  }

  /** Listens, now or as soon as that is possible (HL-6). */
  async openEventually(): Promise<void> {
    try {
      await this.open()
    } catch (error) {
      const { log, retryMs = RETRY_MS } = this.#options
      log.warn({ detail: (error as Error).message, retryMs }, 'cannot listen; will try again')
      this.#tryLater(retryMs)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#retry)
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  /** The trouble was logged once; until it is over there is nothing new to say. */
  #tryLater(milliseconds: number): void {
    this.#retry = setTimeout(async () => {
      try {
        await this.open()
        const { name, address, log } = this.#options
        if (this.#closed) await this.close()
        else log.info({ address: formatBindAddress(address) }, `${name} listens`)
      } catch {
        if (!this.#closed) this.#tryLater(milliseconds)
      }
    }, milliseconds)
  }
}

/**
 * Resolves when the server listens.
 *
 * @param ipv6Only `::` leaves IPv4 alone; otherwise it serves both families, as it does in kube-proxy
 */
export async function listen(
  server: NetServer,
  { host, port }: BindAddress,
  ipv6Only = false,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.on('error', reject)
  server.on('listening', resolve)
  server.listen({ host, port, ipv6Only })
  try {
    // On success the listeners stay: a connection that cannot be accepted is an error of the server, too.
    await promise
  } catch (error) {
    server.off('error', reject)
    server.off('listening', resolve)
    throw error
  }
}

/** What a failed bind means to a person. */
export function explain(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return 'another process listens there (EADDRINUSE)'
  if (code === 'EADDRNOTAVAIL') return 'this host does not have that address (EADDRNOTAVAIL)'
  if (code === 'EAFNOSUPPORT') return 'this host does not have that address family (EAFNOSUPPORT)'
  if (code === 'EACCES') return 'the port needs CAP_NET_BIND_SERVICE (EACCES)'
  return message
}
