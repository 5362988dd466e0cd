import { attachTypeName } from './attach-type.ts'
import type { LinkHandle } from './binding.d.ts'
import { checkPath, describe } from './check.ts'
import { Handle } from './handle.ts'
import { native } from './native.ts'
import { BpfProgram } from './program.ts'

export interface LinkInfo {
  readonly id: number
  readonly programId: number
  /** 0n once detached, or when the cgroup is gone. */
  readonly cgroupId: bigint
  /** As in CgroupAttachType and InterfaceAttachType; a number for other hooks, '' for other links. */
  readonly attachType: string
  /** Of a link to an interface: its index, 0 once detached or when the interface is gone. */
  readonly interfaceIndex: number | undefined
}

/** An attachment. Without a pin it ends when the last handle closes. */
export class BpfLink extends Handle<LinkHandle> {
  /** @internal */
  constructor(handle: LinkHandle) {
    super('link', handle)
  }

  /** @throws BpfError ENOENT; EINVAL where the pin is of something else */
  static openPinned(path: string): BpfLink {
    checkPath('path', path)
    return new BpfLink(native.openLink(path))
  }

  get info(): LinkInfo {
    const { attachType, ...info } = native.linkInfo(this.open())
    return { ...info, attachType: attachTypeName(attachType) }
  }

  /** @throws BpfError EEXIST; EPERM outside of a bpf file system */
  pin(path: string): void {
    checkPath('path', path)
    native.pinHandle(this.open(), path)
  }

  /**
   * Puts another program in place atomically: each event meets the old one or the new one. The kernel
   * compares the program's type alone: that it is made for this hook is up to the caller.
   * @throws BpfError EINVAL for a program of another type; ENOLINK once detached
   */
  update(program: BpfProgram): void {
    const handle = this.open()
    if (!(program instanceof BpfProgram)) {
      throw new TypeError(`program must be a BpfProgram, got ${describe(program)}`)
    }
    native.updateLink(handle, program.open('program'))
  }

  /** Ends the attachment for all handles and pins (since 5.9). */
  detach(): void {
    native.detachLink(this.open())
  }
}
