import type { Kind } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import { DecodeError } from '../decode-error.ts'
import { LONGEST_LIST } from '../limits.ts'
import { checkListEnd, checkListKind } from '../list.ts'
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
  #length = 0

  constructor(kind: Kind, pool: StringPool) {
    this.#kind = kind
    this.#pool = pool
  }

  /** @throws {DecodeError} for a body without end. */
  push(chunk: Buffer): RawObject[] {
    this.#length += chunk.length
    if (this.#length > LONGEST_LIST) {
      throw new DecodeError(`the list is longer than ${LONGEST_LIST} bytes of JSON`)
    }
    this.#chunks.push(chunk)
    return []
  }

  /** @throws {DecodeError} for a body that is not a complete list. */
  end(): RawObject[] {
    const value = parseJson(Buffer.concat(this.#chunks).toString())
    const list = Fields.root(value)
    checkListKind(this.#kind, list.string('kind'))
    const metadata = list.mapping('metadata')
    this.resourceVersion = metadata?.string('resourceVersion') ?? ''
    this.continueToken = metadata?.string('continue') ?? ''
    checkListEnd(this.continueToken, metadata?.integer('remainingItemCount') ?? 0)
    return list.list('items').map((item) => new JsonObject(this.#kind, item, this.#pool))
  }
}
