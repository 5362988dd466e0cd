import { existsSync, mkdirSync, readFileSync, renameSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { BpfError, BpfLink, type BpfProgram, type FileLock, lockFile } from '#addon'
import { PreflightError } from './preflight.ts'

/** Everything that can be pinned. */
export interface Pinnable {
  pin(path: string): void
}

/** The maps that outlive the agent: all of them. Storage of sockets too, for their owners live on. */
export const PINNED_MAPS = [
  'services',
  'slots',
  'backends',
  'members',
  'addresses',
  'service_cidrs',
  'source_ranges',
  'affinity',
  'turns',
  'loads',
  'service_stats',
  'backend_stats',
  'reasons',
  'meta',
  'tcp_peers',
  'socket_peers',
  'socket_flows',
] as const

/** Those of the edge plane, which a node without it does not have. */
export const EDGE_MAPS = [
  'half_open',
  'established',
  'flow_ports',
  'fragments',
  'uplinks',
  'pod_cidrs',
] as const

/** The part of a bpf file system that belongs to one node. */
export class PinDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  map(name: string): string {
    return join(this.path, 'maps', name)
  }

  program(name: string): string {
    return join(this.path, 'programs', name)
  }

  link(name: string): string {
    return join(this.path, 'links', name)
  }

  create(): void {
    for (const kind of ['maps', 'programs', 'links']) {
      mkdirSync(join(this.path, kind), { recursive: true })
    }
  }

  /**
   * Takes the node's state for this process; the kernel gives it up however the process ends.
   *
   * @throws PreflightError `Locked`, naming the holder where it can be seen
   */
  lock(): FileLock {
    return lockDirectory(this.path, 'one agent runs for this node already; stop it first')
  }
}

/**
 * Takes a cgroup for this process: two agents would both translate for the processes in it, whatever
 * their names.
 *
 * @throws PreflightError `Locked`
 */
export function lockCgroup(path: string): FileLock {
  return lockDirectory(
    path,
    'another agent serves the processes of this cgroup already; stop it first, or give each agent ' +
      'a --cgroup of its own',
  )
}

function lockDirectory(path: string, advice: string): FileLock {
  const lock = lockFile(path)
  if (lock !== undefined) return lock
  const holder = findFlockHolder(readFileSync('/proc/locks', 'utf8'), statSync(path))
  const who = holder === undefined ? 'another process' : `process ${holder}`
  throw new PreflightError('Locked', `${who} holds "${path}": ${advice}`)
}

/**
 * Who holds a flock(2) on a file; undefined where that is not to be seen from here.
 *
 * @param locks content of /proc/locks: "1: FLOCK  ADVISORY  WRITE 1234 00:1f:5678 0 EOF"
 */
export function findFlockHolder(
  locks: string,
  { dev, ino }: { readonly dev: number; readonly ino: number },
): number | undefined {
  const hex = (value: number) => value.toString(16).padStart(2, '0')
  /* makedev(3): 12 bits of the major and 20 of the minor number, interleaved. */
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00)
  const place = `${hex((dev >>> 8) & 0xfff)}:${hex(minor)}:${ino}`
  for (const line of locks.split('\n')) {
    const [, kind, , , pid, where] = line.trim().split(/\s+/)
    if (kind === 'FLOCK' && where === place && Number(pid) > 0) return Number(pid)
  }
  return undefined
}

/**
 * The pinned link of an earlier agent with our program in it; undefined where it is not there, or leads
 * elsewhere or nowhere.
 *
 * @param isOurs whether the link is where it should be
 */
export function adoptLink(
  path: string,
  program: () => BpfProgram,
  isOurs: (link: BpfLink) => boolean,
): BpfLink | undefined {
  if (!existsSync(path)) return undefined
  const link = BpfLink.openPinned(path)
  try {
    if (isOurs(link)) {
      link.update(program())
      return link
    }
  } catch (error) {
    if (!(error instanceof BpfError) || error.code !== 'ENOLINK') {
      link.close()
      throw error
    }
  }
  link.close()
  return undefined
}

/** Pins at a path, in place of what may be pinned there, without a moment with neither. */
export function replacePin(subject: Pinnable, path: string): void {
  const next = `${path}_next`
  if (existsSync(next)) unlinkSync(next)
  subject.pin(next)
  renameSync(next, path)
}
