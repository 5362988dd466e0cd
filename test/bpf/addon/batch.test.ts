import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BpfError, type BpfMap, BpfObject, possibleCpus } from '#addon'
import { asU32, asU64, objectPath, range, u32, u64 } from './fixture.ts'
import { bucketOf } from './jhash.ts'

let object: BpfObject
beforeEach(() => {
  object = BpfObject.load(objectPath('maps'))
})
afterEach(() => {
  object.close()
})

async function contents(map: BpfMap): Promise<Map<number, bigint>> {
  const { keys, values, count } = await map.entries()
  expect(keys.length).toBe(count * 4)
  const numbers = asU64(values)
  return new Map(asU32(keys).map((key, index) => [key, numbers[index] ?? -1n]))
}

async function failure(promise: Promise<unknown>): Promise<BpfError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(BpfError)
  return error as BpfError
}

describe('batches', () => {
  it('write, read and delete many entries', async () => {
    const map = object.map('large_hash')
    const ids = range(50_000)
    await map.updateBatch(u32(...ids), u64(...ids.map((id) => id * 2)))
    const all = await contents(map)
    expect(all.size).toBe(50_000)
    expect(ids.every((id) => all.get(id) === BigInt(id) * 2n)).toBe(true)
    expect(await map.deleteBatch(u32(...range(20_000)))).toBe(20_000)
    expect((await map.entries()).count).toBe(30_000)
  })

  it('take nothing at all', async () => {
    const map = object.map('hash')
    await map.updateBatch(u32(), u64())
    expect(await map.deleteBatch(u32())).toBe(0)
    expect(await map.entries()).toEqual({
      keys: new Uint8Array(),
      values: new Uint8Array(),
      count: 0,
    })
  })

  it('skip keys that are not there when deleting, and count the others', async () => {
    const map = object.map('hash')
    await map.updateBatch(u32(1, 2, 3, 4), u64(1, 2, 3, 4))
    expect(await map.deleteBatch(u32(9, 1, 8, 7, 2, 3, 6))).toBe(3)
    expect([...(await contents(map)).keys()]).toEqual([4])
  })

  it('say how many entries were written before the map was full', async () => {
    const map = object.map('hash')
    const ids = range(1500)
    const error = await failure(map.updateBatch(u32(...ids), u64(...ids)))
    expect(error).toMatchObject({ code: 'E2BIG', operation: 'update batch', subject: 'hash' })
    expect(error.completed).toBe((await map.entries()).count)
    expect(error.completed).toBeGreaterThanOrEqual(1024)
    expect(map.lookup(u32((error.completed ?? 0) - 1))).toBeDefined()
    expect(map.lookup(u32(error.completed ?? 0))).toBeUndefined()
  })

  it('claim nothing when the first entry fails', async () => {
    const error = await failure(object.map('array').updateBatch(u32(99, 1), u64(1, 1)))
    expect(error).toMatchObject({ code: 'E2BIG', completed: 0 })
  })

  it('carry a value for each possible CPU', async () => {
    for (const [name, size] of [
      ['percpu_hash', 16],
      ['percpu_array', 8],
    ] as const) {
      const map = object.map(name)
      const values = new Uint8Array(3 * size * possibleCpus())
      for (let at = 0; at < values.length; at++) values[at] = at % size < 8 ? at : 0
      await map.updateBatch(u32(0, 1, 2), values)
      expect(map.lookup(u32(2))).toEqual(values.subarray(2 * size * possibleCpus()))
      const { keys, values: read } = await map.entries()
      const at = asU32(keys).indexOf(1) * size * possibleCpus()
      expect(read.subarray(at, at + size * possibleCpus())).toEqual(map.lookup(u32(1)))
    }
  })

  it('read arrays from end to end', async () => {
    await object.map('array').updateBatch(u32(3, 15), u64(30, 150))
    const all = await contents(object.map('array'))
    expect(all.size).toBe(16)
    expect([all.get(0), all.get(3), all.get(15)]).toEqual([0n, 30n, 150n])
  })

  it('work on tries', async () => {
    const map = object.map('trie')
    const keys = u32(...range(500).flatMap((id) => [32, id]))
    await map.updateBatch(keys, u32(...range(500)))
    const { values, count } = await map.entries()
    expect(count).toBe(500)
    expect(asU32(values).sort((a, b) => a - b)).toEqual(range(500))
    expect(await map.deleteBatch(keys)).toBe(500)
  })
})

describe('a map type without batches', () => {
  it('is written, read and emptied one entry at a time', async () => {
    const map = object.map('without_batches')
    await map.updateBatch(u32(...range(40)), u32(...Array(40).fill(1)))
    const { keys, count } = await map.entries()
    expect(count).toBe(40)
    expect(asU32(keys).sort((a, b) => a - b)).toEqual(range(40))
    expect(await map.deleteBatch(u32(50, ...range(39), 51))).toBe(39)
    expect((await map.entries()).count).toBe(1)
  })

  it('says how far it came', async () => {
    const map = object.map('without_batches')
    const error = await failure(map.updateBatch(u32(1, 2, 3), u32(1, 0x7fff_ffff, 1)))
    expect(error.completed).toBe(1)
    expect((await map.entries()).count).toBe(1)
  })

  it('has an array delete nothing', async () => {
    const error = await failure(object.map('array').deleteBatch(u32(1)))
    expect(error).toMatchObject({ code: 'EINVAL', completed: 0, subject: 'array' })
  })

  it('has no entries when it has no keys', async () => {
    const map = object.map('queue')
    expect((await failure(map.entries())).code).toBe('EOPNOTSUPP')
    await expect(map.deleteBatch(u32(1))).rejects.toThrow(TypeError)
  })
})

describe('entries', () => {
  it('reads a bucket that holds more than one batch', async () => {
    const map = object.map('crowded_hash')
    // Larger than the 16 of a batch of such values.
    const keys = range(1_000_000)
      .filter((key) => bucketOf(key, 1024) === 5)
      .slice(0, 40)
    expect(keys.length).toBe(40)
    await map.updateBatch(u32(...keys, 1, 2, 3), new Uint8Array(43 * 70_000))
    const found = await map.entries()
    expect(asU32(found.keys).sort((a, b) => a - b)).toEqual(
      [...keys, 1, 2, 3].sort((a, b) => a - b),
    )
    expect(found.values.length).toBe(43 * 70_000)
  })

  it('has each lasting entry once while others come and go', async () => {
    const map = object.map('large_hash')
    const lasting = range(20_000)
    await map.updateBatch(u32(...lasting), u64(...lasting))
    for (let round = 0; round < 10; round++) {
      let done = false
      const reading = map.entries().finally(() => {
        done = true
      })
      for (let key = 100_000; !done; key++) {
        map.update(u32(key), u64(key))
        map.delete(u32(key - 50))
        if (key % 200 === 0) await new Promise(setImmediate)
      }
      const keys = asU32((await reading).keys)
      expect(new Set(keys).size).toBe(keys.length)
      expect(keys.filter((key) => key < 20_000).length).toBe(20_000)
    }
  })

  it('ends, and repeats nothing, on a map without batches that changes', async () => {
    const map = object.map('without_batches')
    await map.updateBatch(u32(...range(32)), u32(...Array(32).fill(1)))
    for (let round = 0; round < 200; round++) {
      const reading = map.entries()
      for (let key = 32; key < 64; key++) map.update(u32(key), u32(1))
      for (let key = 32; key < 64; key++) map.delete(u32(key))
      const keys = asU32((await reading).keys)
      expect(new Set(keys).size).toBe(keys.length)
      expect(keys.filter((key) => key < 32).length).toBe(32)
    }
  })
})

describe('a batch under way', () => {
  const ids = range(30_000)

  it('does not see its buffers go', async () => {
    const map = object.map('large_hash')
    const keys = u32(...ids)
    const values = u64(...ids)
    const writing = map.updateBatch(keys, values)
    ;(keys.buffer as ArrayBuffer).transfer(8)
    structuredClone(values.buffer, { transfer: [values.buffer as ArrayBuffer] })
    await writing
    expect(asU64(map.lookup(u32(29_999)) ?? u64())).toEqual([29_999n])
  })

  it('does not see its buffers change', async () => {
    const map = object.map('large_hash')
    const keys = u32(...ids)
    const deleting = map.updateBatch(keys, u64(...ids)).then(() => map.deleteBatch(keys))
    await map.updateBatch(keys, u64(...ids))
    expect(await deleting).toBe(30_000)
    const writing = map.updateBatch(keys, u64(...ids))
    keys.fill(0)
    await writing
    expect((await map.entries()).count).toBe(30_000)
  })

  it('finishes though the map is closed', async () => {
    const map = object.map('large_hash')
    const writing = map.updateBatch(u32(...ids), u64(...ids))
    const reading = map.entries()
    map.close()
    await writing
    expect((await reading).count).toBeLessThanOrEqual(30_000)
    await expect(map.entries()).rejects.toThrow('this map is closed')
  })

  it('refuses sizes that do not match, naming the argument', async () => {
    const map = object.map('hash')
    const rejects = (promise: Promise<unknown>, message: string) =>
      expect(promise).rejects.toThrow(new TypeError(message))
    await rejects(map.updateBatch(u32(1), u64(1, 2)), 'values must be 8 bytes, got 16')
    await rejects(
      map.updateBatch(new Uint8Array(6), u64(1)),
      'keys must be a multiple of 4 bytes, got 6',
    )
    await rejects(map.deleteBatch(new Uint8Array(1)), 'keys must be a multiple of 4 bytes, got 1')
    await rejects(
      map.updateBatch([] as never, u64()),
      'keys must be a Uint8Array, got an object (Array)',
    )
  })
})
