import type { Rule, Scope, Section } from './catalogue.ts'
import type { Proof } from './coverage.ts'

/** Where a rule stands in one mode. */
export type State =
  | { readonly kind: 'covered'; readonly proofs: readonly Proof[] }
  | { readonly kind: 'not applicable'; readonly why: string }
  | { readonly kind: 'later'; readonly where: string }
  | { readonly kind: 'open' }

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

/** The state of every rule: proven, else without meaning in this mode, else planned, else open. */
export function judge(
  sections: readonly Section[],
  scope: Scope,
  proofs: ReadonlyMap<string, readonly Proof[]>,
  mode: string,
): Entry[] {
  return sections.flatMap(({ section, rules }) =>
    rules.map((rule) => ({
      ...rule,
      section,
      state: stateOf(rule.id, scope, proofs, mode),
      rest: scope.later.get(rule.id),
    })),
  )
}

function stateOf(
  id: string,
  { notApplicable, later }: Scope,
  proofs: ReadonlyMap<string, readonly Proof[]>,
  mode: string,
): State {
  const proven = proofs.get(id)
  if (proven !== undefined) return { kind: 'covered', proofs: proven }
  const why = notApplicable.get(id)?.get(mode)
  if (why !== undefined) return { kind: 'not applicable', why }
  const where = later.get(id)
  return where === undefined ? { kind: 'open' } : { kind: 'later', where }
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
  const unitOnly = entries.filter(({ state }) => {
    return state.kind === 'covered' && state.proofs.every((proof) => levelOf(proof) === 'unit')
  })
  const covered = `${count('covered')} covered (${unitOnly.length} by unit tests alone)`
  const others = (['not applicable', 'later', 'open'] as const).map(
    (kind) => `${count(kind)} ${kind}`,
  )
  const required = `${missing(entries).length} of the open ones required`
  return `${entries.length} rules: ${[covered, ...others].join(', ')}; ${required}`
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
      return `later: ${state.where}`
    case 'open':
      return 'OPEN'
  }
}
