import type { ConfigDocument } from './documents.ts'
import { fieldPaths, type Section } from './fields.ts'
import type { FlagField } from './flag-values.ts'
import type { Finding, Problem } from './problem.ts'
import { formatPath, type Reading, read, splitPath } from './reader.ts'

/** Where the value of a field comes from; `at` says `config.conf:3:1`, `--cluster-cidr` or `$NODE_NAME`. */
export interface Provenance {
  readonly from: 'default' | 'file' | 'flag' | 'environment'
  readonly at: string
}

/** A document of the file, and the flags that count beside it. */
export class Layer<T> {
  readonly reading: Reading<T>
  readonly #schema: Section
  readonly #document: ConfigDocument | undefined
  readonly #flags: ReadonlyMap<string, string>

  constructor(
    schema: Section,
    document: ConfigDocument | undefined,
    flags: readonly FlagField[],
    zeroIsDefault: (path: string) => boolean,
  ) {
    const fields = structuredClone(document?.fields ?? {}) as Record<string, unknown>
    for (const { path, value } of flags) assign(fields, path.split('.'), value)
    this.#schema = schema
    this.#document = document
    this.#flags = new Map(flags.map(({ path, at }) => [path, at]))
    this.reading = read(schema, fields, (path) => !this.#flags.has(path) && zeroIsDefault(path))
  }

  get value(): T {
    return this.reading.value
  }

  /** What is wrong with the document as such. @param severity of fields that nobody knows (CF-3) */
  describe(kind: string, severity: 'warning' | 'error'): Problem[] {
    const what = severity === 'error' ? 'remove it' : 'kproxy ignores it, as kube-proxy does'
    const unknown = this.reading.unknown.map(({ path, meant }): Finding => {
      const guess = meant === undefined ? what : `did you mean ${meant}? ${what}`
      return { severity, path, message: `${path} is not a field of ${kind}: ${guess}` }
    })
    const duplicates = (this.#document?.duplicates ?? []).map(({ path, at }): Problem => {
      const consequence =
        severity === 'error' ? 'remove one' : 'the last one counts; remove the others'
      return { severity, at, path, message: `${path} is written more than once: ${consequence}` }
    })
    return [...this.place(this.reading.findings), ...this.place(unknown), ...duplicates]
  }

  place(findings: readonly Finding[]): Problem[] {
    return findings.map((finding) => ({ ...finding, at: this.#locate(finding.path) }))
  }

  *provenance(): Generator<[string, Provenance]> {
    for (const path of fieldPaths(this.#schema)) {
      const flag = this.#flags.get(path)
      if (flag !== undefined) yield [path, { from: 'flag', at: flag }]
      else if (this.reading.written.has(path))
        yield [path, { from: 'file', at: this.#locate(path) }]
      else yield [path, { from: 'default', at: '' }]
    }
  }

  #locate(path: string): string {
    const keys = splitPath(path)
    for (let depth = keys.length; depth > 0; depth--) {
      const flag = this.#flags.get(formatPath(keys.slice(0, depth)))
      if (flag !== undefined) return flag
    }
    return this.#document?.locate(keys) ?? ''
  }
}

function assign(
  fields: Record<string, unknown>,
  [name = '', ...rest]: string[],
  value: unknown,
): void {
  if (rest.length === 0) {
    fields[name] = value
    return
  }
  fields[name] ??= {}
  if (typeof fields[name] === 'object') assign(fields[name] as Record<string, unknown>, rest, value)
}
