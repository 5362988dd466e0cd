import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Agent } from 'undici'
import { Daemon } from './daemon.ts'
import type { Host } from './host.ts'
import { stockProgram } from './stock.ts'
import { waitFor } from './wait.ts'

export type KubeProxyMode = 'iptables' | 'nftables'

export interface KubeProxyOptions {
  readonly mode: KubeProxyMode
  /** Path; the user needs no more rights than system:kube-proxy. */
  readonly kubeconfig: string
  /** Name of the Node object. */
  readonly nodeName: string
  /** Pod ranges of the whole cluster, both families, separated by a comma. */
  readonly clusterCIDR: string
  /** Where configuration, log and sockets go. */
  readonly directory: string
  /** Environment of the process: PATH decides which iptables it runs. */
  readonly env?: Readonly<Record<string, string>>
}

const METRICS_PORT = 10249

/** Stock kube-proxy on a host of the laboratory. */
export class KubeProxy {
  readonly #daemon: Daemon
  readonly #relay: Daemon
  readonly #agent: Agent

  private constructor(host: Host, options: KubeProxyOptions) {
    const { directory, mode } = options
    const config = join(directory, `${host.name}-kube-proxy.json`)
    writeFileSync(config, JSON.stringify(configuration(options), null, 2))
    this.#daemon = new Daemon(
      host,
      directory,
      stockProgram('kube-proxy'),
      [`--config=${config}`],
      options.env,
    )
    const socket = join(directory, `${host.name}-${mode}-metrics.sock`)
    // Of one that was killed.
    rmSync(socket, { force: true })
    this.#relay = new Daemon(host, directory, process.execPath, [
      fileURLToPath(new URL('relay.ts', import.meta.url)),
      `unix:${socket}=tcp:127.0.0.1:${METRICS_PORT}`,
    ])
    this.#agent = new Agent({ connect: { socketPath: socket } })
  }

  /** Resolves when the rules of both families have been written once. */
  static async start(host: Host, options: KubeProxyOptions): Promise<KubeProxy> {
    const proxy = new KubeProxy(host, options)
    try {
      await proxy.synced()
    } catch (error) {
      await proxy.stop()
      throw error
    }
    return proxy
  }

  /** Process id, as this machine counts; what it forks (iptables-restore, nft) is not in it. */
  get pid(): number {
    return this.#daemon.pid
  }

  /** Prometheus text. */
  async metrics(): Promise<string> {
    const { body } = await this.#agent.request({
      origin: 'http://kube-proxy',
      path: '/metrics',
      method: 'GET',
    })
    return body.text()
  }

  /** Seconds since the epoch of the last sync of each family, once it has happened. */
  async lastSyncs(): Promise<Map<string, number>> {
    const samples = (await this.metrics()).matchAll(
      /^kubeproxy_sync_proxy_rules_last_timestamp_seconds\{ip_family="(IPv[46])"\} (\S+)$/gm,
    )
    return new Map(
      Array.from(samples, ([, family, value]) => [family as string, Number(value)] as const).filter(
        ([, seconds]) => seconds > 0,
      ),
    )
  }

  /** `/healthz` answers 200 before the first sync, so the metric of the syncs is what counts. */
  async synced(timeout = 180_000): Promise<void> {
    await waitFor(
      'the first sync of kube-proxy in both families',
      async () => {
        if (!this.#daemon.running) throw new Error('kube-proxy has ended')
        return (await this.lastSyncs()).size === 2
      },
      { timeout, interval: 10, context: () => this.#daemon.tail() },
    )
  }

  /** Ends the process; its rules stay, as they do on a node. Takes kube-proxy up to 2 s. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#agent.destroy()
    await Promise.all([this.#relay.end('SIGKILL'), this.#daemon.end(signal)])
  }
}

/** Settings that let kube-proxy run on a node that is a network namespace. */
function configuration(options: KubeProxyOptions) {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: options.mode,
    clientConnection: { kubeconfig: options.kubeconfig },
    hostnameOverride: options.nodeName,
    // Both families' addresses come from the Node object.
    bindAddress: '0.0.0.0',
    healthzBindAddress: '0.0.0.0:10256',
    metricsBindAddress: `127.0.0.1:${METRICS_PORT}`,
    clusterCIDR: options.clusterCIDR,
    detectLocalMode: 'ClusterCIDR',
    nodePortAddresses: ['primary'],
    oomScoreAdj: 0,
    // nf_conntrack_max cannot be written in a namespace, and failing to is fatal.
    conntrack: { maxPerCore: 0, min: 0 },
  }
}
