import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BpfError, BpfMap, BpfObject, possibleCpus } from '#addon'
import { asU64, mountBpf, objectPath, type TemporaryDirectory, u32, u64 } from './fixture.ts'

let object: BpfObject
let bpffs: TemporaryDirectory
beforeAll(() => {
  object = BpfObject.load(objectPath('maps'))
  bpffs = mountBpf()
})
afterAll(() => {
  object.close()
  bpffs.remove()
})

describe('a map', () => {
  it('tells its shape', () => {
    const { info } = object.map('hash')
    expect(info).toMatchObject({
      name: 'hash',
      type: 1,
      keySize: 4,
      valueSize: 8,
      maxEntries: 1024,
    })
    expect(info.id).toBeGreaterThan(0)
    expect(object.map('large_hash').info.flags).toBe(1)
  })

  it('tells the memory that it takes at the moment', async () => {
    const map = object.map('percpu_hash')
    const before = map.memoryUsage()
    const keys = u32(...Array(1000).keys())
    await map.updateBatch(keys, new Uint8Array(1000 * 16 * possibleCpus()))
    expect(map.memoryUsage()).toBeGreaterThan(before)
    expect(map.info.memory).toBe(map.memoryUsage())
    await map.deleteBatch(keys)
  })

  it.each(['hash', 'lru_hash', 'large_hash'])('%s: gives back what was put', (name) => {
    const map = object.map(name)
    expect(map.lookup(u32(1))).toBeUndefined()
    map.update(u32(1), u64(0x0123_4567_89ab_cdefn))
    expect(asU64(map.lookup(u32(1)) ?? u64())).toEqual([0x0123_4567_89ab_cdefn])
    expect(map.delete(u32(1))).toBe(true)
    expect(map.delete(u32(1))).toBe(false)
    expect(map.lookup(u32(1))).toBeUndefined()
  })

  it('creates or replaces where asked to do only that', () => {
    const map = object.map('hash')
    const code = (act: () => void) => {
      try {
        act()
      } catch (error) {
        return (error as BpfError).code
      }
      return 'done'
    }
    expect(code(() => map.update(u32(2), u64(1), 'replace'))).toBe('ENOENT')
    expect(code(() => map.update(u32(2), u64(1), 'create'))).toBe('done')
    expect(code(() => map.update(u32(2), u64(2), 'create'))).toBe('EEXIST')
    expect(code(() => map.update(u32(2), u64(3), 'replace'))).toBe('done')
    expect(map.lookup(u32(2))).toEqual(u64(3))
    map.delete(u32(2))
  })

  it('holds a value for each possible CPU, aligned to 8 bytes', () => {
    const map = object.map('percpu_hash')
    expect(map.info.valueSize).toBe(12)
    const values = new Uint8Array(16 * possibleCpus())
    for (let cpu = 0; cpu < possibleCpus(); cpu++) values.fill(cpu + 1, cpu * 16, cpu * 16 + 12)
    map.update(u32(1), values)
    expect(map.lookup(u32(1))).toEqual(values)
    map.delete(u32(1))
  })

  it('names errno, operation and map when the kernel refuses', () => {
    expect(() => object.map('array').update(u32(16), u64(1))).toThrow(
      expect.objectContaining({ code: 'E2BIG', operation: 'update', subject: 'array' }),
    )
    expect(() => object.map('array').delete(u32(0))).toThrow(
      'delete array: EINVAL (Invalid argument)',
    )
  })

  it('works on a view into a larger buffer', () => {
    const map = object.map('hash')
    const bytes = u32(9, 5, 7, 0, 9)
    map.update(bytes.subarray(4, 8), bytes.subarray(8, 16))
    expect(map.lookup(u32(5))).toEqual(u64(7))
    map.delete(Buffer.from(u32(5)))
    expect(map.lookup(u32(5))).toBeUndefined()
  })

  it('is another handle of the same map when opened from a pin', () => {
    const map = object.map('hash')
    const path = join(bpffs.path, 'hash')
    map.pin(path)
    using opened = BpfMap.openPinned(path)
    expect(opened.info.id).toBe(map.info.id)
    opened.update(u32(3), u64(4))
    expect(map.lookup(u32(3))).toEqual(u64(4))
    map.delete(u32(3))
    expect(() => map.pin(path)).toThrow(expect.objectContaining({ code: 'EEXIST' }))
  })

  it('cannot be opened from a pin that is not there', () => {
    const path = join(bpffs.path, 'nothing')
    expect(existsSync(path)).toBe(false)
    expect(() => BpfMap.openPinned(path)).toThrow(
      expect.objectContaining({ code: 'ENOENT', operation: 'open pin', subject: path }),
    )
  })
})

describe('a wrong argument of a map is a TypeError that names it', () => {
  const detached = () => {
    const bytes = u32(1)
    structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] })
    return bytes
  }
  it.each<[string, (map: BpfMap) => unknown, string]>([
    ['a short key', (map) => map.lookup(new Uint8Array(3)), 'key must be 4 bytes, got 3'],
    ['a long key', (map) => map.delete(new Uint8Array(5)), 'key must be 4 bytes, got 5'],
    ['a short value', (map) => map.update(u32(1), u32(1)), 'value must be 8 bytes, got 4'],
    ['a detached key', (map) => map.lookup(detached()), 'key is backed by a detached ArrayBuffer'],
    [
      'shared memory',
      (map) => map.lookup(new Uint8Array(new SharedArrayBuffer(4))),
      'key must not be backed by a SharedArrayBuffer',
    ],
    [
      'memory that may shrink',
      (map) => map.lookup(new Uint8Array(new ArrayBuffer(4, { maxByteLength: 8 }))),
      'key must not be backed by a resizable ArrayBuffer',
    ],
    ['a number', (map) => map.lookup(1 as never), 'key must be a Uint8Array, got 1'],
    ['null', (map) => map.lookup(null as never), 'key must be a Uint8Array, got null'],
    [
      'another view',
      (map) => map.lookup(new Uint32Array(1) as never),
      'key must be a Uint8Array, got an object (Uint32Array)',
    ],
    [
      'an unknown mode',
      (map) => map.update(u32(1), u64(1), 'toString' as never),
      `mode must be 'any', 'create' or 'replace', got "toString"`,
    ],
    ['an empty path', (map) => map.pin(''), 'path must be a non-empty string, got ""'],
    ['a zero byte', (map) => map.pin('/a\0b'), 'path must not contain a zero byte'],
    [
      'a long path',
      (map) => map.pin(`/${'ü'.repeat(2048)}`),
      'path must be shorter than 4096 bytes, got 4097',
    ],
  ])('%s', (_, act, message) => {
    expect(() => act(object.map('hash'))).toThrow(new TypeError(message))
  })

  it('a length that lies', () => {
    class Liar extends Uint8Array {
      override get byteLength(): number {
        return 4
      }
    }
    expect(() => object.map('hash').lookup(new Liar(2))).toThrow(TypeError)
    expect(() => object.map('hash').lookup(new Liar(2))).toThrow('expected 4 bytes, got 2')
  })

  it('a handle that is closed, for every operation', async () => {
    const other = BpfObject.load(objectPath('maps'))
    const map = other.map('hash')
    other.close()
    other.close()
    map.close()
    const closed = new TypeError('this map is closed')
    expect(() => map.lookup(u32(1))).toThrow(closed)
    expect(() => map.update(u32(1), u64(1))).toThrow(closed)
    expect(() => map.delete(u32(1))).toThrow(closed)
    expect(() => map.pin(join(bpffs.path, 'closed'))).toThrow(closed)
    expect(() => map.mmap()).toThrow(closed)
    expect(() => map.memoryUsage()).toThrow(closed)
    await expect(map.updateBatch(u32(1), u64(1))).rejects.toThrow(closed)
    await expect(map.deleteBatch(u32(1))).rejects.toThrow(closed)
    await expect(map.entries()).rejects.toThrow(closed)
  })

  it('something that is no handle at all', () => {
    const Constructor = BpfMap as unknown as new (handle: unknown) => BpfMap
    expect(() => new Constructor({})).toThrow(TypeError)
    expect(() => new Constructor(3)).toThrow(TypeError)
  })
})

it('a BpfError is an Error with a name', () => {
  expect(() => BpfMap.openPinned('/')).toThrow(BpfError)
  expect(() => BpfMap.openPinned('/')).toThrow(expect.objectContaining({ name: 'BpfError' }))
})
