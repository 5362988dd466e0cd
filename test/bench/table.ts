import { type BenchId, QUESTIONS, type Result } from './results.ts'

/** The results as plain aligned columns, grouped by question. */
export function formatResults(results: readonly Result[]): string {
  const ids = (Object.keys(QUESTIONS) as BenchId[]).filter((id) =>
    results.some((result) => result.id === id),
  )
  const widths = columnWidths(results.map(row))
  return ids
    .map((id) => {
      const rows = results.filter((result) => result.id === id).map(row)
      return [
        `${id}  ${QUESTIONS[id]}`,
        ...[HEADER, ...rows].map((cells) => line(cells, widths)),
      ].join('\n')
    })
    .join('\n\n')
}

const HEADER = ['SERVICES', 'ARM', 'METRIC', 'VALUE', '95 % INTERVAL', 'UNIT', 'GOAL', '']
/** Columns of numbers. */
const RIGHT = new Set([0, 3])

function row(result: Result): string[] {
  const { low, high, value } = result
  return [
    String(result.size),
    result.arm,
    result.metric,
    digits(value, value),
    low === high ? '' : `[${digits(low, value)}, ${digits(high, value)}]`,
    result.unit,
    result.goal ?? '',
    result.met === null ? '' : result.met ? 'met' : 'MISSED',
  ]
}

/** Three decimals for ratios and small numbers, fewer for large ones; `like` sets them for a row. */
function digits(value: number, like: number): string {
  const size = Math.abs(like)
  return value.toFixed(size < 20 ? 3 : size < 1000 ? 1 : 0)
}

function columnWidths(rows: readonly string[][]): number[] {
  return HEADER.map((name, column) =>
    Math.max(name.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
  )
}

function line(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, column) => {
    const width = widths[column] ?? 0
    return RIGHT.has(column) ? cell.padStart(width) : cell.padEnd(width)
  })
  return `  ${padded.join('  ')}`.trimEnd()
}
