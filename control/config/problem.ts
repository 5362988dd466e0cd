/**
 * How bad it is: an `error` keeps kproxy from using the configuration, a `warning` says that something
 * written is not heeded, a `notice` explains what a valid value does here.
 */
export type Severity = 'error' | 'warning' | 'notice'

/** Something to say about one value of a configuration. */
export interface Problem {
  readonly severity: Severity
  /** Where it is written: `config.conf:12:7`, `--cluster-cidr`, or empty where it is not. */
  readonly at: string
  /** The field, such as `conntrack.min` or `nodePortAddresses[1]`; empty for a whole file. */
  readonly path: string
  /** One sentence: field, value and what to do. */
  readonly message: string
}

/** One line for a person. */
export function formatProblem({ at, message }: Problem): string {
  return at === '' ? message : `${at}: ${message}`
}

/** What is the matter with one field, before anybody looked up where it is written. */
export interface Finding {
  readonly severity: Severity
  readonly path: string
  readonly message: string
}

/** A field whose value cannot be used: `conntrack.min is -1: write a whole number of at least 0`. */
export function invalid(path: string, value: unknown, advice: string): Finding {
  return { severity: 'error', path, message: `${path} is ${JSON.stringify(value)}: ${advice}` }
}

/** A field that is understood and not heeded, or that does something else than one might think. */
export function remark(severity: 'warning' | 'notice', path: string, sentence: string): Finding {
  return { severity, path, message: `${path}: ${sentence}` }
}

/** The configuration cannot be used. The message has one line for each error. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const errors = problems.filter(({ severity }) => severity === 'error')
    super(errors.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** Problems in the order of the file, those that are written nowhere first. */
export function inOrder(problems: readonly Problem[]): readonly Problem[] {
  return problems
    .map((problem) => {
      const [, line = '0', column = '0'] = /:(\d+):(\d+)$/.exec(problem.at) ?? []
      return { problem, line: Number(line), column: Number(column) }
    })
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(({ problem }) => problem)
}
