import { type Document, LineCounter, parseAllDocuments } from 'yaml'
import { DecodeError, type FieldPath } from '../decode/decode-error.ts'
import { decodeObject, identify } from '../decode/json.ts'
import { type Kind, type KubernetesObject, objectKey } from '../objects.ts'
import type { StringPool } from '../string-pool.ts'
import { withManifestDefaults } from './defaults.ts'

/** One object and where it is written, as `web.yaml:12:1`. */
export interface Placed {
  readonly object: KubernetesObject
  readonly at: string
}

export interface Rejection {
  /** `Service default/web` where that much can be read, else the file and document. */
  readonly subject: string
  readonly reason: string
}

/** What one file says. */
export interface Manifest {
  /** By `Service default/web`. */
  readonly objects: ReadonlyMap<string, Placed>
  readonly rejections: readonly Rejection[]
  /** Something could not even be named, so what is missing from `objects` may still be meant. */
  readonly incomplete: boolean
  /** Kinds that a proxy has no use for. */
  readonly ignoredKinds: readonly string[]
}

const apiVersions: Readonly<Record<Kind, string>> = {
  Service: 'v1',
  EndpointSlice: 'discovery.k8s.io/v1',
  Node: 'v1',
  ServiceCIDR: 'networking.k8s.io/v1',
}

/** Reads a file of one or many YAML or JSON documents; never throws for what the file holds. */
export function parseManifest(file: string, text: string, pool: StringPool): Manifest {
  const reader = new ManifestReader(file, text, pool)
  reader.read()
  return reader
}

class ManifestReader implements Manifest {
  readonly objects = new Map<string, Placed>()
  readonly rejections: Rejection[] = []
  readonly ignoredKinds: string[] = []
  incomplete = false
  readonly #lines = new LineCounter()
  readonly #file: string
  readonly #text: string
  readonly #pool: StringPool

  constructor(file: string, text: string, pool: StringPool) {
    this.#file = file
    this.#text = text
    this.#pool = pool
  }

  read(): void {
    const parsed = parseAllDocuments(this.#text, { lineCounter: this.#lines, prettyErrors: false })
    const documents: Document.Parsed[] = Array.isArray(parsed) ? parsed : []
    const broken = documents.flatMap(({ errors }) => errors)[0]
    if (broken !== undefined) {
      this.#rejectFile(broken.message, broken.pos[0])
      return
    }
    for (const [document, value] of this.#values(documents)) {
      if (value !== null) this.#readObject(document, value, [])
    }
  }

  #values(documents: readonly Document.Parsed[]): [Document.Parsed, unknown][] {
    const values: [Document.Parsed, unknown][] = []
    for (const document of documents) {
      try {
        values.push([document, document.toJS()])
      } catch (error) {
        // Aliases without an anchor, or so many that they would blow up memory.
        this.#rejectFile(error instanceof Error ? error.message : String(error), document.range[0])
        return []
      }
    }
    return values
  }

  #readObject(document: Document.Parsed, value: unknown, at: FieldPath): void {
    const { kind, apiVersion, items } = (value ?? {}) as Record<string, unknown>
    if (typeof kind !== 'string' || kind === '') {
      const error = DecodeError.field(['kind'], kind, 'write the kind of the object, e.g. Service')
      this.#reject(document, at, error, undefined)
    } else if (Object.hasOwn(apiVersions, kind)) {
      this.#readKnown(document, kind as Kind, apiVersion, value, at)
    } else if (kind.endsWith('List') && Array.isArray(items)) {
      const itemKind = kind.slice(0, -'List'.length)
      for (const [index, item] of items.entries()) {
        const typed = itemKind === '' ? item : { kind: itemKind, apiVersion, ...item }
        this.#readObject(document, typed, [...at, 'items', index])
      }
    } else {
      this.ignoredKinds.push(kind)
    }
  }

  #readKnown(
    document: Document.Parsed,
    kind: Kind,
    apiVersion: unknown,
    value: unknown,
    at: FieldPath,
  ): void {
    const expected = apiVersions[kind]
    if (apiVersion !== expected && group(apiVersion) !== group(expected)) {
      this.ignoredKinds.push(`${kind} of ${apiVersion}`)
      return
    }
    let subject: string | undefined
    try {
      subject = `${kind} ${objectKey(identify(kind, value))}`
      if (apiVersion !== expected) {
        throw DecodeError.field(['apiVersion'], apiVersion, `write ${expected}`)
      }
      const object = withManifestDefaults(decodeObject(kind, value, this.#pool))
      this.#add(document, subject, object, at)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.#reject(document, at, error, subject)
    }
  }

  #add(document: Document.Parsed, subject: string, object: KubernetesObject, at: FieldPath): void {
    const position = this.#position(document, at)
    const earlier = this.objects.get(subject)
    if (earlier === undefined) {
      this.objects.set(subject, { object, at: position })
    } else {
      const reason = `${position}: written again; ${earlier.at} is used, delete one of them`
      this.rejections.push({ subject, reason })
    }
  }

  #reject(
    document: Document.Parsed,
    at: FieldPath,
    error: DecodeError,
    subject: string | undefined,
  ): void {
    const position = this.#position(document, [...at, ...error.path])
    if (subject === undefined) this.incomplete = true
    this.rejections.push({
      subject: subject ?? `object at ${this.#position(document, at)}`,
      reason: `${position}: ${error.message}`,
    })
  }

  /** The whole file stays as it was: after a syntax error nobody knows what is meant to be there. */
  #rejectFile(message: string, offset: number): void {
    this.incomplete = true
    const reason = `${this.#place(offset)}: ${message}; its last good content stays in force`
    this.rejections.push({ subject: this.#file, reason })
  }

  /** The field, or the nearest thing around it that is written down. */
  #position(document: Document.Parsed, path: FieldPath): string {
    for (let depth = path.length; depth > 0; depth--) {
      const node = document.getIn(path.slice(0, depth), true)
      const range = (node as { range?: readonly number[] } | undefined)?.range
      if (range?.[0] !== undefined) return this.#place(range[0])
    }
    return this.#place(document.contents?.range[0] ?? document.range[0])
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset)
    return `${this.#file}:${line}:${col}`
  }
}

/** `discovery.k8s.io` of `discovery.k8s.io/v1`; empty for the core group. */
function group(apiVersion: unknown): string {
  const text = typeof apiVersion === 'string' ? apiVersion : ''
  return text.includes('/') ? text.slice(0, text.indexOf('/')) : ''
}
