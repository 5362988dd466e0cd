import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net'
import type { HealthCheckService } from '../../model/health-check.ts'
import { type BindAddress, formatBindAddress } from '../bind-address.ts'
import { explain, type ListenerLog, listen } from '../http-listener.ts'
import { JSON_HEADERS } from './health-server.ts'

/** Connections silent for so long are closed, in milliseconds. */
const SILENCE_MS = 10_000
const MAX_CONNECTIONS = 128

/** How soon what cannot be listened on is tried again: as often as kube-proxy syncs, in milliseconds. */
const RETRY_MS = 30_000

export interface HealthCheckPortsOptions {
  /** The data path is fresh (HL-2); the Node object does not matter here (HL-12). */
  readonly isHealthy: () => boolean
  /** A port cannot be listened on; called again for each try that fails (HL-14). */
  readonly onFailure: (service: HealthCheckService, message: string) => void
  readonly log: ListenerLog
  readonly retryMs?: number
}

/** One listening socket, and who is connected to it. */
interface Listening {
  readonly server: NetServer
  readonly sockets: Set<Socket>
  /** The port is to be listened on until this is set. */
  closed: boolean
  service: HealthCheckService
}

/**
 * The health check node ports of Services of type LoadBalancer with the external policy Local (8.3).
 *
 * All listening sockets feed one HTTP server: a server of its own for each port would come with timers
 * of its own.
 */
export class HealthCheckPorts {
  readonly #options: HealthCheckPortsOptions
  readonly #http: Server
  /** "address:port" -> socket. */
  readonly #listening = new Map<string, Listening>()
  readonly #owners = new WeakMap<Socket, Listening>()
  readonly #addresses: readonly string[]
  #retry: NodeJS.Timeout | undefined
  #closed = false

  /** @param addresses where to listen: `0.0.0.0` and `::`, or addresses of this host (HL-10) */
  constructor(addresses: readonly string[], options: HealthCheckPortsOptions) {
    this.#addresses = addresses
    this.#options = options
    this.#http = createServer((request, response) => this.#answer(request, response))
    // The request timeouts of node:http need a server that listens itself.
    this.#http.timeout = SILENCE_MS
  }

  /** Ports that are listened on, as "address:port". */
  get listening(): readonly string[] {
    return [...this.#listening].filter(([, { server }]) => server.listening).map(([key]) => key)
  }

  /**
   * Opens, closes and tries again what has to be; ports that stay, stay open (HL-10, HL-15).
   * Resolves when every port that can be open is.
   */
  async update(services: readonly HealthCheckService[]): Promise<void> {
    if (this.#closed) return
    const wanted = new Map<string, { service: HealthCheckService; address: BindAddress }>()
    for (const service of services) {
      for (const host of this.#addresses) {
        if (host.includes(':') !== (service.family === 6)) continue
        const address = { host, port: service.port }
        const key = formatBindAddress(address)
        const owner = wanted.get(key)?.service
        if (owner === undefined) wanted.set(key, { service, address })
        else this.#options.onFailure(service, `${owns(owner)} already; change one of the two`)
      }
    }
    for (const [key, listening] of this.#listening) {
      if (!wanted.has(key)) this.#close(key, listening)
    }
    const opened = await Promise.all(
      [...wanted].map(([key, { service, address }]) => {
        const listening = this.#listening.get(key)
        if (listening === undefined) return this.#open(key, service, address)
        listening.service = service
        return true
      }),
    )
    clearTimeout(this.#retry)
    if (this.#closed || opened.every(Boolean)) return
    this.#retry = setTimeout(() => this.update(services), this.#options.retryMs ?? RETRY_MS)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    for (const [key, listening] of this.#listening) this.#close(key, listening)
    this.#http.close()
  }

  /** @returns false where it could not listen, though it should */
  async #open(key: string, service: HealthCheckService, address: BindAddress): Promise<boolean> {
    const sockets = new Set<Socket>()
    const server = createNetServer({ noDelay: true })
    const listening: Listening = { server, sockets, closed: false, service }
    server.maxConnections = MAX_CONNECTIONS
    server.on('connection', (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      this.#owners.set(socket, listening)
      this.#http.emit('connection', socket)
    })
    this.#listening.set(key, listening)
    try {
      await listen(server, address, true)
      const { namespace, name } = service
      this.#options.log.info(
        { svc: `${namespace}/${name}`, address: key },
        'health check port open',
      )
      if (listening.closed) server.close()
      return true
    } catch (error) {
      if (this.#listening.get(key) === listening) this.#listening.delete(key)
      if (listening.closed) return true
      this.#options.onFailure(
        service,
        `healthCheckNodePort ${service.port} cannot be listened on at ${key}: ${explain(error)}; ` +
          'load balancers take this node for one without endpoints',
      )
      return false
    }
  }

  #close(key: string, listening: Listening): void {
    this.#listening.delete(key)
    listening.closed = true
    if (listening.server.listening) listening.server.close()
    for (const socket of listening.sockets) socket.destroy()
  }

  /** HL-11 to HL-13. Any path, any method. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    const service = this.#owners.get(request.socket)?.service
    if (service === undefined) {
      request.socket.destroy()
      return
    }
    const { namespace, name, localReadyEndpoints } = service
    const isHealthy = this.#options.isHealthy()
    response.writeHead(isHealthy && localReadyEndpoints > 0 ? 200 : 503, {
      ...JSON_HEADERS,
      'x-load-balancing-endpoint-weight': String(localReadyEndpoints),
    })
    const document = {
      service: { namespace, name },
      localEndpoints: localReadyEndpoints,
      serviceProxyHealthy: isHealthy,
    }
    response.end(JSON.stringify(document, null, '\t'))
  }
}

const owns = ({ namespace, name, port }: HealthCheckService) =>
  `healthCheckNodePort ${port} belongs to Service ${namespace}/${name}`
