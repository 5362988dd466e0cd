import { VERSION } from '../../version.ts'
import type { SourceLog } from '../log.ts'
import type { Source } from '../source.ts'
import { Connection } from './kubeconfig.ts'
import { KubernetesSource } from './source.ts'
import { defaultTiming, type Timing } from './timing.ts'
import { type ApiRequest, HttpTransport } from './transport.ts'

export interface KubernetesSourceOptions {
  /** Path of a kubeconfig file; without one, the service account of the pod we run in. */
  readonly kubeconfig?: string
  /** A context of that file; its current one unless given. */
  readonly context?: string
  /** URL of the API server, in place of the file's. */
  readonly master?: string
  readonly nodeName: string
  readonly log: SourceLog
  readonly timing?: Partial<Timing>
  /** Takes note of every request, for metrics. */
  readonly observe?: (request: ApiRequest) => void
}

/** An API server, to read from and to write to. */
export interface KubernetesApi {
  readonly source: Source
  /** A connection of its own, for what is written. */
  readonly connect: () => HttpTransport
}

/**
 * A source of everything that the proxy of one node reads from an API server, and a way to write
 * there. The server need not be there yet: the streams keep trying, and their status says so.
 *
 * @throws {SourceConfigError} for a kubeconfig or service account that cannot be used.
 */
export async function connectKubernetes(options: KubernetesSourceOptions): Promise<KubernetesApi> {
  const connection = await Connection.open(options)
  const { nodeName, log, observe } = options
  const connect = () => new HttpTransport(connection, `kproxy/${VERSION}`, observe)
  const source = new KubernetesSource({
    origin: connection.origin,
    nodeName,
    log,
    timing: { ...defaultTiming, ...options.timing },
    connect,
  })
  return { source, connect }
}
