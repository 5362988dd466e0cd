import {
  type Kproxy,
  Lab,
  type LabNode,
  ManifestDirectory,
  nodeManifest,
  type Place,
  type Pod,
  type ServiceSpec,
  serve,
  serviceWith,
  startKproxy,
} from '../lab/index.ts'

/** ClusterIPs number `host` of both families. */
export function clusterIPs(host: number): [string, string] {
  return [`10.96.0.${host}`, `fd00:10:96::${host}`]
}

export const families = { ipv4: 0, ipv6: 1 } as const
export type Family = keyof typeof families

/** "address:port" as the peer program prints it. */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/**
 * Two nodes with servers on port 8080 (TCP and UDP) of the pods web-1 and web-2 on n1 and web-3
 * and web-4 on n2; client pods on both; an agent on n1 alone.
 */
export class Stage implements AsyncDisposable {
  readonly lab: Lab
  readonly manifests: ManifestDirectory
  readonly agent: Kproxy
  readonly n1: LabNode
  readonly n2: LabNode
  readonly client: Pod
  readonly webs: readonly Pod[]

  private constructor(lab: Lab, manifests: ManifestDirectory, agent: Kproxy) {
    this.lab = lab
    this.manifests = manifests
    this.agent = agent
    this.n1 = lab.node('n1')
    this.n2 = lab.node('n2')
    this.client = this.n1.pod('client')
    this.webs = [this.web(1), this.web(2), this.web(3), this.web(4)]
  }

  /**
   * @param fill writes the manifests that are there when the agent starts
   * @param args more arguments of the agent
   * @param outside a client outside the cluster as well
   */
  static async build(
    fill: (put: Stage['put'], lab: Lab) => void = () => {},
    args: readonly string[] = [],
    outside = false,
  ): Promise<Stage> {
    const lab = await Lab.create({
      nodes: [
        { name: 'n1', pods: ['client', 'client-2', 'web-1', 'web-2'] },
        { name: 'n2', pods: ['client-3', 'web-3', 'web-4'] },
      ],
      machines: ['control'],
      outside,
    })
    const manifests = new ManifestDirectory()
    try {
      const pods = lab.nodes.flatMap((node) => [...node.pods.values()])
      const webs = pods.filter((pod) => pod.name.startsWith('web'))
      await Promise.all(webs.map((pod) => serve(pod, { ports: [8080] })))
      manifests.put('nodes', lab.nodes.map(nodeManifest))
      fill((spec, endpoints) => manifests.put(spec.name, serviceWith(spec, endpoints)), lab)
      const agent = await startKproxy(lab.node('n1'), { manifests: manifests.path, args })
      return new Stage(lab, manifests, agent)
    } catch (error) {
      await lab.destroy()
      manifests[Symbol.dispose]()
      throw error
    }
  }

  web(number: 1 | 2 | 3 | 4): Pod {
    return this.lab.node(number <= 2 ? 'n1' : 'n2').pod(`web-${number}`)
  }

  /** Writes a Service with its endpoints, without waiting for the agent. */
  put(spec: ServiceSpec, endpoints: Parameters<typeof serviceWith>[1]): void {
    this.manifests.put(spec.name, serviceWith(spec, endpoints))
  }

  /** Writes a Service and waits until the agent has programmed those endpoints that are ready. */
  async apply(spec: ServiceSpec, endpoints: Parameters<typeof serviceWith>[1]): Promise<void> {
    this.put(spec, endpoints)
    const all = endpoints.map((one) => ('pod' in one ? one : { pod: one, ready: true }))
    const ready = all.filter((one) => one.ready !== false).map((one) => one.pod)
    await this.agent.serves(`default/${spec.name}`, ready)
  }

  /** Where connections to Services start from on n1. */
  get clients(): readonly Place[] {
    return [this.client, this.n1]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.destroy()
    this.manifests[Symbol.dispose]()
  }
}
