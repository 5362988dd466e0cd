import { attachTypeNumber, type CgroupAttachType } from './attach-type.ts'
import { checkPath } from './check.ts'
import { native } from './native.ts'

/** Ids of the programs that are attached to this very cgroup, in the order in which they run. */
export function cgroupPrograms(cgroupPath: string, attachType: CgroupAttachType): number[] {
  checkPath('cgroupPath', cgroupPath)
  return native.cgroupPrograms(cgroupPath, attachTypeNumber('attachType', attachType))
}
