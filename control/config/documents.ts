import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  LineCounter,
  type Pair,
  parseAllDocuments,
  type Tags,
  visit,
} from 'yaml'
import type { Problem } from './problem.ts'

/** One YAML document of a configuration file, and where its parts are written. */
export interface ConfigDocument {
  readonly apiVersion: unknown
  readonly kind: unknown
  /** Its fields, without apiVersion and kind. */
  readonly fields: Readonly<Record<string, unknown>>
  /** Keys that are written twice, the last of which counts. */
  readonly duplicates: readonly { readonly path: string; readonly at: string }[]
  /** `config.conf:12:7`: the field, or the nearest thing around it that is written. */
  locate(path: readonly (string | number)[]): string
}

/**
 * Kubernetes reads its files by YAML 1.1, where yes, no, on, off, y and n are booleans, too; but dates and
 * sexagesimal numbers are texts to it.
 */
function tagsOfKubernetes(tags: Tags): Tags {
  return tags.filter(
    (tag) =>
      typeof tag === 'string' ||
      !(('format' in tag && tag.format === 'TIME') || tag.tag.endsWith(':timestamp')),
  )
}

/** What a file holds; where there are problems, nothing else. */
export interface ConfigDocuments {
  readonly name: string
  readonly documents: readonly ConfigDocument[]
  readonly problems: readonly Problem[]
}

/** Reads the documents of a file; empty ones are left out. Never throws for what the text holds. */
export function parseDocuments(name: string, text: string): ConfigDocuments {
  const lines = new LineCounter()
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${name}:${line}:${col}`
  }
  const parsed = parseAllDocuments(text, {
    customTags: tagsOfKubernetes,
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.1',
  })
  const all: Document.Parsed[] = Array.isArray(parsed) ? parsed : []
  const fatal = (at: string, message: string) => ({
    name,
    documents: [],
    problems: [
      { severity: 'error' as const, at, path: '', message: `${message}; correct the YAML` },
    ],
  })
  const broken = all.flatMap(({ errors }) => errors)[0]
  if (broken !== undefined) return fatal(place(broken.pos[0]), broken.message)
  const documents: ConfigDocument[] = []
  for (const document of all) {
    let value: unknown
    try {
      value = document.toJS()
    } catch (error) {
      // Aliases without an anchor, or so many that they would blow up memory.
      return fatal(place(document.range[0]), error instanceof Error ? error.message : String(error))
    }
    if (value === null || value === undefined) continue
    if (!isMap(document.contents)) {
      return fatal(
        place(document.contents?.range[0] ?? 0),
        'the document is not a mapping of fields',
      )
    }
    const { apiVersion, kind, ...fields } = value as Record<string, unknown>
    documents.push({
      apiVersion,
      kind,
      fields,
      duplicates: findDuplicates(document, place),
      locate: (path) => locate(document, path, place),
    })
  }
  return { name, documents, problems: [] }
}

function locate(
  document: Document.Parsed,
  path: readonly (string | number)[],
  place: (offset: number) => string,
): string {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true)
    const last = path[depth - 1]
    if (!isCollection(parent)) continue
    // The last of several: it is the one that counts. The key: a value may be on a later line.
    const pair = isMap(parent)
      ? parent.items.findLast(({ key }) => isScalar(key) && key.value === last)
      : undefined
    const node = pair === undefined ? parent.get(last, true) : pair.key
    const offset = offsetOf(node)
    if (offset !== undefined) return place(offset)
  }
  return place(document.contents?.range[0] ?? document.range[0])
}

function findDuplicates(document: Document.Parsed, place: (offset: number) => string) {
  const duplicates: { path: string; at: string }[] = []
  visit(document, {
    Map(_, map, ancestors) {
      const seen = new Set<unknown>()
      for (const { key } of map.items) {
        const name = isScalar(key) ? key.value : undefined
        if (name === undefined || !seen.has(name)) {
          seen.add(name)
          continue
        }
        const outer = ancestors
          .filter((node): node is Pair => 'key' in node)
          .map((pair) => (isScalar(pair.key) ? `${pair.key.value}.` : ''))
        duplicates.push({ path: `${outer.join('')}${name}`, at: place(offsetOf(key) ?? 0) })
      }
    },
  })
  return duplicates
}

function offsetOf(node: unknown): number | undefined {
  return (node as { range?: readonly number[] } | undefined)?.range?.[0]
}
