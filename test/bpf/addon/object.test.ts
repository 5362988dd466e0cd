import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BpfError, BpfMap, BpfObject, BpfProgram, type OpenOptions } from '#addon'
import { asU64, mountBpf, objectPath, type TemporaryDirectory, u32, u64 } from './fixture.ts'

let bpffs: TemporaryDirectory
beforeEach(() => {
  bpffs = mountBpf()
})
afterEach(() => {
  bpffs.remove()
})

function refusal(name: string, options?: OpenOptions): BpfError {
  try {
    BpfObject.load(objectPath(name), options).close()
  } catch (error) {
    expect(error).toBeInstanceOf(BpfError)
    return error as BpfError
  }
  throw new Error(`${name} was loaded`)
}

describe('loading an object', () => {
  it('finds maps and programs by name', () => {
    using object = BpfObject.load(objectPath('constants'))
    expect(object.programNames).toEqual(['report_constants'])
    expect(object.mapNames).toEqual(expect.arrayContaining(['.rodata', '.bss']))
    expect(object.map('.bss')).toBe(object.map('.bss'))
    expect(object.program('report_constants').info.tag).toMatch(/^[0-9a-f]{16}$/)
    expect(() => object.map('absent')).toThrow(/the object has no map "absent"; it has /)
    expect(() => object.program('absent')).toThrow(TypeError)
  })

  it('sizes a map as asked', () => {
    using object = BpfObject.load(objectPath('maps'), { maxEntries: { hash: 77, large_hash: 5 } })
    expect(object.map('hash').info.maxEntries).toBe(77)
    expect(object.map('large_hash').info.maxEntries).toBe(5)
    expect(object.map('lru_hash').info.maxEntries).toBe(1024)
  })

  it('says what is wrong with the file', () => {
    expect(() => BpfObject.load('/nonexistent/x.bpf.o')).toThrow(
      expect.objectContaining({
        code: 'ENOENT',
        operation: 'open',
        subject: '/nonexistent/x.bpf.o',
      }),
    )
    expect(() => BpfObject.load(import.meta.filename)).toThrow(
      expect.objectContaining({ operation: 'open', subject: import.meta.filename }),
    )
  })
})

describe('a program that the verifier refuses', () => {
  it('is named, with the reason in the message and the whole log kept', () => {
    const error = refusal('rejected')
    expect(error).toMatchObject({ code: 'EACCES', operation: 'load program', subject: 'rejected' })
    expect(error.message).toMatch(
      /^load program rejected: EACCES \(Permission denied\): .*invalid access to packet|R\d offset is outside of the packet/,
    )
    expect(error.message).not.toContain('\n')
    expect(error.verifierLog).toContain('invalid access to packet')
    expect(error.verifierLog).toContain('processed')
  })

  it('may be left out', () => {
    using object = BpfObject.load(objectPath('rejected'), { skipPrograms: ['rejected'] })
    expect(object.programNames).toEqual(['accepted'])
  })
})

describe('constants', () => {
  /** report_constants writes them into the packet. */
  function report(constants: NonNullable<OpenOptions['constants']>): bigint[] {
    using object = BpfObject.load(objectPath('constants'), { constants })
    const { dataOut } = object.program('report_constants').testRun(new Uint8Array(64))
    const words = new Uint32Array(dataOut.slice(16, 32).buffer)
    return [...new BigInt64Array(dataOut.slice(0, 16).buffer), ...[...words].map(BigInt)]
  }

  it('keep what the file says where nothing is asked', () => {
    expect(report({})).toEqual([1n, -1n, 1n, 0n, 0n, 1n])
  })

  it('are set by name at their size: integers, booleans, enums', () => {
    expect(
      report({ wide: 0x0123_4567_89ab_cdefn, negative: -300, narrow: 255, flag: true, color: 7 }),
    ).toEqual([0x0123_4567_89ab_cdefn, -300n, 255n, 1n, 7n, 1n])
  })

  it('take their extremes', () => {
    const [wide, negative] = report({ wide: 2n ** 64n - 1n, negative: -32768 })
    expect([BigInt.asUintN(64, wide ?? 0n), negative]).toEqual([2n ** 64n - 1n, -32768n])
  })

  it.each<[string, NonNullable<OpenOptions['constants']>, string]>([
    ['too large', { narrow: 256 }, 'ERANGE'],
    ['negative where unsigned', { narrow: -1 }, 'ERANGE'],
    ['negative where unsigned, of 64 bits', { wide: -1n }, 'ERANGE'],
    ['beyond a signed type', { negative: 32768 }, 'ERANGE'],
    ['below a signed type', { negative: -32769 }, 'ERANGE'],
    ['a structure', { pair: 1 }, 'EINVAL'],
    ['absent', { absent: 1 }, 'ENOENT'],
    ['a variable that is not constant', { runs: 1 }, 'ENOENT'],
  ])('are refused when %s', (_, constants, code) => {
    expect(refusal('constants', { constants })).toMatchObject({
      code,
      operation: 'set constant',
      subject: Object.keys(constants)[0],
    })
  })
})

describe('pins', () => {
  it('are made where missing and reused where present', () => {
    const pins = { hash: join(bpffs.path, 'hash'), array: join(bpffs.path, 'array') }
    const first = BpfObject.load(objectPath('maps'), { pins })
    const id = first.map('hash').info.id
    first.map('hash').update(u32(1), u64(42))
    first.close()
    expect(readdirSync(bpffs.path).sort()).toEqual(['array', 'hash'])

    using second = BpfObject.load(objectPath('maps'), { pins })
    expect(second.map('hash').info.id).toBe(id)
    expect(asU64(second.map('hash').lookup(u32(1)) ?? u64())).toEqual([42n])
  })

  it('of another shape are refused, with the map and the differences, and left alone', () => {
    const path = join(bpffs.path, 'hash')
    BpfObject.load(objectPath('maps'), { pins: { hash: path } }).close()
    const error = refusal('other-shape', { pins: { hash: path } })
    expect(error).toMatchObject({
      code: 'EINVAL',
      operation: 'reuse the pinned map',
      subject: 'hash',
    })
    expect(error.message).toContain(
      `the pin ${path} has key size 4 instead of 8; value size 8 instead of 4; max entries 1024 instead of 2048`,
    )
    using pinned = BpfMap.openPinned(path)
    expect(pinned.info.keySize).toBe(4)
  })

  it('of something that is not a map are refused', () => {
    const path = join(bpffs.path, 'program')
    using object = BpfObject.load(objectPath('rejected'), { skipPrograms: ['rejected'] })
    object.program('accepted').pin(path)
    expect(() => BpfMap.openPinned(path)).toThrow(
      /EINVAL .*it is a pin of .*bpf-prog, not of a map/,
    )
    using program = BpfProgram.openPinned(path)
    expect(program.info.id).toBe(object.program('accepted').info.id)
  })

  it('outside of a bpf file system are refused, and nothing stays of those made before', () => {
    const error = refusal('maps', {
      pins: { hash: join(bpffs.path, 'hash'), queue: '/proc/queue' },
    })
    expect(error.message).toContain('/proc')
    expect(readdirSync(bpffs.path)).toEqual([])
  })
})

describe('wrong options', () => {
  it.each<[string, OpenOptions, string]>([
    ['pins', { pins: { absent: '/x' } }, 'set the pin of map'],
    ['maxEntries', { maxEntries: { absent: 1 } }, 'set max entries of map'],
    ['skipPrograms', { skipPrograms: ['absent'] }, 'skip program'],
  ])('a name in %s that is not in the file is a BpfError ENOENT', (_, options, operation) => {
    expect(refusal('maps', options)).toMatchObject({ code: 'ENOENT', operation, subject: 'absent' })
  })

  it.each<[string, unknown]>([
    [
      'options.pin is not an option; there are pins, constants, maxEntries, skipPrograms',
      { pin: {} },
    ],
    ['options must be an object, got null', null],
    ['options.pins must be an object, got an object (Array)', { pins: [] }],
    ['options.pins.hash must be a non-empty string, got 1', { pins: { hash: 1 } }],
    [
      'options.pins.hash must be shorter than 4096 bytes, got 4097',
      { pins: { hash: `/${'x'.repeat(4096)}` } },
    ],
    [
      'options.maxEntries.hash must be an integer from 1 to 4294967295, got 0',
      { maxEntries: { hash: 0 } },
    ],
    [
      'options.constants.wide must be a boolean or an integer of 64 bits, got 0.5',
      { constants: { wide: 0.5 } },
    ],
    [
      'options.constants.wide must be a boolean or an integer of 64 bits, got 18446744073709551616n',
      { constants: { wide: 2n ** 64n } },
    ],
    ['options.skipPrograms must be an array, got "x"', { skipPrograms: 'x' }],
    ['options.skipPrograms[0] must be a non-empty string, got ""', { skipPrograms: [''] }],
  ])('%s', (message, options) => {
    expect(() => BpfObject.load(objectPath('maps'), options as OpenOptions)).toThrow(
      new TypeError(message),
    )
  })
})
