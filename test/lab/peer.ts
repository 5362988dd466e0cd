import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Place } from './place.ts'
import type { Child } from './process.ts'

/** The laboratory's server and client program; see `peer --help`. */
export const peerProgram = fileURLToPath(new URL('../../build/test/lab/peer', import.meta.url))

export interface ServeOptions {
  /** What the server says it is; the place's name unless told. */
  readonly name?: string
  readonly ports: readonly number[]
  /** Both unless told. */
  readonly protocol?: 'TCP' | 'UDP'
}

export interface ConnectOptions {
  /** TCP unless told. */
  readonly transport?: Transport
  /** All datagrams from one socket. */
  readonly oneSocket?: boolean
  readonly count?: number
  /** Milliseconds between tries. */
  readonly interval?: number
  /** Milliseconds for each of connecting and receiving. */
  readonly timeout?: number
}

export type Transport = 'tcp' | 'udp' | 'udp-connected'

/** One try, as `peer connect` prints it; addresses as "address:port", empty where unknown. */
export interface Try {
  readonly ok: boolean
  readonly server: string
  /** Errno name, empty on success. */
  readonly errno: string
  /** The call that failed: connect, send or receive. */
  readonly stage: string
  /** Microseconds: TCP the connect() alone, UDP the round trip. */
  readonly us: number
  readonly local: string
  readonly peername: string
  readonly from: string
  readonly seen: string
}

export interface ProbeSummary {
  readonly tries: number
  readonly ok: number
  readonly errors: Readonly<Record<string, number>>
  readonly servers: Readonly<Record<string, number>>
  /** Microseconds of the slowest try. */
  readonly max_us: number
  /** How many it made. */
  readonly sockets: number
}

export interface StreamSummary {
  readonly exchanges: number
  /** Errno name, empty while all went well. */
  readonly error: string
  readonly server: string
}

function program(...args: readonly string[]): string[] {
  if (!existsSync(peerProgram)) throw new Error(`${peerProgram} is missing: run make`)
  return [peerProgram, ...args]
}

/** Starts a server that answers with its name on every port, in both families, and waits for it. */
export async function serve(place: Place, options: ServeOptions): Promise<Child> {
  const ports = options.ports.flatMap((port) => ['--port', String(port)])
  const protocol = options.protocol === undefined ? [] : [`--${options.protocol.toLowerCase()}`]
  const name = options.name ?? place.name
  const child = place.spawn(program('serve', '--name', name, ...ports, ...protocol), {
    ready: /^ready /,
  })
  await child.ready
  return child
}

/** Connects (or sends) `count` times. Failures are in the tries, not thrown. */
export async function connect(
  place: Place,
  address: string,
  port: number,
  options: ConnectOptions = {},
): Promise<Try[]> {
  const exit = await place.exec(
    program(
      ...['connect', address, String(port), ...transportFlags(options.transport)],
      ...(options.oneSocket ? ['--one-socket'] : []),
      ...['--count', String(options.count ?? 1), '--interval', String(options.interval ?? 0)],
      ...['--timeout', String(options.timeout ?? 1000)],
    ),
    { check: false },
  )
  if (exit.code !== 0 && exit.code !== 1) {
    throw new Error(`${place.name}: peer connect ${address} ${port}: ${exit.stderr.trim()}`)
  }
  return exit.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Try)
}

/** One try. */
export async function connectOnce(
  place: Place,
  address: string,
  port: number,
  options: ConnectOptions = {},
): Promise<Try> {
  const [first] = await connect(place, address, port, { ...options, count: 1 })
  if (first === undefined) throw new Error('peer connect printed nothing')
  return first
}

/** A client that goes on until it is stopped. */
export class Running<Summary> {
  readonly #child: Child

  constructor(child: Child) {
    this.#child = child
  }

  get pid(): number {
    return this.#child.pid
  }

  /** Waits until the client has met this server for the first time. */
  async met(server: string, timeout?: number): Promise<void> {
    const name = server.replaceAll(/[^\w-]/g, '.')
    await this.#child.waitForLine(new RegExp(`"(name|server)":"${name}"`), timeout)
  }

  /** Waits until the client has failed with this errno name for the first time. */
  async failed(errno: string, timeout?: number): Promise<void> {
    await this.#child.waitForLine(new RegExp(`"event":"error","name":"${errno}"`), timeout)
  }

  stop(): Promise<Summary> {
    this.#child.end()
    return this.ended()
  }

  /** Waits until the client ends by itself, as a stream does at its first error. */
  async ended(): Promise<Summary> {
    const exit = await this.#child.wait()
    const last = exit.stdout.trim().split('\n').at(-1) ?? ''
    try {
      return JSON.parse(last) as Summary
    } catch {
      throw new Error(`"${this.#child}" gave no summary: ${exit.stdout}${exit.stderr}`)
    }
  }
}

export interface ProbeOptions {
  readonly transport?: Transport
  /** Tries a second. */
  readonly rate?: number
  readonly timeout?: number
  /** Over UDP: one socket for all tries, until it fails. */
  readonly keep?: boolean
}

/** Keeps connecting at a rate, until stopped. */
export function probe(
  place: Place,
  address: string,
  port: number,
  options: ProbeOptions = {},
): Running<ProbeSummary> {
  const child = place.spawn(
    program(
      ...['probe', address, String(port), ...transportFlags(options.transport)],
      ...(options.keep ? ['--keep'] : []),
      ...['--rate', String(options.rate ?? 200), '--timeout', String(options.timeout ?? 1000)],
    ),
  )
  return new Running(child)
}

/** Opens one connection and keeps exchanging lines over it, until stopped. */
export function stream(
  place: Place,
  address: string,
  port: number,
  options: { readonly transport?: 'tcp' | 'udp-connected' } = {},
): Running<StreamSummary> {
  const child = place.spawn(
    program('stream', address, String(port), ...transportFlags(options.transport)),
  )
  return new Running(child)
}

function transportFlags(transport: Transport = 'tcp'): string[] {
  return transport === 'tcp' ? [] : [`--${transport}`]
}
