import { DecodeError, type FieldPath } from '../decode-error.ts'

type Plain = Readonly<Record<string, unknown>>

/**
 * One mapping of an object, read field by field with its type checked. `null` counts as absent, as it
 * does for the API server. The path is put together only when an error needs it.
 */
export class Fields {
  readonly #plain: Plain
  readonly #parent: Fields | undefined
  readonly #key: string | number

  private constructor(plain: Plain, parent: Fields | undefined, key: string | number) {
    this.#plain = plain
    this.#parent = parent
    this.#key = key
  }

  /** @throws {DecodeError} unless the value is a mapping. */
  static root(value: unknown): Fields {
    if (!isMapping(value)) {
      throw DecodeError.field([], value, 'write a mapping with apiVersion, kind and metadata')
    }
    return new Fields(value, undefined, '')
  }

  /** The path of a field of this mapping. */
  path(...keys: FieldPath): FieldPath {
    return this.#parent === undefined ? keys : this.#parent.path(this.#key, ...keys)
  }

  string(key: string): string | undefined {
    const value = this.#plain[key] ?? undefined
    if (value === undefined || typeof value === 'string') return value
    throw this.#wrong(key, value, 'write a string (in quotes where YAML would read something else)')
  }

  requiredString(key: string): string {
    const value = this.string(key)
    if (value === undefined || value === '') {
      throw DecodeError.field(this.path(key), value, 'write a string that is not empty')
    }
    return value
  }

  integer(key: string): number | undefined {
    const value = this.#plain[key] ?? undefined
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value
    throw this.#wrong(key, value, 'write a whole number')
  }

  boolean(key: string): boolean | undefined {
    const value = this.#plain[key] ?? undefined
    if (value === undefined || typeof value === 'boolean') return value
    throw this.#wrong(key, value, 'write true or false')
  }

  mapping(key: string): Fields | undefined {
    const value = this.#plain[key] ?? undefined
    if (value === undefined) return undefined
    if (isMapping(value)) return new Fields(value, this, key)
    throw this.#wrong(key, value, 'write a mapping')
  }

  /** A mapping of strings, reduced to the keys wanted. */
  stringMap(key: string, wanted: (key: string) => boolean): Record<string, string> | undefined {
    const fields = this.mapping(key)
    let kept: Record<string, string> | undefined
    if (fields === undefined) return undefined
    for (const name of Object.keys(fields.#plain)) {
      if (!wanted(name)) continue
      kept ??= {}
      kept[name] = fields.string(name) ?? ''
    }
    return kept
  }

  strings(key: string): string[] {
    return this.list(key).map((value, index) => {
      if (typeof value === 'string') return value
      throw this.#wrong([key, index], value, 'write a string')
    })
  }

  mappings(key: string): Fields[] {
    const list = this.list(key)
    if (list.length === 0) return []
    const at = new Fields({}, this, key)
    return list.map((value, index) => {
      if (isMapping(value)) return new Fields(value, at, index)
      throw this.#wrong([key, index], value, 'write a mapping')
    })
  }

  /** Values of any type; none where there is no list. */
  list(key: string): readonly unknown[] {
    const value = this.#plain[key] ?? undefined
    if (value === undefined) return []
    if (Array.isArray(value)) return value
    throw this.#wrong(key, value, 'write a list')
  }

  #wrong(key: string | FieldPath, value: unknown, advice: string): DecodeError {
    return DecodeError.field(this.path(...[key].flat()), value, advice)
  }
}

function isMapping(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
