import type { Rule, Scope, Section } from './catalogue.ts'
import type { Proof } from './coverage.ts'

/** Where a rule stands in one mode. */
export type State =
  | { readonly kind: 'covered'; readonly proofs: readonly Proof[] }
  | { readonly kind: 'not applicable'; readonly why: string }
  | { readonly kind: 'later'; readonly where: string; readonly proofs: readonly Proof[] }
  | { readonly kind: 'open'; readonly proofs: readonly Proof[] }

/** A rule with its state. */
export interface Entry extends Rule {
  readonly section: string
  readonly state: State
  /** What is still to come of a rule that is covered in part: the rest of it. */
  readonly rest: string | undefined
}

/**
 * Sections in which an open rule fails `make rules`: inputs, endpoints, traffic, configuration, health,
 * Events and API. What concerns traffic from elsewhere or another mode is listed as `later`.
 */
const REQUIRED = ['1', '2', '3', '7', '8', '9.3', '10']

/**
 * The state of every rule: proven, else without meaning in this mode, else planned, else open. What
 * happens in the kernel is not proven by unit tests: they show that it was decided.
 */
export function judge(
  sections: readonly Section[],
  scope: Scope,
  proofs: ReadonlyMap<string, readonly Proof[]>,
  mode: string,
): Entry[] {
  return sections.flatMap(({ section, rules, kernel }) =>
    rules.map((rule) => {
      const found = proofs.get(rule.id) ?? []
      const isProven = found.some((proof) => !kernel || levelOf(proof) !== 'unit')
      const state: State = isProven
        ? { kind: 'covered', proofs: found }
        : unprovenState(rule.id, scope, found, mode)
      return { ...rule, section, state, rest: scope.later.get(rule.id) }
    }),
  )
}

function unprovenState(
  id: string,
  { notApplicable, later }: Scope,
  proofs: readonly Proof[],
  mode: string,
): State {
  const why = notApplicable.get(id)?.get(mode)
  if (why !== undefined) return { kind: 'not applicable', why }
  const where = later.get(id)
  return where === undefined ? { kind: 'open', proofs } : { kind: 'later', where, proofs }
}

/** Open rules of the sections that have to be covered. */
export function missing(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ section, state }) => state.kind === 'open' && isRequired(section))
}

function isRequired(section: string): boolean {
  return REQUIRED.some((required) => section === required || section.startsWith(`${required}.`))
}

/** One line with the number of rules in each state. */
export function summary(entries: readonly Entry[]): string {
  const count = (kind: State['kind']) => entries.filter(({ state }) => state.kind === kind).length
  const kinds = ['covered', 'not applicable', 'later', 'open'] as const
  const counts = kinds.map((kind) => `${count(kind)} ${kind}`).join(', ')
  return `${entries.length} rules: ${counts}; ${missing(entries).length} of the open ones required`
}

/** What unit tests have to say of a rule that only the kernel can prove. */
function decided(proofs: readonly Proof[]): string {
  return proofs.length === 0 ? '' : `; decided: ${levels(proofs)}`
}

/** How many tests there are of each level: `unit 3, net 1`. */
function levels(proofs: readonly Proof[]): string {
  const byLevel = Map.groupBy(proofs, levelOf)
  return [...byLevel].map(([level, { length }]) => `${level} ${length}`).join(', ')
}

/** The folder of a test under test/. */
const levelOf = ({ file }: Proof) => file.split('/')[1] ?? file

/** A state in words. */
export function describeState({ state, rest }: Entry): string {
  switch (state.kind) {
    case 'covered': {
      const { length } = state.proofs
      const tests = `covered by ${length} ${length === 1 ? 'test' : 'tests'}: ${levels(state.proofs)}`
      return rest === undefined ? tests : `${tests}; the rest later: ${rest}`
    }
    case 'not applicable':
      return `not applicable: ${state.why}`
    case 'later':
      return `later: ${state.where}${decided(state.proofs)}`
    case 'open':
      return `OPEN${decided(state.proofs)}`
  }
}
