import { type ChildProcess, spawn } from 'node:child_process'
import type { Place } from '../lab/index.ts'

export interface HostSpawnOptions {
  readonly stdio?: ('ignore' | 'pipe' | number)[]
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>
}

/**
 * A machine of the laboratory as the cluster's programs need it: a network namespace of its own that
 * they are started in, and the addresses that others reach it at.
 */
export interface Host {
  readonly name: string
  readonly ipv4: string
  readonly ipv6: string
  /** A directory that ends with the host, however that ends; every process can read it by this path. */
  readonly directory: string
  spawn(command: string, args: readonly string[], options?: HostSpawnOptions): ChildProcess
}

/** What it starts writes to files of its own: these programs say far too much to hold in memory. */
export function hostOf(place: Place): Host {
  return {
    name: place.name,
    ...place.addresses,
    // The machine's own /run: a file system in memory, in its mount namespace.
    directory: `/proc/${place.holder}/root/run`,
    spawn(command, args, options = {}) {
      const [shell, ...rest] = place.command([command, ...args], '/') as [string, ...string[]]
      return spawn(shell, rest, {
        stdio: options.stdio ?? 'ignore',
        env: { ...process.env, ...options.env },
      })
    },
  }
}
