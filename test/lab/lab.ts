import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { requireHost } from './host.ts'
import { LabNode, Machine } from './machine.ts'
import { Child, run } from './process.ts'
import {
  bridgeScript,
  gateway,
  machineAddresses,
  machineScript,
  plugScript,
  podRouteScript,
} from './wiring.ts'

const guardScript = fileURLToPath(new URL('guard.sh', import.meta.url))

export interface NodeOptions {
  readonly name: string
  /** Names; the first gets number 2, the next 3, and so on. */
  readonly pods?: readonly string[]
}

export interface LabOptions {
  readonly nodes: readonly NodeOptions[]
  /** A client outside the cluster: no routes to pods. */
  readonly outside?: boolean
  /** Machines that can reach pods but run none, such as a control plane. */
  readonly machines?: readonly string[]
  /** Word in the laboratory's name, lower case letters and digits. */
  readonly label?: string
}

/** Machine numbers: nodes from 11, other machines from 101, the outside client 200. */
const firstNode = 11
const firstMachine = 101
const outsideNumber = 200

/**
 * A laboratory: nodes and pods as network namespaces, each with its cgroup, on one bridge.
 *
 * All its processes are in one cgroup, all its names inside its own namespaces. It ends with
 * `destroy()`, at the end of `await using`, or with this process, however that ends.
 */
export class Lab implements AsyncDisposable {
  /** Directory of the laboratory's cgroup. */
  readonly cgroup: string
  readonly nodes: LabNode[] = []
  readonly machines: Machine[] = []
  readonly #guard: Child
  readonly #fabric: Machine
  #outside: Machine | undefined

  private constructor(guard: Child, cgroup: string) {
    this.#guard = guard
    this.cgroup = cgroup
    this.#fabric = new Machine(cgroup, 'fabric', gateway)
  }

  /**
   * Removes abandoned laboratories, then builds one.
   * @throws Error that names what the machine lacks, or the command that failed
   */
  static async create(options: LabOptions): Promise<Lab> {
    const label = options.label ?? 'test'
    if (!/^[a-z0-9]+$/.test(label)) throw new Error(`label "${label}" is not a-z and 0-9 only`)
    const guard = new Child(['sh', guardScript, 'watch', requireHost(), label], ['guard'], {
      cwd: '/',
    })
    const cgroup = await guard.waitForLine(/^\//)
    let lab: Lab | undefined
    try {
      lab = new Lab(guard, cgroup)
      await lab.#build(options)
      guard.unref()
      return lab
    } catch (error) {
      guard.end()
      await guard.wait()
      throw error
    }
  }

  /** Ends kept laboratories with this label; returns a line about each. */
  static async stopKept(label: string): Promise<string> {
    const exit = await run(['sh', guardScript, 'stop', requireHost(), label], ['guard stop'])
    return exit.stdout
  }

  /** Pid of the process that takes the laboratory down when this one ends. */
  get guardPid(): number {
    return this.#guard.pid
  }

  node(name: string): LabNode {
    const node = this.nodes.find((candidate) => candidate.name === name)
    if (node === undefined) throw new Error(`the laboratory has no node "${name}"`)
    return node
  }

  machine(name: string): Machine {
    const machine = this.machines.find((candidate) => candidate.name === name)
    if (machine === undefined) throw new Error(`the laboratory has no machine "${name}"`)
    return machine
  }

  get outside(): Machine {
    if (this.#outside === undefined) throw new Error('this laboratory has no outside client')
    return this.#outside
  }

  async addNode(options: NodeOptions): Promise<LabNode> {
    const others = [...this.nodes, ...this.machines]
    const node = this.#declareNode(options.name)
    await Promise.all([this.#fabric.ready, node.ready])
    await this.#fabric.shell(plugScript(firstNode + node.index - 1, node.holder))
    await node.configure(this.#nodeText(node, options.pods))
    const route = podRouteScript(node.podCidrs, node.addresses)
    await Promise.all(others.map((other) => other.shell(route)))
    return node
  }

  /** Lets the laboratory outlive this process; `stopKept` ends it. */
  async keep(): Promise<void> {
    this.#guard.write('keep\n')
    await this.#guard.waitForLine(/^kept$/)
  }

  /** Ends every process of the laboratory and removes all it made. May be called again. */
  async destroy(): Promise<void> {
    this.#guard.end()
    const { stderr } = await this.#guard.wait()
    if (existsSync(this.cgroup)) {
      throw new Error(`laboratory ${this.cgroup} is still there: ${stderr.trim()}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy()
  }

  /** All holders start at once; then the bridge gets its cables; then each end its addresses. */
  async #build(options: LabOptions): Promise<void> {
    const nodes = options.nodes.map(({ name }) => this.#declareNode(name))
    const names = options.machines ?? []
    this.machines.push(
      ...names.map(
        (name, index) => new Machine(this.cgroup, name, machineAddresses(firstMachine + index)),
      ),
    )
    if (options.outside === true) {
      this.#outside = new Machine(this.cgroup, 'outside', machineAddresses(outsideNumber))
    }
    const ends = [...nodes, ...this.machines, ...(this.#outside ? [this.#outside] : [])]
    await Promise.all([this.#fabric.ready, ...ends.map((end) => end.ready)])
    const cables = ends.map((end) => plugScript(hostNumber(end), end.holder))
    await this.#fabric.configure(bridgeScript() + cables.join(''))
    await Promise.all([
      ...nodes.map((node, index) =>
        node.configure(this.#nodeText(node, options.nodes[index]?.pods)),
      ),
      ...this.machines.map((machine) =>
        machine.configure(machineScript(machine.addresses) + this.#podRoutes(machine)),
      ),
      this.#outside?.configure(machineScript(this.#outside.addresses)),
    ])
  }

  #declareNode(name: string): LabNode {
    const index = this.nodes.length + 1
    const node = new LabNode(this.cgroup, name, machineAddresses(firstNode + index - 1), index)
    this.nodes.push(node)
    return node
  }

  #nodeText(node: LabNode, pods: readonly string[] = []): string {
    const podTexts = pods.map((name) => node.declarePod(name).text)
    return machineScript(node.addresses) + this.#podRoutes(node) + podTexts.join('')
  }

  #podRoutes(from: Machine): string {
    return this.nodes
      .filter((node) => node !== from)
      .map((node) => podRouteScript(node.podCidrs, node.addresses))
      .join('')
  }
}

/** Last part of a machine's IPv4 address; also its port on the bridge. */
function hostNumber(machine: Machine): number {
  return Number(machine.addresses.ipv4.split('.')[3])
}
