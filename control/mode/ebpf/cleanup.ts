import { existsSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { BpfLink, cgroupPrograms } from '#addon'
import { dropPinnedLink, pinnedEdgeLinks } from './edge/edge-links.ts'
import { HOOKS } from './hooks.ts'
import { EDGE_MAPS, PINNED_MAPS, PinDirectory } from './pins.ts'
import { checkBpffs, checkCgroup } from './preflight.ts'

export interface CleanupOptions {
  /** The cgroup whose hooks are checked afterwards. */
  readonly cgroup: string
  /** The node's own pin directory. */
  readonly pinDir: string
}

export interface CleanupReport {
  /** What was removed, by path. Empty: there was nothing of ours. */
  readonly removed: readonly string[]
  /** What is still there and why, in sentences. */
  readonly left: readonly string[]
}

/**
 * Removes what this node's agent made in the kernel, and nothing else: links first, so that no
 * program runs over maps that are going away. Works without an agent.
 *
 * @throws PreflightError `Locked` while an agent runs; `BpffsNotMounted` and `CgroupNotV2` for places
 * that cannot hold anything of ours
 */
export function cleanup(options: CleanupOptions): CleanupReport {
  const pins = new PinDirectory(options.pinDir)
  if (!existsSync(pins.path)) return { removed: [], left: [] }
  checkBpffs(pins.path)
  checkCgroup(options.cgroup)
  const lock = pins.lock()
  const removed: string[] = []
  const left: string[] = []
  const programs = detach(pins, removed)
  const unpin = (path: string) => {
    for (const pin of [path, `${path}_next`]) {
      if (!existsSync(pin)) continue
      unlinkSync(pin)
      removed.push(pin)
    }
  }
  for (const hook of HOOKS) unpin(pins.program(hook))
  for (const map of [...PINNED_MAPS, ...EDGE_MAPS]) unpin(pins.map(map))
  lock.release()
  for (const kind of ['links', 'programs', 'maps'])
    removeEmpty(join(pins.path, kind), removed, left)
  removeEmpty(pins.path, removed, left)
  const parent = dirname(pins.path)
  if (basename(parent) === 'kproxy' && readdirSync(parent).length === 0) {
    removeEmpty(parent, removed, left)
  }
  for (const hook of HOOKS) {
    if (cgroupPrograms(options.cgroup, hook).some((id) => programs.has(id))) {
      left.push(`the program of hook ${hook} is still attached to ${options.cgroup}`)
    }
  }
  return { removed, left }
}

/** Detaches and unpins the links. Returns the ids of their programs. */
function detach(pins: PinDirectory, removed: string[]): Set<number> {
  const programs = new Set<number>()
  for (const path of pinnedEdgeLinks(pins)) {
    dropPinnedLink(path)
    removed.push(path)
  }
  for (const hook of [...HOOKS].reverse()) {
    for (const path of [pins.link(hook), `${pins.link(hook)}_next`]) {
      if (!existsSync(path)) continue
      const link = BpfLink.openPinned(path)
      programs.add(link.info.programId)
      link.detach()
      link.close()
      unlinkSync(path)
      removed.push(path)
    }
  }
  return programs
}

function removeEmpty(path: string, removed: string[], left: string[]): void {
  if (!existsSync(path)) return
  const strangers = readdirSync(path)
  if (strangers.length > 0) {
    left.push(`${path} holds what is not ours: ${strangers.join(', ')}`)
    return
  }
  rmdirSync(path)
  removed.push(path)
}
