import type { Logger } from 'pino'
import type { EffectiveConfig } from '../config/effective.ts'
import type { FlagTexts } from '../config/flag-values.ts'
import { type Loaded, loadConfiguration } from '../config/load.ts'
import { ConfigError, formatProblem, type Problem } from '../config/problem.ts'
import { CommandError, ExitCode } from './exit-code.ts'
import type { RunFlags } from './run-flags.ts'

/** A configuration without errors. */
export interface Usable extends Loaded {
  readonly effective: EffectiveConfig
}

/** Reads file and flags. @throws CommandError with a line for each problem that is an error */
export async function requireConfiguration({
  config,
  settings,
}: Pick<RunFlags, 'config' | 'settings'>): Promise<Usable> {
  const loaded = await load(config, settings)
  const { effective, problems } = loaded.configuration
  if (effective !== undefined) return { ...loaded, effective }
  throw unusable(new ConfigError(problems))
}

function unusable(error: ConfigError): CommandError {
  const lines = error.message.split('\n')
  const message =
    lines.length === 1 ? lines[0] : ['the configuration cannot be used:', ...lines].join('\n  ')
  return new CommandError(ExitCode.usage, message ?? '', { cause: error })
}

/** Turns a file that cannot be read into a message for the terminal. */
async function load(path: string | undefined, settings: FlagTexts): Promise<Loaded> {
  try {
    return await loadConfiguration(path, settings)
  } catch (error) {
    throw error instanceof ConfigError ? unusable(error) : error
  }
}

const LEVEL = { error: 'error', warning: 'warn', notice: 'info' } as const

/** Logs each problem of these severities on a line of its own. */
export function logProblems(
  log: Logger,
  problems: readonly Problem[],
  severities: readonly Problem['severity'][],
): void {
  for (const problem of problems) {
    const { path, at, severity } = problem
    if (!severities.includes(severity)) continue
    log[LEVEL[severity]]({ path, at }, `configuration: ${formatProblem(problem)}`)
  }
}
