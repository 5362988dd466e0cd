import { checkPath } from './check.ts'
import { native } from './native.ts'

/** statfs(2) f_type by include/uapi/linux/magic.h, of those that the agent may meet. */
const names: ReadonlyMap<number, string> = new Map([
  [0xcafe4a11, 'bpf_fs'],
  [0x63677270, 'cgroup2'],
  [0x0027e0eb, 'cgroup'],
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x794c7630, 'overlay'],
  [0x0000ef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x2fc12fc1, 'zfs'],
  [0x00006969, 'nfs'],
  [0x65735546, 'fuse'],
  [0x01021997, '9p'],
  [0x73717368, 'squashfs'],
  [0x00009fa0, 'proc'],
  [0x62656572, 'sysfs'],
  [0x64626720, 'debugfs'],
  [0x74726163, 'tracefs'],
  [0x6e736673, 'nsfs'],
  [0x00001cd1, 'devpts'],
])

/** 'bpf_fs', 'cgroup2', 'tmpfs', ...; the magic number in hex for others. */
export function filesystemType(path: string): string {
  checkPath('path', path)
  const magic = native.filesystemMagic(path)
  return names.get(magic) ?? `0x${magic.toString(16)}`
}
