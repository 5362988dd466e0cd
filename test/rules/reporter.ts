import { relative } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'
import { idsOf, readSections } from './catalogue.ts'
import { Citations } from './citation.ts'
import { merge, type Outcome, type TestRun } from './coverage.ts'
import { ROOT, readCoverage, writeCoverage } from './coverage-file.ts'

/**
 * Writes down which rules the tests proved that ran and passed, for `make rules`. A name that cites a
 * rule which does not exist fails the run.
 */
export default class RuleCoverage implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const citations = new Citations(idsOf(readSections()))
    const run = new Map<string, TestRun[]>()
    for (const module of modules) {
      const file = relative(ROOT, module.moduleId)
      const tests = [...module.children.allTests()].map(testRun)
      for (const { name } of tests) {
        for (const id of citations.in(name).unknown) {
          process.stderr.write(
            `error: ${file}: "${name}" cites ${id}: not in test/rules/rules.yaml\n`,
          )
          process.exitCode = 1
        }
      }
      run.set(file, tests)
    }
    writeCoverage(merge(readCoverage(), run, (name) => citations.in(name).ids))
  }
}

function testRun(test: TestCase): TestRun {
  return { name: test.fullName, outcome: outcomeOf(test) }
}

function outcomeOf(test: TestCase): Outcome {
  const { state } = test.result()
  return state === 'passed' || state === 'failed' ? state : 'not run'
}
