/** What the tests of the addon share: objects, encodings, and a bpf file system of their own. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../..')

export function objectPath(name: string): string {
  return join(root, 'build/test/bpf/addon', `${name}.bpf.o`)
}

export function u32(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer)
}

export function u64(...values: (number | bigint)[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values.map(BigInt)).buffer)
}

export function asU32(bytes: Uint8Array): number[] {
  return [...new Uint32Array(bytes.slice().buffer)]
}

export function asU64(bytes: Uint8Array): bigint[] {
  return [...new BigUint64Array(bytes.slice().buffer)]
}

/** 0, 1, ... count - 1 */
export function range(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

export interface TemporaryDirectory {
  readonly path: string
  remove(): void
}

/** A directory for pins in a bpf file system of its own. What is pinned in it goes with it. */
export function mountBpf(): TemporaryDirectory {
  const mount = mkdtempSync(join(tmpdir(), 'kproxy-addon-'))
  execFileSync('mount', ['-t', 'bpf', 'bpf', mount])
  // Kernels with BPF_PRELOAD put files of their own at the top.
  const path = join(mount, 'pins')
  mkdirSync(path)
  return {
    path,
    remove() {
      execFileSync('umount', [mount])
      rmdirSync(mount)
    },
  }
}

/** A cgroup of its own, below the root of the cgroup v2 hierarchy. */
export function makeCgroup(): TemporaryDirectory {
  const path = mkdtempSync(join(cgroupMount(), 'kproxy-addon-'))
  return {
    path,
    remove() {
      rmdirSync(path)
    },
  }
}

function cgroupMount(): string {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const found = mounts.map((line) => line.split(' ')).find((fields) => fields[2] === 'cgroup2')
  if (found?.[1] === undefined) throw new Error('no cgroup v2 hierarchy is mounted')
  return found[1]
}
