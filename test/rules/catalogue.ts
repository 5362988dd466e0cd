import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { parse } from 'yaml'
import { Citations } from './citation.ts'

/** One rule of the behaviour specification. */
export interface Rule {
  readonly id: string
  readonly title: string
}

/** The rules of one section, in its order. */
export interface Section {
  /** The number of the section, `3.10`. */
  readonly section: string
  readonly title: string
  /** What its rules say happens in the kernel, so that unit tests alone do not prove it. */
  readonly kernel: boolean
  readonly rules: readonly Rule[]
}

/** The modes that rules may concern. */
export const MODES = ['ebpf', 'iptables', 'ipvs'] as const

/** What is known of rules beside the tests that prove them. */
export interface Scope {
  /** Why a mode has nothing to do with a rule: rule, then mode, then reason. */
  readonly notApplicable: ReadonlyMap<string, ReadonlyMap<string, string>>
  /** The part of kproxy that will serve a rule. */
  readonly later: ReadonlyMap<string, string>
}

const Sections = v.array(
  v.strictObject({
    section: v.string(),
    title: v.string(),
    kernel: v.optional(v.boolean(), false),
    rules: v.record(v.string(), v.string()),
  }),
)

/** Keys are ids or ranges of them. */
const ScopeFile = v.strictObject({
  notApplicable: v.record(v.string(), v.record(v.picklist(MODES), v.string())),
  later: v.record(v.string(), v.string()),
})

/** @throws Error when an id is there twice, or the text is of another shape */
export function parseSections(text: string): Section[] {
  const sections = v.parse(Sections, parse(text)).map(({ rules, ...section }) => ({
    ...section,
    rules: Object.entries(rules).map(([id, title]) => ({ id, title })),
  }))
  const ids = idsOf(sections)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined) throw new Error(`the list of rules has ${twice} twice; keep one`)
  return sections
}

/** @throws Error when a key names no rule, or a rule is named by two keys of one kind */
export function parseScope(text: string, ids: readonly string[]): Scope {
  const { notApplicable, later } = v.parse(ScopeFile, parse(text))
  return {
    notApplicable: expand(notApplicable, ids, (modes) => new Map(Object.entries(modes))),
    later: expand(later, ids, (part) => part),
  }
}

function expand<From, To>(
  entries: Readonly<Record<string, From>>,
  known: readonly string[],
  convert: (value: From) => To,
): Map<string, To> {
  const citations = new Citations(known)
  const expanded = new Map<string, To>()
  for (const [key, value] of Object.entries(entries)) {
    const { ids, unknown } = citations.in(key)
    if (ids.length === 0 || unknown.length > 0) throw new Error(`"${key}" names no rules`)
    for (const id of ids) {
      if (expanded.has(id)) throw new Error(`"${key}" says something of ${id} a second time`)
      expanded.set(id, convert(value))
    }
  }
  return expanded
}

/** All ids in the order of the list. */
export function idsOf(sections: readonly Section[]): string[] {
  return sections.flatMap(({ rules }) => rules.map(({ id }) => id))
}

export function readSections(): Section[] {
  return parseSections(readFileSync(join(import.meta.dirname, 'rules.yaml'), 'utf8'))
}

export function readScope(ids: readonly string[]): Scope {
  return parseScope(readFileSync(join(import.meta.dirname, 'scope.yaml'), 'utf8'), ids)
}
