import Table from 'cli-table3'

/** kubectl's look: upper-case headers, three spaces between columns, no borders. */
const BORDERLESS = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ].map((name) => [name, '']),
)

/**
 * Lays rows out in aligned columns. Empty cells print as `<none>`.
 *
 * @param headers column titles, or undefined for none
 */
export function formatTable(
  headers: readonly string[] | undefined,
  rows: readonly (readonly (string | number)[])[],
): string {
  const table = new Table({
    chars: { ...BORDERLESS, middle: '   ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  if (headers !== undefined) table.push([...headers])
  for (const row of rows) table.push(row.map((cell) => (cell === '' ? '<none>' : String(cell))))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
