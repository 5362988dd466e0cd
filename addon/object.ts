import type { MapHandle, ProgramHandle } from './binding.d.ts'
import { checkInteger, checkKeys, checkName, checkPath, checkRecord, describe } from './check.ts'
import { BpfMap } from './map.ts'
import { native } from './native.ts'
import { BpfProgram } from './program.ts'

export interface OpenOptions {
  /** Pin path by map name: a pin that is there is reused and must match, a missing one is made. */
  readonly pins?: Readonly<Record<string, string>>
  /** Values of `const volatile` globals by name; their sizes come from BTF. */
  readonly constants?: Readonly<Record<string, number | bigint | boolean>>
  /** Capacity by map name, instead of the one in the file. */
  readonly maxEntries?: Readonly<Record<string, number>>
  /** Programs to leave out; all are loaded by default. */
  readonly skipPrograms?: readonly string[]
}

const optionNames: readonly (keyof OpenOptions)[] = [
  'pins',
  'constants',
  'maxEntries',
  'skipPrograms',
]

/** The maps and programs of one object file, loaded into the kernel. */
export class BpfObject {
  readonly #maps: ReadonlyMap<string, BpfMap>
  readonly #programs: ReadonlyMap<string, BpfProgram>

  private constructor(
    maps: readonly [string, MapHandle][],
    programs: readonly [string, ProgramHandle][],
  ) {
    this.#maps = new Map(maps.map(([name, handle]) => [name, new BpfMap(handle)]))
    this.#programs = new Map(programs.map(([name, handle]) => [name, new BpfProgram(handle)]))
  }

  /**
   * Opens and loads an object file, on the calling thread.
   * @throws BpfError ENOENT for a file or a name in the options that is not there; ERANGE for a constant
   *   that does not fit; EINVAL where a pinned map is of another shape; whatever the verifier says,
   *   with `verifierLog`
   */
  static load(path: string, options: OpenOptions = {}): BpfObject {
    checkPath('path', path)
    checkRecord('options', options)
    checkKeys('options', options, optionNames)
    const { pins = {}, constants = {}, maxEntries = {}, skipPrograms = [] } = options
    const { maps, programs } = native.loadObject(
      path,
      pairs('options.pins', pins, checkPath),
      pairs('options.constants', constants, checkConstant).map(
        ([name, value]) => [name, BigInt(value)] as const,
      ),
      pairs('options.maxEntries', maxEntries, (name, value) => checkInteger(name, value, 1)),
      names('options.skipPrograms', skipPrograms),
    )
    return new BpfObject(maps, programs)
  }

  /** Data sections are maps too: '.rodata', '.bss'. */
  get mapNames(): readonly string[] {
    return [...this.#maps.keys()]
  }

  get programNames(): readonly string[] {
    return [...this.#programs.keys()]
  }

  /** The same BpfMap each time. */
  map(name: string): BpfMap {
    return find('map', this.#maps, name)
  }

  /** The same BpfProgram each time. */
  program(name: string): BpfProgram {
    return find('program', this.#programs, name)
  }

  /** Closes all maps and programs of the object. What is pinned or attached stays. */
  close(): void {
    for (const map of this.#maps.values()) map.close()
    for (const program of this.#programs.values()) program.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function find<T>(noun: string, all: ReadonlyMap<string, T>, name: string): T {
  const found = all.get(name)
  if (found !== undefined) return found
  throw new TypeError(
    `name: the object has no ${noun} ${describe(name)}; it has ${[...all.keys()].join(', ')}`,
  )
}

function pairs<T>(
  name: string,
  record: Readonly<Record<string, T>>,
  check: (name: string, value: unknown) => void,
): (readonly [string, T])[] {
  checkRecord(name, record)
  const entries = Object.entries(record)
  for (const [key, value] of entries) {
    checkName(`a key of ${name}`, key)
    check(`${name}.${key}`, value)
  }
  return entries
}

function names(name: string, list: readonly string[]): readonly string[] {
  if (!Array.isArray(list)) throw new TypeError(`${name} must be an array, got ${describe(list)}`)
  const copy = [...list]
  for (const [index, value] of copy.entries()) checkName(`${name}[${index}]`, value)
  return copy
}

function checkConstant(name: string, value: unknown): void {
  if (typeof value === 'boolean') return
  if (typeof value === 'number' && Number.isSafeInteger(value)) return
  if (typeof value === 'bigint' && value >= -(1n << 63n) && value < 1n << 64n) return
  throw new TypeError(`${name} must be a boolean or an integer of 64 bits, got ${describe(value)}`)
}
