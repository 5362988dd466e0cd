import * as v from 'valibot'
import { parseDuration } from './duration.ts'

/**
 * The kinds of values that configurations have, as schemas. Each fills in a default where nothing is
 * written; `reader.ts` decides what counts as written.
 */

export const text = (fallback = '') => v.optional(v.string('write a string'), fallback)
export const flag = (fallback = false) => v.optional(v.boolean('write true or false'), fallback)
export const texts = () => v.optional(v.array(v.string('write a string'), 'write a list'), () => [])
export const gates = () =>
  v.optional(
    v.record(v.string(), v.boolean('write true or false'), 'write names with true or false'),
    () => ({}),
  )

const WHOLE = 'write a whole number'

/** Go's int32, the type of most numbers in Kubernetes configurations. */
export const int32 = (fallback: number) => v.optional(integer(-(2 ** 31), 2 ** 31 - 1), fallback)
export const uint32 = (fallback: number) => v.optional(integer(0, 2 ** 32 - 1), fallback)
export const count = (fallback: number) => v.optional(integer(1, 2 ** 31 - 1), fallback)
export const float = (fallback: number) =>
  v.optional(v.pipe(v.number('write a number'), v.finite('write a number')), fallback)

function integer(least: number, most: number) {
  const between = `${WHOLE} between ${least} and ${most}`
  return v.pipe(
    v.number(WHOLE),
    v.integer(WHOLE),
    v.minValue(least, between),
    v.maxValue(most, between),
  )
}

/** Seconds, written as a Go duration. */
export const duration = (fallback = '0s') => v.optional(durationText(), fallback)

const DURATION_ADVICE = 'write a duration such as 30s or 1h15m'

function durationText() {
  return v.pipe(
    v.string(DURATION_ADVICE),
    v.check((value) => parseDuration(value) !== undefined, DURATION_ADVICE),
    v.transform((value) => parseDuration(value) ?? 0),
    v.metadata({ duration: true }),
  )
}

/** A duration that older files give as a number of nanoseconds. */
export const durationOrNanoseconds = (fallback: string) =>
  v.optional(
    v.union(
      [
        durationText(),
        v.pipe(
          v.number(),
          v.integer(),
          v.transform((nanoseconds) => nanoseconds / 1e9),
        ),
      ],
      DURATION_ADVICE,
    ),
    fallback,
  )

/** A size such as `512`, `1K` or `2Mi`; kept as it is written. */
export const quantity = () =>
  v.optional(
    v.pipe(
      v.union([v.string(), v.number()], 'write a size such as 512 or 1Ki'),
      v.transform(String),
      v.regex(/^\d+([kKMGTPE]i?|m|[eE]\d+)?$/, 'write a size such as 512 or 1Ki'),
    ),
    '0',
  )

export const choice = <const T extends readonly string[]>(choices: T, fallback: T[number]) =>
  v.optional(v.picklist(choices, `write ${listChoices(choices)}`), fallback)

/** `"", iptables or ipvs` */
export function listChoices(choices: readonly string[]): string {
  const written = choices.map((one) => one || '""')
  return [written.slice(0, -1).join(', '), written.at(-1)].filter(Boolean).join(' or ')
}

/** A group of fields. */
export const section = <const T extends v.ObjectEntries>(entries: T) =>
  v.object(entries, 'write fields with values')

export type Section = v.ObjectSchema<v.ObjectEntries, string>
export type Field = v.ObjectEntries[string]

export function isSection(field: Field): field is Section {
  return field.type === 'object'
}

export function isDuration(field: Field): boolean {
  if (!('wrapped' in field)) return false
  const { wrapped } = field as { wrapped: v.GenericSchema & { options?: unknown } }
  const schemas = wrapped.type === 'union' ? (wrapped.options as v.GenericSchema[]) : [wrapped]
  return schemas.some((one) => v.getMetadata(one).duration === true)
}

/** The paths of all fields below a section, in the order of the schema. */
export function* fieldPaths(schema: Section, prefix = ''): Generator<string> {
  for (const [name, field] of Object.entries(schema.entries)) {
    if (isSection(field)) yield* fieldPaths(field, `${prefix}${name}.`)
    else yield `${prefix}${name}`
  }
}
