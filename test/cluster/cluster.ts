import {
  type Child,
  Kproxy,
  Lab,
  type LabNode,
  type NodeOptions,
  type Pod,
  serve,
} from '../lab/index.ts'
import { ControlPlane } from './control-plane.ts'
import { hostOf } from './host.ts'
import { Interposer } from './interposer.ts'
import { createNode, createPod, createService, readyAddresses, service } from './objects.ts'
import { waitFor } from './wait.ts'

/** The port that every server pod listens on. */
export const TARGET_PORT = 8080

/** Two nodes; `client` pods only ask, the others answer with their names. */
const NODES: readonly NodeOptions[] = [
  { name: 'n1', pods: ['client', 'a', 'b'] },
  { name: 'n2', pods: ['far-client', 'c', 'd'] },
]

/** A laboratory with a real control plane that knows its nodes, and servers in its pods. */
export class Cluster implements AsyncDisposable {
  readonly lab: Lab
  readonly plane: ControlPlane
  #interposer: Interposer | undefined
  readonly #servers: Child[] = []

  private constructor(lab: Lab, plane: ControlPlane) {
    this.lab = lab
    this.plane = plane
  }

  static async create(): Promise<Cluster> {
    const lab = await Lab.create({ label: 'cluster', nodes: NODES, machines: ['control-plane'] })
    try {
      const plane = await ControlPlane.start(hostOf(lab.machine('control-plane')))
      const cluster = new Cluster(lab, plane)
      await Promise.all(lab.nodes.map((node) => cluster.#announceNode(node)))
      return cluster
    } catch (error) {
      await lab.destroy()
      throw error
    }
  }

  get client() {
    return this.plane.client
  }

  node(name: 'n1' | 'n2'): LabNode {
    return this.lab.node(name)
  }

  /** The pod with this name, wherever it is. */
  pod(name: string): Pod {
    const node = this.lab.nodes.find(({ pods }) => pods.has(name))
    if (node === undefined) throw new Error(`no node has a pod "${name}"`)
    return node.pod(name)
  }

  /** Starts a server in the laboratory's pod, and makes the Pod object that says so. */
  async addServer(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
    const pod = this.pod(name)
    this.#servers.push(await serve(pod, { ports: [TARGET_PORT] }))
    await createPod(this.client, {
      name,
      nodeName: pod.node.name,
      addresses: [pod.addresses.ipv4, pod.addresses.ipv6],
      labels,
    })
  }

  /** Creates a Service with the selector `app: NAME`; returns its addresses, IPv4 first. */
  async addService(name: string, spec: object = {}): Promise<[string, string]> {
    const created = await createService(
      this.client,
      service(name, {
        selector: { app: name },
        ports: [
          { name: 'tcp', port: 80, targetPort: TARGET_PORT },
          { name: 'udp', port: 80, targetPort: TARGET_PORT, protocol: 'UDP' },
        ],
        ...spec,
      }),
    )
    return created.spec.clusterIPs
  }

  /** Waits until the controllers have put so many ready addresses, of both families, into slices. */
  async slices(name: string, addresses: number): Promise<void> {
    await waitFor(`EndpointSlices of ${name} with ${addresses} addresses`, async () => {
      return (await readyAddresses(this.client, name)).length === addresses
    })
  }

  /** The reverse proxy behind INTERPOSED_PORT, made when first asked for. */
  async interposer(): Promise<Interposer> {
    this.#interposer ??= await Interposer.start({
      listen: this.plane.interposerSocket,
      upstream: this.plane.apiSocket,
      certificate: this.plane.certificateAuthority,
      privateKey: this.plane.privateKey,
    })
    return this.#interposer
  }

  /** An agent with the rights of kube-proxy; await `synced()` of it. */
  agent(node: LabNode, kubeconfig = this.plane.kubeconfig('proxy')): Kproxy {
    return new Kproxy(node, { args: ['--kubeconfig', kubeconfig] })
  }

  async destroy(): Promise<void> {
    await this.#interposer?.stop()
    await this.plane.stop()
    await this.lab.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy()
  }

  async #announceNode({ name, addresses, podCidrs }: LabNode): Promise<void> {
    await createNode(this.client, {
      name,
      addresses: [addresses.ipv4, addresses.ipv6],
      podCIDRs: [podCidrs.ipv4, podCidrs.ipv6],
    })
  }
}

/** Waits until an agent has everything and follows all streams, none of them in trouble. */
export async function watching(agent: Kproxy): Promise<void> {
  await agent.until(
    'watching every kind',
    async () => {
      const { health, source } = await agent.status()
      return (
        health === 'healthy' &&
        source.streams.every(
          ({ state, lastError }) => state === 'watching' && lastError === undefined,
        )
      )
    },
    60_000,
  )
}
