import { loadConfiguration } from '../../config/load.ts'
import { ConfigError, formatProblem, type Problem } from '../../config/problem.ts'
import { ExitCode } from '../exit-code.ts'
import { type Output, printDocument, printLines } from '../output.ts'

/** `kproxy config check FILE`: the file alone, without flags. */
export async function configCheck(
  file: string,
  options: { readonly output: Output },
): Promise<void> {
  const problems = await inspect(file)
  const has = (severity: Problem['severity']) => problems.some((one) => one.severity === severity)
  if (has('error')) process.exitCode = ExitCode.usage
  else if (has('warning')) process.exitCode = ExitCode.degraded
  const verdict = has('error') ? 'refused' : has('warning') ? 'partly heeded' : 'good'
  if (printDocument(options.output, 'ConfigurationCheck', { file, verdict, problems })) return
  for (const problem of problems) printLines(`${problem.severity}: ${formatProblem(problem)}`)
  printLines(`${file}: ${verdict}`)
}

async function inspect(file: string): Promise<readonly Problem[]> {
  try {
    return (await loadConfiguration(file, {})).configuration.problems
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
