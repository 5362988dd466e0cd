import { spawnSync } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BpfLink, BpfObject, type CgroupAttachType, cgroupPrograms } from '#addon'
import { makeCgroup, mountBpf, objectPath, type TemporaryDirectory } from './fixture.ts'

let object: BpfObject
let bpffs: TemporaryDirectory
let cgroup: TemporaryDirectory
beforeAll(() => {
  object = BpfObject.load(objectPath('connect'))
  bpffs = mountBpf()
})
afterAll(() => {
  object.close()
  bpffs.remove()
})
beforeEach(() => {
  cgroup = makeCgroup()
})
afterEach(() => {
  cgroup.remove()
})

/** Whether connect() passes the hook, in a network namespace that has no way to anywhere. */
function connects(): boolean {
  const script = 'echo $$ >"$0/cgroup.procs" && exec bash -c "exec 3<>/dev/tcp/192.0.2.1/1"'
  const { stderr } = spawnSync('unshare', ['-n', 'sh', '-c', script, cgroup.path], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  })
  if (stderr.includes('Network is unreachable')) return true
  if (stderr.includes('Operation not permitted')) return false
  throw new Error(`unexpected: ${stderr}`)
}

describe('a link to a cgroup', () => {
  it('attaches until it is closed', () => {
    expect(connects()).toBe(true)
    const link = object.program('deny').attachCgroup(cgroup.path, 'connect4')
    expect(connects()).toBe(false)
    expect(cgroupPrograms(cgroup.path, 'connect4')).toEqual([object.program('deny').info.id])
    link.close()
    link.close()
    expect(cgroupPrograms(cgroup.path, 'connect4')).toEqual([])
    expect(connects()).toBe(true)
  })

  it('tells what it attaches to what', () => {
    using link = object.program('allow').attachCgroup(cgroup.path, 'connect4')
    expect(link.info).toEqual({
      id: expect.any(Number),
      programId: object.program('allow').info.id,
      cgroupId: statSync(cgroup.path, { bigint: true }).ino,
      attachType: 'connect4',
    })
  })

  it('changes its program in place', () => {
    using link = object.program('allow').attachCgroup(cgroup.path, 'connect4')
    expect(connects()).toBe(true)
    link.update(object.program('deny'))
    expect(connects()).toBe(false)
    expect(link.info.programId).toBe(object.program('deny').info.id)
    using other = BpfObject.load(objectPath('constants'))
    expect(() => link.update(other.program('report_constants'))).toThrow(
      expect.objectContaining({ code: 'EINVAL', operation: 'update link', subject: 'allow' }),
    )
    expect(connects()).toBe(false)
  })

  it('outlives its handle when pinned, and is found again', () => {
    const path = join(bpffs.path, 'link')
    const link = object.program('deny').attachCgroup(cgroup.path, 'connect4')
    link.pin(path)
    const { id } = link.info
    link.close()
    expect(connects()).toBe(false)
    using opened = BpfLink.openPinned(path)
    expect(opened.info.id).toBe(id)
    rmSync(path)
    expect(connects()).toBe(false)
    opened.close()
    expect(connects()).toBe(true)
  })

  it('ends for all handles when detached', () => {
    const path = join(bpffs.path, 'detached')
    using link = object.program('deny').attachCgroup(cgroup.path, 'connect4')
    link.pin(path)
    using opened = BpfLink.openPinned(path)
    opened.detach()
    expect(connects()).toBe(true)
    expect(link.info.cgroupId).toBe(0n)
    expect(() => link.update(object.program('allow'))).toThrow(
      expect.objectContaining({ code: 'ENOLINK' }),
    )
    rmSync(path)
  })

  it('stands beside others on the same hook, in their order', () => {
    using _first = object.program('allow').attachCgroup(cgroup.path, 'connect4')
    using _second = object.program('deny').attachCgroup(cgroup.path, 'connect4')
    expect(cgroupPrograms(cgroup.path, 'connect4')).toEqual([
      object.program('allow').info.id,
      object.program('deny').info.id,
    ])
    expect(cgroupPrograms(cgroup.path, 'connect6')).toEqual([])
  })
})

describe('refusals', () => {
  it.each<[string, () => unknown, object]>([
    [
      'a hook that the program is not for',
      () => object.program('allow').attachCgroup(cgroup.path, 'connect6'),
      { code: 'EINVAL', operation: 'attach', subject: 'allow' },
    ],
    [
      'a directory that is no cgroup',
      () => object.program('allow').attachCgroup(bpffs.path, 'connect4'),
      { code: 'EBADF', operation: 'attach', subject: 'allow' },
    ],
    [
      'a cgroup that is not there',
      () => cgroupPrograms(`${cgroup.path}/absent`, 'connect4'),
      { code: 'ENOENT', operation: 'open cgroup' },
    ],
    [
      'a file',
      () => object.program('allow').attachCgroup(`${cgroup.path}/cgroup.procs`, 'connect4'),
      { code: 'ENOTDIR', operation: 'open cgroup' },
    ],
    [
      'a pin that is not there',
      () => BpfLink.openPinned(join(bpffs.path, 'absent')),
      { code: 'ENOENT', operation: 'open pin' },
    ],
  ])('%s is a BpfError', (_, act, fields) => {
    expect(act).toThrow(expect.objectContaining(fields))
  })

  it('wrong arguments are TypeErrors that name them', () => {
    const program = object.program('allow')
    using link = program.attachCgroup(cgroup.path, 'connect4')
    expect(() => program.attachCgroup(cgroup.path, 'bind4' as CgroupAttachType)).toThrow(
      /^attachType must be one of connect4, .*, got "bind4"$/,
    )
    expect(() => program.attachCgroup(3 as never, 'connect4')).toThrow(
      new TypeError('cgroupPath must be a non-empty string, got 3'),
    )
    expect(() => link.update(object.map as never)).toThrow(
      new TypeError('program must be a BpfProgram, got a function'),
    )
    const closed = BpfObject.load(objectPath('connect'))
    const deny = closed.program('deny')
    closed.close()
    expect(() => link.update(deny)).toThrow(new TypeError('program is closed'))
    link.close()
    expect(() => link.info).toThrow(new TypeError('this link is closed'))
    expect(() => link.detach()).toThrow(new TypeError('this link is closed'))
  })
})
