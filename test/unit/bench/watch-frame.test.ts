import { expect, test } from 'vitest'
import { watchFrame } from '../../bench/watch-frame.ts'

test('a watch frame is a length, a type and the object, each with its own length (AP-12)', () => {
  const object = Buffer.alloc(300, 7)
  const frame = watchFrame('MODIFIED', object)
  expect(frame.readUInt32BE(0)).toBe(frame.length - 4)
  expect(frame.subarray(4, 14).toString('latin1')).toBe('\x0a\x08MODIFIED')
  // Field 2 of 303 bytes, in it field 1 of 300 bytes; 303 and 300 as varints.
  expect([...frame.subarray(14, 20)]).toEqual([0x12, 0xaf, 0x02, 0x0a, 0xac, 0x02])
  expect(frame.subarray(20)).toEqual(object)
})
