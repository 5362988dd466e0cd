import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ask } from '../../control/cli/client.ts'
import { DEFAULT_SOCKET } from '../../control/config/standard.ts'
import type { ServiceDetail, StatusDocument } from '../../control/server/api.ts'
import type { LabNode, Pod } from './machine.ts'
import type { Child, Exit } from './process.ts'

/** The built command. */
export const kproxyProgram = fileURLToPath(new URL('../../build/bin/kproxy', import.meta.url))

export interface KproxyOptions {
  /** Directory of manifests; without it the arguments must name another source. */
  readonly manifests?: string
  /** The lab node's name unless told. */
  readonly nodeName?: string
  /** More arguments of `kproxy run`. */
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** What to run in place of the built command. */
  readonly program?: readonly string[]
  /** A file for the agent's log, so that it can outlive this process. */
  readonly log?: string
}

/** An agent on a node of the laboratory. */
export class Kproxy {
  readonly node: LabNode
  readonly #options: KproxyOptions
  #child: Child

  constructor(node: LabNode, options: KproxyOptions) {
    this.node = node
    this.#options = options
    this.#child = this.#spawn()
  }

  get pid(): number {
    return this.#child.pid
  }

  /** The agent's log so far, unless it goes to a file. */
  get log(): string {
    return this.#child.stderr
  }

  /** @throws CommandError while no agent answers */
  async status(): Promise<StatusDocument> {
    const status = await ask<StatusDocument>(this.#socket, '/status')
    if (status === undefined) throw new Error('the agent serves no /status')
    return status
  }

  /** @param key "namespace/name" */
  service(key: string): Promise<ServiceDetail | undefined> {
    return ask<ServiceDetail>(this.#socket, `/services/${key}`)
  }

  /** Waits until the agent has programmed everything that its source had at first. */
  async synced(): Promise<void> {
    await this.until('synced', async () => {
      const { conditions } = await this.status()
      return conditions.some(({ type, status }) => type === 'Synced' && status === 'True')
    })
  }

  /**
   * Waits until the kernel has what the agent knows of a Service, once that is as wanted.
   * @param wanted takes the Service, undefined if there is none
   */
  async programmed(
    key: string,
    wanted: (service: ServiceDetail | undefined) => boolean,
  ): Promise<void> {
    await this.until(`${key} is as wanted`, async () => wanted(await this.service(key)))
    await this.until('everything is in the kernel', async () => !(await this.status()).syncing)
  }

  /** Waits until exactly these pods are ready endpoints of the Service, in the kernel as well. */
  async serves(key: string, pods: readonly Pod[]): Promise<void> {
    await this.programmed(key, (service) => {
      if (service === undefined) return false
      const families = new Set(service.clusterIPs.map((address) => address.includes(':')))
      const wanted = pods
        .flatMap(({ addresses }) => [addresses.ipv4, addresses.ipv6])
        .filter((address) => families.has(address.includes(':')))
      const ready = service.endpoints.filter(({ state }) => state.startsWith('ready'))
      const found = new Set(ready.map(({ address }) => address))
      return found.size === wanted.length && wanted.every((address) => found.has(address))
    })
  }

  /** Waits until the Service is gone, from the kernel as well. */
  async forgets(key: string): Promise<void> {
    await this.programmed(key, (service) => service === undefined)
  }

  /** Waits for a condition, which may throw while the agent does not answer. */
  async until(what: string, condition: () => Promise<boolean>, timeout = 15_000): Promise<void> {
    const deadline = Date.now() + timeout
    let ended: Exit | undefined
    let last: unknown
    this.#child.wait().then((exit) => {
      ended = exit
    }, console.error)
    for (;;) {
      try {
        if (await condition()) return
      } catch (error) {
        last = error
      }
      if (ended !== undefined) {
        throw new Error(`kproxy on ${this.node.name} ended with ${ended.code}: ${ended.stderr}`)
      }
      if (Date.now() > deadline) {
        throw new Error(`not ${what} after ${timeout} ms: ${last ?? ''}\n${this.log}`)
      }
      await sleep(5)
    }
  }

  /** Ends the agent and waits until it is gone. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    return this.#child.stop(signal)
  }

  /** Resolves when the agent ends. */
  wait(): Promise<Exit> {
    return this.#child.wait()
  }

  /** For an agent that waits for SIGUSR2 to begin something and confirms with the line "armed". */
  async arm(): Promise<void> {
    this.#child.kill('SIGUSR2')
    await this.#child.waitForLine(/^armed$/)
  }

  /** Starts a new agent with the same options, after `kill`. */
  async restart(): Promise<void> {
    this.#child = this.#spawn()
    await this.synced()
  }

  /** The socket in the node's /run, as seen from outside. */
  get #socket(): string {
    return `/proc/${this.node.holder}/root${DEFAULT_SOCKET}`
  }

  #spawn(): Child {
    const { manifests, nodeName = this.node.name, args = [], env, program, log } = this.#options
    const source = manifests === undefined ? [] : ['--manifests', manifests]
    const command = program ?? [builtKproxy(), 'run']
    return this.node.spawn([...command, '--node-name', nodeName, ...source, ...args], {
      env: { ...process.env, ...env },
      ...(log !== undefined && { log }),
    })
  }
}

/** Starts an agent and waits until it has programmed the node. */
export async function startKproxy(node: LabNode, options: KproxyOptions): Promise<Kproxy> {
  const agent = new Kproxy(node, options)
  await agent.synced()
  return agent
}

/** Runs the kproxy command on a node, such as `kproxy(node, 'status')`; does not throw. */
export function kproxy(node: LabNode, ...args: readonly string[]): Promise<Exit> {
  return node.exec([builtKproxy(), ...args], { check: false })
}

function builtKproxy(): string {
  if (!existsSync(kproxyProgram)) throw new Error(`${kproxyProgram} is missing: run make`)
  return kproxyProgram
}
