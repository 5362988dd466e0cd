import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BpfObject, type BpfProgram } from '#addon'
import { asU64, objectPath, u32 } from './fixture.ts'

let object: BpfObject
let program: BpfProgram
beforeAll(() => {
  object = BpfObject.load(objectPath('constants'))
  program = object.program('report_constants')
})
afterAll(() => {
  object.close()
})

describe('a test-run', () => {
  it('gives the return value, the packet and the time', () => {
    const { returnValue, dataOut, durationNs } = program.testRun(new Uint8Array(64))
    expect(returnValue).toBe(0)
    expect(dataOut.length).toBe(64)
    expect(dataOut[0]).toBe(1)
    expect(durationNs).toBeGreaterThan(0)
  })

  it('runs as often as asked', () => {
    const runs = () => asU64(object.map('.bss').lookup(u32(0))?.subarray(0, 8) ?? u32())[0] ?? 0n
    const before = runs()
    program.testRun(new Uint8Array(64), { repeat: 1000 })
    expect(runs() - before).toBe(1000n)
  })

  it('takes a context', () => {
    // struct xdp_md: data, data_end, data_meta; the first 8 bytes become metadata.
    const context = u32(8, 64, 0, 0, 0, 0)
    expect(program.testRun(new Uint8Array(64), { context }).returnValue).toBe(8)
  })

  it('says when the kernel refuses', () => {
    expect(() => program.testRun(new Uint8Array(3))).toThrow(
      expect.objectContaining({
        code: 'EINVAL',
        operation: 'test-run',
        subject: 'report_constants',
      }),
    )
  })

  it.each<[string, () => unknown, string]>([
    [
      'a fraction',
      () => program.testRun(new Uint8Array(64), { repeat: 1.5 }),
      'options.repeat must be an integer from 1 to 2147483647, got 1.5',
    ],
    [
      'a misspelt option',
      () => program.testRun(new Uint8Array(64), { repeats: 1 } as never),
      'options.repeats is not an option; there are repeat, context',
    ],
    [
      'a context of numbers',
      () => program.testRun(new Uint8Array(64), { context: [1] as never }),
      'options.context must be a Uint8Array, got an object (Array)',
    ],
    [
      'no data',
      () => program.testRun(undefined as never),
      'data must be a Uint8Array, got undefined',
    ],
    [
      'data for no packet',
      () => program.testRun(new Uint8Array(2_000_000)),
      'data must be at most 1048576 bytes, got 2000000',
    ],
  ])('refuses %s', (_, act, message) => {
    expect(act).toThrow(new TypeError(message))
  })
})

it('a closed program refuses everything', () => {
  const other = BpfObject.load(objectPath('constants'))
  const closed = other.program('report_constants')
  closed.close()
  closed.close()
  const error = new TypeError('this program is closed')
  expect(() => closed.info).toThrow(error)
  expect(() => closed.pin('/x')).toThrow(error)
  expect(() => closed.testRun(new Uint8Array(64))).toThrow(error)
  expect(() => closed.attachCgroup('/', 'connect4')).toThrow(error)
  other.close()
})
