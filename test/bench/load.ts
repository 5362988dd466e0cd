import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Run, readRun } from './slices.ts'

/** Client and backends have a CPU each, always the same ones: wake-ups across CPUs dominate otherwise. */
export const CLIENT_CPU = 0
export const SERVER_CPU = 1

/** Ports of the backends, as in common.h. */
export const PORTS = { accept: 8080, echo: 8081, name: 8082 } as const

export type LoadKind = 'connect' | 'tcp-rr' | 'udp-rr' | 'udp-sendto'

/** Where sockets are made: paths of a network namespace and of a cgroup2 directory. */
export interface Place {
  readonly netns: string
  readonly cgroup: string
}

export interface Arm {
  readonly name: string
  readonly place: Place
  /** Used in turn. */
  readonly targets: readonly string[]
  readonly port: number
}

export interface LoadOptions {
  readonly rounds: number
  readonly sliceMs: number
}

const SEED = 20_261_121

/** Path of one of the programs of build.mk. */
export function benchProgram(name: 'client' | 'server' | 'probe'): string {
  return fileURLToPath(new URL(`../../build/test/bench/${name}`, import.meta.url))
}

/** Runs all arms interleaved and returns what they measured. */
export async function runLoad(
  kind: LoadKind,
  arms: readonly Arm[],
  { rounds, sliceMs }: LoadOptions,
): Promise<Run> {
  const args = [kind, CLIENT_CPU, rounds, sliceMs, SEED].map(String)
  const child = spawn(benchProgram('client'), args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = arms.map(({ name, place, targets, port }) =>
    [name, place.netns, place.cgroup, targets.join(','), port].join('\t'),
  )
  child.stdin.end(`${lines.join('\n')}\n`)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the load client ended with status ${code}`)
  return readRun(Buffer.concat(chunks).toString())
}
