/**
 * `make rules`: where every rule of the behaviour specification stands, from the tests that ran.
 * Ends with 1 while a required rule is open. V=1 names the tests, MODE another mode than ebpf.
 */
import { globSync } from 'node:fs'
import { idsOf, MODES, readScope, readSections } from './catalogue.ts'
import { proofsByRule } from './coverage.ts'
import { ROOT, readCoverage } from './coverage-file.ts'
import { formatRules } from './format.ts'
import { judge, missing } from './report.ts'

const sections = readSections()
const coverage = readCoverage()
const mode = process.env.MODE || 'ebpf'
if (!MODES.some((name) => name === mode)) {
  process.stderr.write(`error: MODE is "${mode}": write one of ${MODES.join(', ')}\n`)
  process.exit(2)
}
const entries = judge(sections, readScope(idsOf(sections)), proofsByRule(coverage), mode)
process.stdout.write(`${formatRules(sections, entries, Boolean(process.env.V))}\n`)

const idle = globSync('test/**/*.test.ts', { cwd: ROOT }).filter((file) => !(file in coverage))
if (idle.length > 0) {
  process.stderr.write(`${idle.length} test files have not run, and count for nothing: make test\n`)
}

const open = missing(entries)
if (open.length > 0) {
  process.stderr.write(`error: open: ${open.map(({ id }) => id).join(', ')}\n`)
  process.exitCode = 1
}
