import { native } from './native.ts'

/**
 * Waits on another thread until no BPF program runs any more that was running at the call: an RCU
 * grace period (membarrier(2), MEMBARRIER_CMD_GLOBAL, since 4.3).
 * @throws BpfError ENOSYS, EINVAL where the kernel has none, or has nohz_full CPUs
 */
export function membarrier(): Promise<void> {
  return native.membarrier()
}

/** How many values a per-CPU map holds under one key. */
export function possibleCpus(): number {
  return native.possibleCpus()
}
