import type { Reporter, TestModule } from 'vitest/node'

/**
 * Fails the run when a test was skipped: every test of this project is required, and a silent skip
 * would look like a pass.
 */
export default class NoSkips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].map(
        (test) => `${module.moduleId}: ${test.fullName}`,
      ),
    )
    if (skipped.length === 0) return
    process.stderr.write(`error: ${skipped.length} required tests were skipped:\n`)
    for (const name of skipped) process.stderr.write(`  ${name}\n`)
    process.exitCode = 1
  }
}
