import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const tools = ['ip', 'nsenter', 'unshare', 'mount', 'find', 'sh']

/**
 * Checks what a laboratory needs of the machine, and returns where cgroup2 is mounted.
 * @throws Error that names what is missing and what to do
 */
export function requireHost(): string {
  if (process.geteuid?.() !== 0) {
    throw new Error('the laboratory makes namespaces and cgroups: run it as root')
  }
  for (const tool of tools) {
    if (!isInPath(tool)) {
      throw new Error(`the laboratory needs "${tool}": install iproute2 and util-linux`)
    }
  }
  return cgroup2Mount(readFileSync('/proc/self/mountinfo', 'utf8'))
}

/**
 * The first cgroup2 mount of a mountinfo file: /sys/fs/cgroup where cgroup v2 is alone,
 * /sys/fs/cgroup/unified beside cgroup v1.
 */
export function cgroup2Mount(mountinfo: string): string {
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const point = before.split(' ')[4]
    if (after.split(' ')[0] === 'cgroup2' && point !== undefined) return point
  }
  throw new Error(
    'cgroup v2 is mounted nowhere: mount -t cgroup2 cgroup2 /sys/fs/cgroup, or a directory of yours',
  )
}

function isInPath(tool: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
