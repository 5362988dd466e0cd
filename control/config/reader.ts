import { parse, safeParse } from 'valibot'
import { parseDuration } from './duration.ts'
import { type Field, isDuration, isSection, type Section } from './fields.ts'
import { nearest } from './nearest.ts'
import { type Finding, invalid } from './problem.ts'

type Fields = Readonly<Record<string, unknown>>

/** What was found in the fields of one document, or of the command line. */
export interface Reading<T> {
  /** All fields: what is written and can be used, and defaults for the rest. */
  readonly value: T
  /** Paths of the fields that are written. */
  readonly written: ReadonlySet<string>
  /** Paths that the schema does not have, and what they may be meant to be. */
  readonly unknown: readonly { readonly path: string; readonly meant: string | undefined }[]
  readonly findings: readonly Finding[]
}

/**
 * Brings fields to the shape of a schema. As in Go, null is nothing written at all.
 *
 * @param isDefault says whether a zero at this path asks for the default, rather than for zero
 */
export function read<T>(
  schema: Section,
  fields: Fields,
  isDefault: (path: string) => boolean,
): Reading<T> {
  const written = new Set<string>()
  const unknown: { path: string; meant: string | undefined }[] = []

  function known(section: Section, value: unknown, prefix: string): unknown {
    if (value === null || value === undefined) return known(section, {}, prefix)
    if (typeof value !== 'object' || Array.isArray(value)) return value
    const result: Record<string, unknown> = {}
    for (const [name, field] of Object.entries(section.entries)) {
      const given = (value as Fields)[name]
      const path = `${prefix}${name}`
      if (isSection(field)) result[name] = known(field, given, `${path}.`)
      else if (
        given !== null &&
        given !== undefined &&
        !(isZero(field, given) && isDefault(path))
      ) {
        written.add(path)
        result[name] = given
      }
    }
    for (const name of Object.keys(value)) {
      if (Object.hasOwn(section.entries, name)) continue
      unknown.push({ path: `${prefix}${name}`, meant: nearest(name, Object.keys(section.entries)) })
    }
    return result
  }

  const shaped = known(schema, fields, '') as Record<string, unknown>
  const { issues = [] } = safeParse(schema, shaped)
  for (const { path } of issues) forget(shaped, path?.map(({ key }) => String(key)) ?? [])
  return {
    // Once more: sections that were no sections are now empty ones.
    value: parse(schema, known(schema, shaped, '')) as T,
    written,
    unknown,
    findings: issues.map(({ path, input, message }) =>
      invalid(formatPath(path?.map(({ key }) => key as string | number) ?? []), input, message),
    ),
  }
}

/** Takes the field around a bad value out, so that all others can still be looked at. */
function forget(shaped: Record<string, unknown>, [name = '', ...rest]: readonly string[]): void {
  const inner = shaped[name]
  const deeper = rest.length > 0 && typeof inner === 'object' && inner !== null
  if (deeper && !Array.isArray(inner)) forget(inner as Record<string, unknown>, rest)
  else delete shaped[name]
}

/** A zero of the field's own type: the false of another one is a mistake. */
function isZero(field: Field, value: unknown): boolean {
  if (!safeParse(field, value).success) return false
  if (typeof value === 'string' && isDuration(field)) return parseDuration(value) === 0
  if (typeof value === 'object') return Object.keys(value ?? {}).length === 0
  return value === '' || value === 0 || value === false
}

/** `nodePortAddresses[1]` */
export function formatPath(path: readonly (string | number)[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`))
    .join('')
}

/** The opposite. */
export function splitPath(path: string): (string | number)[] {
  return path
    .split(/[.[\]]+/)
    .filter((part) => part !== '')
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part))
}
