/** What a test came to: it proves its rules, it does not, or it was not run this time. */
export type Outcome = 'passed' | 'failed' | 'not run'

/** One test of a file, as a run left it. */
export interface TestRun {
  /** The full name, with those of the groups around it. */
  readonly name: string
  readonly outcome: Outcome
}

/** For each test file that ran, the tests that passed in it and the rules that their names cite. */
export type Coverage = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

/**
 * Takes up what a run proved. Files that did not run stay as they were, and so do tests that were left
 * out of a file (`vitest -t`); tests that are no longer in a file that ran are forgotten.
 *
 * @param run tests by file
 * @param cited the rules that a name cites
 */
export function merge(
  before: Coverage,
  run: ReadonlyMap<string, readonly TestRun[]>,
  cited: (name: string) => readonly string[],
): Coverage {
  const files = new Map(Object.entries(before))
  for (const [file, tests] of run) {
    const kept = tests.filter(
      ({ name, outcome }) =>
        outcome === 'passed' || (outcome === 'not run' && before[file]?.[name] !== undefined),
    )
    files.set(file, Object.fromEntries(kept.map(({ name }) => [name, cited(name)])))
  }
  return Object.fromEntries([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A test that proves a rule. */
export interface Proof {
  readonly file: string
  readonly name: string
}

/** The tests that prove each rule. */
export function proofsByRule(coverage: Coverage): Map<string, Proof[]> {
  const proofs = new Map<string, Proof[]>()
  for (const [file, tests] of Object.entries(coverage)) {
    for (const [name, ids] of Object.entries(tests)) {
      for (const id of ids) {
        const known = proofs.get(id)
        if (known === undefined) proofs.set(id, [{ file, name }])
        else known.push({ file, name })
      }
    }
  }
  return proofs
}
