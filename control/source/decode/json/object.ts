import type { Kind, KubernetesObject } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import { decodeObject, identify } from '../json.ts'
import type { Identity, RawObject } from '../raw-object.ts'

/** An object parsed from JSON. */
export class JsonObject implements RawObject {
  readonly #kind: Kind
  readonly #value: unknown
  readonly #pool: StringPool

  constructor(kind: Kind, value: unknown, pool: StringPool) {
    this.#kind = kind
    this.#value = value
    this.#pool = pool
  }

  identify(): Identity {
    return identify(this.#kind, this.#value)
  }

  decode(): KubernetesObject {
    return decodeObject(this.#kind, this.#value, this.#pool)
  }
}
