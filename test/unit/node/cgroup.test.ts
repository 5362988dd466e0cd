import { describe, expect, it } from 'vitest'
import { findCgroupRoot } from '../../../control/node/cgroup.ts'

describe('findCgroupRoot', () => {
  it('finds the unified tree beside version 1 controllers', () => {
    const mountinfo = [
      '30 25 0:26 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw,mode=755',
      '31 30 0:27 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory',
      '32 30 0:28 / /sys/fs/cgroup/unified rw shared:11 - cgroup2 cgroup2 rw',
    ].join('\n')
    expect(findCgroupRoot(mountinfo)).toBe('/sys/fs/cgroup/unified')
  })

  it('takes the shortest of several mounts', () => {
    const mountinfo = [
      '40 25 0:28 /kubepods /run/inner/cgroup rw - cgroup2 cgroup2 rw',
      '32 30 0:28 / /sys/fs/cgroup rw shared:11 master:3 - cgroup2 cgroup2 rw',
    ].join('\n')
    expect(findCgroupRoot(mountinfo)).toBe('/sys/fs/cgroup')
  })

  it('understands escaped blanks', () => {
    expect(findCgroupRoot('1 2 0:1 / /a\\040b rw - cgroup2 none rw')).toBe('/a b')
  })

  it('finds nothing where only version 1 is mounted', () => {
    expect(findCgroupRoot('1 2 0:1 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu')).toBeUndefined()
  })
})
