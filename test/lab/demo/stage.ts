import { createHash } from 'node:crypto'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import {
  endpointOf,
  type Kproxy,
  Lab,
  type Manifest,
  ManifestDirectory,
  type Pod,
  serve,
  startKproxy,
} from '../index.ts'

/** Label of laboratories that `make demo KEEP=1` leaves behind. */
const keptDirectory = fileURLToPath(new URL('../../../build/demo', import.meta.url))
/** Of this checkout alone: another one may have a laboratory of its own. */
const keptLabel = `demo${createHash('sha256').update(keptDirectory).digest('hex').slice(0, 8)}`
/** Made anew by each run: one that is interrupted leaves nothing outside of build/. */
const passingDirectory = `${keptDirectory}-run`
const examples = fileURLToPath(new URL('../../../examples', import.meta.url))

/** Pods of each node; the files under examples/ hold the addresses that follow from the order. */
const pods = {
  n1: ['client', 'web-1', 'dns-1'],
  n2: ['client-2', 'web-2', 'dns-2', 'web-3'],
} as const

/** Two nodes with pods and servers, agents on demand, and a copy of examples/ to change. */
export class Stage {
  readonly lab: Lab
  readonly agents: Kproxy[] = []
  readonly manifests: ManifestDirectory
  /** Holds the manifests and the agents' logs. */
  readonly directory: string

  private constructor(lab: Lab, directory: string) {
    this.lab = lab
    this.directory = directory
    this.manifests = new ManifestDirectory(join(directory, 'manifests'))
  }

  static async build(keep: boolean): Promise<Stage> {
    if (keep) await Stage.stopKept()
    const lab = await Lab.create({
      nodes: Object.entries(pods).map(([name, names]) => ({ name, pods: names })),
      label: keep ? keptLabel : 'demorun',
    })
    const directory = keep ? keptDirectory : passingDirectory
    rmSync(directory, { recursive: true, force: true })
    cpSync(examples, join(directory, 'manifests'), { recursive: true })
    return new Stage(lab, directory)
  }

  /** Ends what was left running; returns a line about it, or nothing. */
  static async stopKept(): Promise<string> {
    const ended = await Lab.stopKept(keptLabel)
    rmSync(keptDirectory, { recursive: true, force: true })
    return ended
  }

  /** Starts the servers that the example Services are about. */
  async serve(): Promise<number> {
    const servers = this.lab.nodes
      .flatMap((node) => [...node.pods.values()])
      .filter((pod) => !pod.name.startsWith('client'))
    await Promise.all(
      servers.map((pod) =>
        pod.name.startsWith('web')
          ? serve(pod, { ports: [8080], protocol: 'TCP' })
          : serve(pod, { ports: [5353], protocol: 'UDP' }),
      ),
    )
    return servers.length
  }

  async startAgents(): Promise<void> {
    const started = this.lab.nodes.map((node) =>
      startKproxy(node, { manifests: this.manifests.path, log: this.logOf(node.name) }),
    )
    this.agents.push(...(await Promise.all(started)))
  }

  /** Rewrites web.yaml, as an API server's objects would change when web gets other pods. */
  scaleWeb(webPods: readonly Pod[]): void {
    const text = readFileSync(join(examples, 'web.yaml'), 'utf8')
    const objects = parseAllDocuments(text).map((document) => document.toJS() as Manifest)
    this.manifests.put(
      'web',
      objects.map((object) =>
        object.kind === 'EndpointSlice'
          ? {
              ...object,
              endpoints: webPods.map((pod) => endpointOf(pod, String(object.addressType))),
            }
          : object,
      ),
    )
  }

  logOf(node: string): string {
    return join(this.directory, `${node}.log`)
  }

  /** The end of each agent's log, for when something went wrong. */
  logTails(): string {
    return this.lab.nodes
      .map((node) => {
        try {
          const lines = readFileSync(this.logOf(node.name), 'utf8').trimEnd().split('\n')
          return `--- log of the agent on ${node.name}\n${lines.slice(-15).join('\n')}`
        } catch {
          return `--- the agent on ${node.name} has no log`
        }
      })
      .join('\n')
  }

  async destroy(): Promise<void> {
    await this.lab.destroy()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
