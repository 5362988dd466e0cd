import type { LockHandle } from './binding.d.ts'
import { checkPath } from './check.ts'
import { Handle } from './handle.ts'
import { native } from './native.ts'

/** An exclusive lock; the kernel gives it up when the process ends, however it ends. */
export class FileLock extends Handle<LockHandle> {
  /** @internal */
  constructor(handle: LockHandle) {
    super('lock', handle)
  }

  release(): void {
    this.close()
  }
}

/**
 * flock(2) without waiting, on a file or a directory that exists; undefined: another holder has it.
 * Works on directories of a bpf file system, which cannot hold files.
 */
export function lockFile(path: string): FileLock | undefined {
  checkPath('path', path)
  const handle = native.lockFile(path)
  return handle === undefined ? undefined : new FileLock(handle)
}
