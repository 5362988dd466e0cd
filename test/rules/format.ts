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
    const rows = entries
      .filter((entry) => entry.section === section)
      .flatMap((entry) => [
        [entry.id, entry.title, describeState(entry)],
        ...(verbose ? proofRows(entry) : []),
      ])
    return `${section} ${title}\n\n${indent(formatTable(undefined, rows))}`
  })
  return [...tables, summary(entries)].join('\n\n')
}

function proofRows({ state }: Entry): string[][] {
  if (state.kind === 'not applicable') return []
  return state.proofs.map(({ file, name }) => [' ', ' ', `${file}: ${name}`])
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')
}
