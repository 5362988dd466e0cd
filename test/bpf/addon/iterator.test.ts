import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BpfObject, netnsCookie, netnsCookieAt, runIterator } from '#addon'
import { asU32, objectPath, range, u32, u64 } from './fixture.ts'
import { TemporaryNetns } from './netns.ts'

/** Nobody else on this machine is likely to have it. */
const PORT = 47_123

let object: BpfObject
let elsewhere: TemporaryNetns
beforeAll(async () => {
  object = BpfObject.load(objectPath('iterators'))
  elsewhere = await TemporaryNetns.make(PORT)
})
afterAll(async () => {
  object.close()
  await elsewhere.end()
})

const sorted = (bytes: Uint8Array) => asU32(bytes).sort((a, b) => a - b)

describe('an iterator', () => {
  it('walks a map and returns all that its program has written, however much', async () => {
    const map = object.map('numbers')
    expect(await runIterator(object.program('keys'), { map })).toEqual(new Uint8Array())
    const keys = range(20_000, 1)
    await map.updateBatch(u32(...keys), u64(...keys))
    expect(sorted(await runIterator(object.program('keys'), { map }))).toEqual(keys)
  })

  it('walks the sockets of one network namespace: its own, or that at a path', async () => {
    const here = createSocket('udp4').bind(0, '127.0.0.1')
    await once(here, 'listening')
    const ports = object.program('udp_ports')
    const own = asU32(await runIterator(ports))
    expect(own).toContain(here.address().port)
    expect(own).not.toContain(PORT)
    expect(asU32(await runIterator(ports, { netns: elsewhere.path }))).toEqual([PORT])
    expect(asU32(await runIterator(ports, { netns: '/proc/self/ns/net' }))).toEqual(own)
    here.close()
  })

  it('leaves no thread of this process in another namespace, whatever happens there', async () => {
    const ports = object.program('udp_ports')
    const netns = elsewhere.path
    const wrong = object.program('no_iterator')
    const runs = range(32).map((run) => runIterator(run % 2 === 0 ? ports : wrong, { netns }))
    const results = await Promise.allSettled(runs)
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(16)
    await netnsCookieAt(netns)
    const own = readlinkSync('/proc/self/ns/net')
    for (const task of readdirSync('/proc/self/task')) {
      expect(readlinkSync(`/proc/self/task/${task}/ns/net`)).toBe(own)
    }
  })

  it('goes on while its program and map are closed', async () => {
    const other = BpfObject.load(objectPath('iterators'))
    const map = other.map('numbers')
    await map.updateBatch(u32(1, 2, 3), u64(1, 2, 3))
    const running = runIterator(other.program('keys'), { map })
    other.close()
    expect(sorted(await running)).toEqual([1, 2, 3])
    await expect(runIterator(other.program('keys'))).rejects.toThrow(
      new TypeError('program is closed'),
    )
    await expect(runIterator(object.program('keys'), { map })).rejects.toThrow(
      new TypeError('options.map is closed'),
    )
  })

  it('says what the kernel refuses', async () => {
    await expect(runIterator(object.program('no_iterator'))).rejects.toMatchObject({
      name: 'BpfError',
      code: 'EINVAL',
      operation: 'attach iterator',
      subject: 'no_iterator',
    })
    await expect(runIterator(object.program('keys'))).rejects.toMatchObject({
      operation: 'attach iterator',
      subject: 'keys',
    })
    const ports = object.program('udp_ports')
    await expect(runIterator(ports, { netns: '/run/netns/absent' })).rejects.toMatchObject({
      code: 'ENOENT',
      operation: 'open network namespace',
      subject: '/run/netns/absent',
    })
    await expect(runIterator(ports, { netns: '/proc/self/ns/mnt' })).rejects.toMatchObject({
      code: 'EINVAL',
      operation: 'enter network namespace',
      subject: '/proc/self/ns/mnt',
      message: expect.stringContaining('it is not a network namespace'),
    })
  })

  it.each([
    [undefined, {}, 'program must be a BpfProgram, got undefined'],
    [{}, {}, 'program must be a BpfProgram, got an object (Object)'],
    ['keys', 7, 'options must be an object, got 7'],
    ['keys', { maps: 1 }, 'options.maps is not an option; there are map, netns'],
    ['keys', { map: {} }, 'options.map must be a BpfMap, got an object (Object)'],
    ['keys', { netns: 3 }, 'options.netns must be a non-empty string, got 3'],
    ['keys', { netns: 'a\0b' }, 'options.netns must not contain a zero byte'],
  ])('runs with %j, %j: %s', async (program, options, message) => {
    const subject = typeof program === 'string' ? object.program(program) : program
    await expect(runIterator(subject as never, options as never)).rejects.toThrow(
      new TypeError(message),
    )
  })
})

describe('the cookie of a network namespace', () => {
  it('is that which its own processes read', async () => {
    expect(await netnsCookieAt('/proc/self/ns/net')).toBe(netnsCookie())
    const there = await netnsCookieAt(elsewhere.path)
    expect(there).toBeGreaterThan(0n)
    expect(there).not.toBe(netnsCookie())
  })

  it('needs a path of one', async () => {
    await expect(netnsCookieAt('/absent')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(netnsCookieAt('/etc/hostname')).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(netnsCookieAt(7 as never)).rejects.toThrow(
      new TypeError('path must be a non-empty string, got 7'),
    )
  })
})
