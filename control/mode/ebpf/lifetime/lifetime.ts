import { netnsCookie } from '#addon'
import type { ServicePortChange } from '../../../model/service-port.ts'
import { NetworkNamespaces } from '../../../node/netns.ts'
import type { CheckStatus } from '../../mode.ts'
import type { Ledger } from '../ledger.ts'
import type { PinDirectory } from '../pins.ts'
import { Serving } from './serving.ts'
import { type EnderRun, SocketEnder } from './socket-ender.ts'
import { MOST_ENDINGS, StaleSockets } from './stale-sockets.ts'

export interface LifetimeOptions {
  /** build/bpf/lifetime.bpf.o */
  readonly objectPath: string
  readonly pins: PinDirectory
  /** What is published now. */
  readonly ledger: () => Ledger
  readonly log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
  }
}

/** How many things a log line names. */
const NAMED = 5

/**
 * How long flows live: TCP connections are never cut (TR-70), and UDP flows follow their endpoints
 * (TR-72). Unconnected sockets choose anew at their next datagram; a connected one whose endpoint is gone
 * is ended, so that its user gets an error and connects anew.
 */
export class Lifetime {
  readonly #options: LifetimeOptions
  readonly #serving = new Serving()
  readonly #namespaces = new NetworkNamespaces()
  readonly #ender: SocketEnder
  #sockets: StaleSockets | undefined
  /** Why nothing can be ended at all. */
  #unavailable: string | undefined
  #run: EnderRun | undefined
  #ended = 0
  /** Cookies that a warning has named. */
  #named: ReadonlySet<bigint> = new Set()
  #lastError: string | undefined

  constructor(options: LifetimeOptions) {
    this.#options = options
    this.#ender = new SocketEnder({
      sockets: () => this.#load(),
      namespaces: this.#namespaces,
      isServing: (peer) => this.#serving.has(peer, options.ledger()),
      mostEndings: MOST_ENDINGS,
      onRun: (run) => this.#note(run),
    })
  }

  /** Sockets ended since this agent started. */
  get ended(): number {
    return this.#ended
  }

  /** To be told of every apply, failed ones too. After the first, what changed before the start is found. */
  applied(changes: readonly ServicePortChange[], complete: boolean): void {
    this.#serving.note(changes, complete)
    if (this.#unavailable !== undefined) return
    if (this.#run === undefined || complete || changes.some(isOfUdp)) this.#ender.ask()
  }

  /** One line of `kproxy status`. */
  check(): CheckStatus {
    const isDone = this.#run === undefined || (this.#run.left.length === 0 && !this.#run.error)
    const ok = this.#unavailable === undefined && isDone
    return { name: 'lifetime', ok, message: this.#message(), minor: true }
  }

  async stop(): Promise<void> {
    await this.#ender.stop()
    this.#sockets?.close()
  }

  #message(): string {
    if (this.#unavailable !== undefined) return this.#unavailable
    if (this.#run === undefined) return 'not yet run'
    const ended = `ended ${this.#ended} UDP sockets whose endpoint was gone${this.#means()}`
    const { left, error } = this.#run
    if (left.length === 0) {
      return error === undefined ? ended : `${ended}; the last look for more: ${messageOf(error)}`
    }
    return `${ended}; ${left.length} more cannot be: ${this.#whyLeft(this.#run)}`
  }

  #means(): string {
    if (this.#sockets?.means !== 'sock_diag') return ''
    return ', one by one (sock_diag: the kernel has no bpf_sock_destroy, which came with 6.5)'
  }

  #load(): StaleSockets {
    try {
      // Without cookies (before 5.14) nobody can say where a socket is.
      netnsCookie()
      this.#sockets = StaleSockets.load(this.#options.objectPath, this.#options.pins)
      return this.#sockets
    } catch (error) {
      this.#unavailable =
        `not available: ${messageOf(error)}; connected UDP sockets stay with an endpoint that is ` +
        'gone until they connect anew (ending them takes kernel 5.14 with BTF)'
      throw error
    }
  }

  #note(run: EnderRun): void {
    const { log } = this.#options
    this.#run = run
    this.#ended += run.ended.length
    if (this.#unavailable !== undefined) {
      log.warn({}, `lifetime of UDP sockets: ${this.#unavailable}`)
      return
    }
    if (run.ended.length > 0) {
      const frontends = [...new Set(run.ended.map(({ frontend }) => frontend))].slice(0, NAMED)
      log.info({ sockets: run.ended.length, frontends }, 'ended UDP sockets of gone endpoints')
    }
    const fresh = run.missing.filter((cookie) => !this.#named.has(cookie))
    this.#named = new Set(run.missing)
    const error = run.error === undefined ? undefined : messageOf(run.error)
    const isNews = fresh.length > 0 || (error !== undefined && error !== this.#lastError)
    this.#lastError = error
    if (!isNews) return
    if (run.left.length === 0) {
      log.warn({}, `UDP sockets of gone endpoints cannot be looked for: ${error}`)
      return
    }
    log.warn(
      { sockets: run.left.length, netnsCookies: fresh.slice(0, NAMED).map(String) },
      `UDP sockets stay with an endpoint that is gone: ${this.#whyLeft(run)}`,
    )
  }

  #whyLeft({ missing, error }: EnderRun): string {
    if (this.#namespaces.denied) {
      return 'entering their network namespaces takes CAP_SYS_ADMIN; grant it to kproxy'
    }
    if (missing.length > 0) {
      const names = missing.slice(0, NAMED).join(', ')
      return (
        `no path leads to ${missing.length} network namespaces (cookies ${names}); ` +
        "let kproxy see the host's /run/netns, or its processes (hostPID)"
      )
    }
    return error === undefined ? 'the kernel does not end them' : messageOf(error)
  }
}

/** See `servicePortKey`. */
function isOfUdp({ key }: ServicePortChange): boolean {
  return key.includes('/UDP/')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
