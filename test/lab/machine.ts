import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Addresses, Place } from './place.ts'
import { Child } from './process.ts'
import { podAddresses, podCidrs, podRemovalScript, podScript } from './wiring.ts'

const script = fileURLToPath(new URL('machine.sh', import.meta.url))

/** Name for machines and pods: a DNS label, so that it can be a Node's or Pod's name as well. */
function checkName(name: string): void {
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) {
    throw new Error(`"${name}" is no name for a machine or pod: lower case letters, digits and -`)
  }
}

/** A computer on the bridge: network, mount, cgroup and host name namespaces of its own. */
export class Machine extends Place {
  readonly #child: Child

  /** Starts the holder; `ready` and then `configure` must follow. */
  constructor(labCgroup: string, name: string, addresses: Addresses) {
    checkName(name)
    const cgroup = join(labCgroup, name)
    mkdirSync(cgroup)
    const child = new Child(['sh', script, cgroup, name], [`machine ${name}`], {
      ready: /^ready$/,
      cwd: '/',
    })
    super({ name, addresses, cgroup, holder: child.pid, netns: `/proc/${child.pid}/ns/net` })
    this.#child = child
  }

  get ready(): Promise<void> {
    return this.#child.ready
  }

  /** Runs the shell text that sets up the machine's network, once. */
  async configure(text: string): Promise<void> {
    this.#child.end(text)
    await this.#child.waitForLine(/^configured$/)
    this.#child.unref()
  }

  /** Runs shell text on the machine; the first failing command ends it. */
  async shell(text: string): Promise<void> {
    await this.exec(['sh', '-e', '-s'], { input: text, cwd: '/' })
  }
}

export class Pod extends Place {
  readonly node: LabNode
  /** Last part of both addresses. */
  readonly number: number

  constructor(node: LabNode, name: string, number: number) {
    super({
      name,
      addresses: podAddresses(node.index, number),
      cgroup: join(node.cgroup, 'pods', name),
      holder: node.holder,
      netns: `/proc/${node.holder}/root/run/netns/${name}`,
    })
    this.node = node
    this.number = number
  }
}

/** A machine with pods, each a network namespace and a cgroup of its own within the node's. */
export class LabNode extends Machine {
  /** From 1; third part of its pods' addresses. */
  readonly index: number
  readonly podCidrs: Addresses
  readonly pods = new Map<string, Pod>()
  #nextNumber = 2

  constructor(labCgroup: string, name: string, addresses: Addresses, index: number) {
    super(labCgroup, name, addresses)
    this.index = index
    this.podCidrs = podCidrs(index)
  }

  pod(name: string): Pod {
    const pod = this.pods.get(name)
    if (pod === undefined) {
      throw new Error(`node ${this.name} has no pod "${name}", only ${[...this.pods.keys()]}`)
    }
    return pod
  }

  /**
   * Notes a pod and makes its cgroup; the caller runs the text that makes the rest.
   * @param number last part of its addresses (2 to 254); the next unused one unless told
   */
  declarePod(name: string, number = this.#nextNumber): { pod: Pod; text: string } {
    checkName(name)
    if (this.pods.has(name)) throw new Error(`node ${this.name} has a pod "${name}" already`)
    if (number < 2 || number > 254) {
      throw new Error(`pod "${name}" cannot have number ${number}: a node has room for 2 to 254`)
    }
    const taken = [...this.pods.values()].find((other) => other.number === number)
    if (taken !== undefined) {
      throw new Error(`pod "${name}" cannot have number ${number}: pod "${taken.name}" has it`)
    }
    const pod = new Pod(this, name, number)
    mkdirSync(pod.cgroup, { recursive: true })
    this.pods.set(name, pod)
    this.#nextNumber = Math.max(this.#nextNumber, number + 1)
    return { pod, text: podScript(name, this.index, number) }
  }

  async addPod(name: string, number?: number): Promise<Pod> {
    const { pod, text } = this.declarePod(name, number)
    await this.shell(text)
    return pod
  }

  /** Ends the pod's processes and takes its addresses away. */
  async removePod(name: string): Promise<void> {
    const pod = this.pod(name)
    this.pods.delete(name)
    writeFileSync(join(pod.cgroup, 'cgroup.kill'), '1')
    await this.shell(podRemovalScript(name, pod.number))
    await removeCgroup(pod.cgroup)
  }
}

/** Killed processes leave a cgroup a moment later. */
async function removeCgroup(path: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      rmdirSync(path)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY' || tries === 200) throw error
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}
