import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { dirname, relative } from 'node:path'
import { filesystemType } from '#addon'

/** Stable words for scripts; each has its own message with what to do. */
export type PreflightReason =
  | 'CgroupNotV2'
  | 'BpffsNotMounted'
  | 'NoPrivilege'
  | 'KernelTooOld'
  | 'LayoutMismatch'
  | 'Locked'
  | 'PinDirName'
  | 'PinMismatch'
  | 'LoadFailed'

/** This node cannot run the eBPF mode as it is. The message says what to do. */
export class PreflightError extends Error {
  override readonly name = 'PreflightError'
  readonly reason: PreflightReason

  constructor(reason: PreflightReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** The hooks of all kinds that we attach exist since this kernel (sock_release came last, in 5.9). */
const OLDEST_KERNEL = [5, 10] as const

/** bpf_set_retval(), with which a refusal is ECONNREFUSED rather than EPERM. */
const SET_RETVAL_KERNEL = [5, 18] as const

/** include/uapi/linux/capability.h */
const CAP_NET_ADMIN = 12
const CAP_SYS_ADMIN = 21
const CAP_PERFMON = 38
const CAP_BPF = 39

/** Longest name of a file, in bytes. */
const NAME_MAX = 255

/** Checks what can be checked before anything is loaded. @throws PreflightError */
export function preflight(cgroupPath: string, pinDir: string): void {
  checkKernel(release())
  checkCapabilities(readFileSync('/proc/self/status', 'utf8'))
  checkCgroup(cgroupPath)
  checkBpffs(pinDir)
}

/** @param version as uname(2) gives it, such as "6.1.0-13-amd64" */
export function checkKernel(version: string): void {
  if (isAtLeast(version, OLDEST_KERNEL)) return
  throw new PreflightError(
    'KernelTooOld',
    `kernel ${version} is older than ${OLDEST_KERNEL.join('.')}, which the eBPF mode needs; ` +
      'run a newer kernel, or kube-proxy on this node',
  )
}

export function canSetRetval(version: string): boolean {
  return isAtLeast(version, SET_RETVAL_KERNEL)
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, haveMajor = '0', haveMinor = '0'] = /^(\d+)\.(\d+)/.exec(version) ?? []
  const have = Number(haveMajor)
  return have > major || (have === major && Number(haveMinor) >= minor)
}

/**
 * CAP_PERFMON, because without it the verifier forbids arithmetic on pointers that may be of two maps,
 * which speculation could abuse.
 *
 * @param status content of /proc/self/status
 */
export function checkCapabilities(status: string): void {
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)
  const has = (capability: number) => (mask & (1n << BigInt(capability))) !== 0n
  if (has(CAP_SYS_ADMIN) || [CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN].every(has)) return
  throw new PreflightError(
    'NoPrivilege',
    'loading BPF programs needs root, or the capabilities CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; ' +
      'run kproxy with them (in Kubernetes: securityContext.privileged)',
  )
}

export function checkCgroup(path: string): void {
  const type = existsSync(path) ? filesystemType(path) : 'missing'
  if (type === 'cgroup2') return
  const problem = type === 'missing' ? 'does not exist' : `is a directory of type ${type}`
  throw new PreflightError(
    'CgroupNotV2',
    `cgroup "${path}" ${problem}, not a cgroup v2 directory; give --cgroup the mount point of the ` +
      'cgroup v2 tree (findmnt -t cgroup2 shows it)',
  )
}

export function checkBpffs(pinDir: string): void {
  let path = pinDir
  while (!existsSync(path)) path = dirname(path)
  const type = filesystemType(path)
  if (type !== 'bpf_fs') {
    throw new PreflightError(
      'BpffsNotMounted',
      `pin directory "${pinDir}" lies on ${type}, not on a bpf file system; ` +
        'mount one (mount -t bpf bpf /sys/fs/bpf) or give --bpffs the path of one',
    )
  }
  checkPinNames(pinDir, path)
}

/** The names that have to be made below `existing`: bpffs keeps those with a dot for itself. */
export function checkPinNames(pinDir: string, existing: string): void {
  for (const name of relative(existing, pinDir).split('/')) {
    const problem = name.includes('.')
      ? 'has a dot, which a bpf file system does not allow'
      : Buffer.byteLength(name) > NAME_MAX && `is longer than ${NAME_MAX} bytes`
    if (problem === false) continue
    throw new PreflightError(
      'PinDirName',
      `pin directory "${pinDir}" cannot be made: "${name}" ${problem}; give another --pin-dir`,
    )
  }
}
