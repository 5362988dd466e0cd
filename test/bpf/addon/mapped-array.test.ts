import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BpfObject, type MappedArray } from '#addon'
import { objectPath, u32 } from './fixture.ts'

let object: BpfObject
let array: MappedArray
beforeAll(() => {
  object = BpfObject.load(objectPath('maps'))
  array = object.map('mapped').mmap()
})
afterAll(() => {
  array.close()
  object.close()
})

function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 7 + 1) & 0xff)
}

describe('a mapped array', () => {
  it('has elements of the value size aligned to 8', () => {
    expect(array.stride).toBe(24)
    expect(array.length).toBe(24_000)
  })

  it('shows the kernel what is stored, and what the kernel has', () => {
    const bytes = pattern(48)
    array.store(998, bytes)
    const map = object.map('mapped')
    expect(map.lookup(u32(998))).toEqual(bytes.subarray(0, 20))
    expect(map.lookup(u32(999))).toEqual(bytes.subarray(24, 44))
    map.update(u32(0), new Uint8Array(20).fill(9))
    expect(array.load(0, 1).subarray(0, 20)).toEqual(new Uint8Array(20).fill(9))
  })

  it('is mapped as it is touched, and whole to those who look across its windows', () => {
    const elements = 100_000
    const large = BpfObject.load(objectPath('maps'), { maxEntries: { mapped: elements } })
    const mapped = large.map('mapped').mmap()
    const resident = () => {
      const smaps = readFileSync('/proc/self/smaps', 'utf8')
      const sizes = [...smaps.matchAll(/anon_inode:bpf-map\n(?:.*\n)*?Rss:\s+(\d+) kB/g)]
      return sizes.reduce((sum, [, kilobytes]) => sum + Number(kilobytes), 0)
    }
    const before = resident()
    // 43,690 elements of 24 bytes end inside the first MiB, and one lies across its end.
    const bytes = pattern(24 * 4)
    mapped.store(43_688, bytes)
    expect(mapped.load(43_688, 4)).toEqual(bytes)
    expect(large.map('mapped').lookup(u32(43_690))).toEqual(bytes.subarray(48, 68))
    expect(resident() - before).toBe(2048)
    mapped.store(elements - 1, pattern(24))
    expect(mapped.load(elements - 1, 1)).toEqual(pattern(24))
    mapped.close()
    expect(resident()).toBe(before)
    large.close()
  })

  it('takes bytes at any alignment', () => {
    const bytes = pattern(25).subarray(1)
    array.store(7, bytes)
    expect(array.load(7, 1)).toEqual(bytes)
  })

  it('outlives the handle of its map, and the map', () => {
    const other = BpfObject.load(objectPath('maps'))
    const mapped = other.map('mapped').mmap()
    other.close()
    mapped.store(0, pattern(24))
    expect(mapped.load(0, 1)).toEqual(pattern(24))
    mapped.close()
    mapped.close()
    expect(() => mapped.load(0, 1)).toThrow(new TypeError('this mapped array is closed'))
    expect(() => mapped.store(0, pattern(24))).toThrow(new TypeError('this mapped array is closed'))
  })

  it('takes and gives nothing at its end', () => {
    array.store(1000, new Uint8Array())
    expect(array.load(1000, 0)).toEqual(new Uint8Array())
  })

  it.each<[string, () => unknown, string]>([
    [
      'beyond the end',
      () => array.store(999, pattern(48)),
      'bytes: 2 elements at index 999 do not fit into an array of 1000',
    ],
    [
      'a load beyond the end',
      () => array.load(1, 1000),
      'count: 1000 elements at index 1 do not fit into an array of 1000',
    ],
    [
      'half an element',
      () => array.store(0, pattern(20)),
      'bytes must be a multiple of 24 bytes, got 20',
    ],
    ['a fraction', () => array.load(0.5, 1), 'index must be an integer from 0 to 1000, got 0.5'],
    [
      'a negative index',
      () => array.load(-1, 1),
      'index must be an integer from 0 to 1000, got -1',
    ],
    ['NaN', () => array.load(Number.NaN, 1), 'index must be an integer from 0 to 1000, got NaN'],
    [
      'a count that wraps around',
      () => array.load(1, 2 ** 32),
      'count must be an integer from 0 to 4294967295, got 4294967296',
    ],
    [
      'a string',
      () => array.load('1' as never, 1),
      'index must be an integer from 0 to 1000, got "1"',
    ],
  ])('refuses %s', (_, act, message) => {
    expect(act).toThrow(new TypeError(message))
  })
})

it('a map that is not mmapable says so', () => {
  expect(() => object.map('hash').mmap()).toThrow(
    expect.objectContaining({ code: 'ENOTSUPP', operation: 'mmap', subject: 'hash' }),
  )
})
