import type { Kind } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import type { RawObject } from '../raw-object.ts'
import { Fields } from './fields.ts'
import { JsonObject } from './object.ts'
import { parseJson } from './parse.ts'

/** Reads a list in JSON, which can only be parsed when all of it is here. */
export class JsonListReader {
  resourceVersion = ''
  /** Empty on the last page. */
  continueToken = ''
  readonly #kind: Kind
  readonly #pool: StringPool
  readonly #chunks: Buffer[] = []

  constructor(kind: Kind, pool: StringPool) {
    this.#kind = kind
    this.#pool = pool
  }

  push(chunk: Buffer): RawObject[] {
    this.#chunks.push(chunk)
    return []
  }

  /** @throws {DecodeError} for a body that is not a complete list. */
  end(): RawObject[] {
    const value = parseJson(Buffer.concat(this.#chunks).toString())
    const list = Fields.root(value)
    const metadata = list.mapping('metadata')
    this.resourceVersion = metadata?.string('resourceVersion') ?? ''
    this.continueToken = metadata?.string('continue') ?? ''
    const { items } = value as { readonly items?: unknown }
    const found: unknown[] = Array.isArray(items) ? items : []
    return found.map((item) => new JsonObject(this.#kind, item, this.#pool))
  }
}
