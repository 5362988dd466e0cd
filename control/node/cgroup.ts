import { readFileSync } from 'node:fs'

/** No cgroup v2 tree is mounted. The message says what to do. */
export class CgroupNotFoundError extends Error {
  override readonly name = 'CgroupNotFoundError'
}

/**
 * Finds the mount point of the cgroup v2 tree: the root that this mount namespace sees, which on a
 * node holds every process of the node.
 *
 * @param mountinfo content of /proc/self/mountinfo (proc(5)): optional fields end at " - "
 * @returns the shortest mount point of type cgroup2, or undefined
 */
export function findCgroupRoot(mountinfo: string): string | undefined {
  return mountinfo
    .split('\n')
    .map((line) => line.split(' - '))
    .filter(([, tail]) => tail?.startsWith('cgroup2 '))
    .map(([head]) => unescapeMount(head?.split(' ')[4] ?? ''))
    .filter((path) => path !== '')
    .sort((a, b) => a.length - b.length)[0]
}

/** mountinfo writes blanks in paths as octal escapes. */
function unescapeMount(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/**
 * The cgroup directory to attach to: the one asked for, or the mount.
 *
 * @throws CgroupNotFoundError
 */
export function resolveCgroup(asked: string | undefined): string {
  if (asked !== undefined) return asked
  const found = findCgroupRoot(readFileSync('/proc/self/mountinfo', 'utf8'))
  if (found !== undefined) return found
  throw new CgroupNotFoundError(
    'no cgroup v2 file system is mounted; mount one (mount -t cgroup2 none /sys/fs/cgroup/unified) ' +
      'and name it with --cgroup',
  )
}
