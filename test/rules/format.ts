import { formatTable } from '../../control/cli/table.ts'
import type { Section } from './catalogue.ts'
import { describeState, type Entry, summary } from './report.ts'

/**
 * The rules as a table for each section, and a summary as the last line.
 *
 * @param verbose name the tests that prove each rule, too
 */
export function formatRules(
  sections: readonly Section[],
  entries: readonly Entry[],
  verbose: boolean,
): string {
  const tables = sections.map(({ section, title }) => {
    const ours = entries.filter((entry) => entry.section === section)
    const rows = ours.map((entry) => [entry.id, entry.title, describeState(entry)])
    const lines = formatTable(undefined, rows)
      .split('\n')
      .flatMap((line, index) => [`  ${line}`, ...(verbose ? proofsOf(ours[index]) : [])])
    return `${section} ${title}\n\n${lines.join('\n')}`
  })
  return [...tables, summary(entries)].join('\n\n')
}

/** A line for each test. */
function proofsOf(entry: Entry | undefined): string[] {
  if (entry === undefined || entry.state.kind === 'not applicable') return []
  return entry.state.proofs.map(({ file, name }) => `      ${file}: ${name}`)
}
