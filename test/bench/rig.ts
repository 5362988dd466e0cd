import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { ControlPlane } from '../cluster/control-plane.ts'
import { hostOf } from '../cluster/host.ts'
import { KubeProxy, type KubeProxyMode } from '../cluster/kube-proxy.ts'
import { createNode } from '../cluster/objects.ts'
import { Kproxy, kproxy, Lab, type Pod } from '../lab/index.ts'
import { benchProgram, SERVER_CPU } from './load.ts'
import { type BackendPod, SERVICE_PORT } from './objects.ts'
import { Population } from './population.ts'
import { Prober } from './prober.ts'
import type { Swap } from './swap.ts'

/** The proxies under test; each has the node of that name. */
export const PROXIES = ['kproxy', 'iptables', 'nftables'] as const
export type ProxyName = (typeof PROXIES)[number]

/** Pod ranges of all nodes of the laboratory. */
const CLUSTER_CIDR = '10.244.0.0/16,fd00:10:244::/48'

/** iptables mode needs 40 s for a first sync of 10,000 Services, on two idle CPUs. */
const SETTLE_MS = 180_000

/**
 * Five nodes on one API server: `backends` (servers, no proxy), `bare` (nothing: the base of every
 * ratio) and one for each proxy. Each arm has a pod of its own, so that conntrack tuples of different
 * arms cannot meet.
 */
export class Rig implements AsyncDisposable {
  readonly lab: Lab
  readonly plane: ControlPlane
  readonly population: Population
  agent: Kproxy | undefined
  readonly #stock = new Map<KubeProxyMode, KubeProxy>()

  private constructor(lab: Lab, plane: ControlPlane) {
    this.lab = lab
    this.plane = plane
    const [a, b] = this.backends
    this.population = new Population(plane.client, [a, b])
  }

  static async create(): Promise<Rig> {
    const lab = await Lab.create({
      label: 'bench',
      machines: ['control'],
      nodes: [
        { name: 'backends', pods: ['a', 'b', 'ten'] },
        { name: 'bare', pods: ['direct', 'null'] },
        { name: 'kproxy', pods: ['direct', 'service', 'prober'] },
        { name: 'iptables', pods: ['direct', 'first', 'middle', 'last', 'prober'] },
        { name: 'nftables', pods: ['direct', 'service', 'prober'] },
      ],
    })
    let plane: ControlPlane | undefined
    try {
      const servers = [...lab.node('backends').pods.values()].map((pod) =>
        pod.spawn([benchProgram('server'), pod.name, String(SERVER_CPU)], { ready: /^ready$/ }),
      )
      await Promise.all(servers.map((server) => server.ready))
      plane = await ControlPlane.start(hostOf(lab.machine('control')))
      const { client } = plane
      await Promise.all(
        lab.nodes.map(({ name, addresses, podCidrs }) =>
          createNode(client, {
            name,
            addresses: [addresses.ipv4, addresses.ipv6],
            podCIDRs: [podCidrs.ipv4, podCidrs.ipv6],
          }),
        ),
      )
      const rig = new Rig(lab, plane)
      await rig.population.start()
      return rig
    } catch (error) {
      await plane?.stop()
      await lab.destroy()
      throw error
    }
  }

  get backends(): [BackendPod, BackendPod] {
    const [a, b] = ['a', 'b'].map((name) => {
      const pod = this.lab.node('backends').pod(name)
      return { name, address: pod.addresses.ipv4, nodeName: pod.node.name }
    })
    return [a as BackendPod, b as BackendPod]
  }

  pod(node: ProxyName | 'bare', name: string): Pod {
    return this.lab.node(node).pod(name)
  }

  /** Starts stock kube-proxy on its node, at the Services that there are now. */
  async startStock(mode: KubeProxyMode): Promise<void> {
    const proxy = await KubeProxy.start(hostOf(this.lab.node(mode)), {
      mode,
      kubeconfig: this.plane.kubeconfig('proxy'),
      nodeName: mode,
      clusterCIDR: CLUSTER_CIDR,
      directory: this.plane.directory,
    })
    this.#stock.set(mode, proxy)
  }

  async stopStock(): Promise<void> {
    const proxies = [...this.#stock.values()]
    this.#stock.clear()
    // Not SIGTERM: nothing of theirs is used any more, and a stopped process would not hear it.
    await Promise.all(proxies.map((proxy) => proxy.stop('SIGKILL')))
  }

  /** Starts the agent; {@link Kproxy.synced} of the result waits for the first complete sync. */
  startAgent(): Kproxy {
    const args = ['--kubeconfig', this.plane.kubeconfig('proxy')]
    this.agent = new Kproxy(this.lab.node('kproxy'), { args })
    return this.agent
  }

  /** Ends the agent and removes everything it made. */
  async removeAgent(): Promise<void> {
    await this.agent?.kill()
    this.agent = undefined
    await this.cleanUp('kproxy')
  }

  /** Removes what was pinned on the kproxy node under a node name. */
  async cleanUp(nodeName: string): Promise<void> {
    const node = this.lab.node('kproxy')
    const { code, stderr } = await kproxy(node, 'cleanup', '--node-name', nodeName)
    if (code !== 0) throw new Error(`kproxy cleanup ended with ${code}: ${stderr}`)
  }

  /** Process id of a running proxy. */
  pid(proxy: ProxyName): number {
    const pid = proxy === 'kproxy' ? this.agent?.pid : this.#stock.get(proxy)?.pid
    if (pid === undefined) throw new Error(`${proxy} does not run`)
    return pid
  }

  get running(): ProxyName[] {
    return [...(this.agent ? (['kproxy'] as const) : []), ...this.#stock.keys()]
  }

  /** Holds all proxies but one still, so that it has the machine to itself. */
  alone<T>(proxy: ProxyName, work: () => Promise<T>): Promise<T> {
    return this.#holding(
      this.running.filter((other) => other !== proxy),
      work,
    )
  }

  /** Adds Services while the stock proxies hold still: they would sync all the time, and slow it threefold. */
  grow(size: number): Promise<void> {
    return this.#holding([...this.#stock.keys()], () => this.population.grow(size))
  }

  async #holding<T>(proxies: readonly ProxyName[], work: () => Promise<T>): Promise<T> {
    const pids = proxies.map((proxy) => this.pid(proxy))
    for (const pid of pids) process.kill(pid, 'SIGSTOP')
    try {
      return await work()
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT')
    }
  }

  prober(proxy: ProxyName, { address }: Swap): Prober {
    return new Prober(this.pod(proxy, 'prober'), address, SERVICE_PORT)
  }

  /**
   * Waits until every proxy serves what the API server has, and the machine has come to rest.
   * @param restMs to wait for rest at most: the machine may have other work
   */
  async settle(restMs: number): Promise<void> {
    const { swap } = this.population
    const probers = this.running.map((proxy) => this.prober(proxy, swap))
    try {
      // Whatever was written before this change has been programmed when it has.
      const { backend } = await swap.flip()
      await Promise.all(probers.map((prober) => prober.seen(backend, SETTLE_MS)))
    } finally {
      await Promise.all(probers.map((prober) => prober.stop()))
    }
    await machineIdle(restMs)
  }

  async destroy(): Promise<void> {
    try {
      await this.plane.stop()
    } finally {
      await this.lab.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy()
  }
}

/** Share of CPU time in use that still counts as rest, over one second. */
const IDLE_SHARE = 0.1

/** Waits for a second of rest; goes on after `timeoutMs`, for the steal rule judges rounds anyway. */
async function machineIdle(timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs
  let before = cpuTime()
  do {
    await sleep(1_000)
    const after = cpuTime()
    if ((after.busy - before.busy) / (after.total - before.total) < IDLE_SHARE) return
    before = after
  } while (performance.now() < end)
}

/** Clock ticks of all CPUs since boot (proc(5)). */
export function cpuTime(): { busy: number; total: number } {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? ''
  const fields = line.split(/\s+/).slice(1, 9).map(Number)
  const total = fields.reduce((sum, field) => sum + field, 0)
  const [, , , idle = 0, ioWait = 0] = fields
  return { busy: total - idle - ioWait, total }
}
