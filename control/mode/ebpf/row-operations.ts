import type { Operation } from './operations.ts'
import type { Rows } from './rows.ts'

/** The operation that puts rows into their map; none where there are none. */
export function updatesOf(rows: Rows, stage = 0): Operation[] {
  const { map, count } = rows
  if (count === 0) return []
  return [{ kind: 'update', stage, map, keys: rows.keyBytes(), values: rows.valueBytes(), count }]
}

/** The operation that takes rows away by their keys; none where there are none. */
export function deletesOf(rows: Rows, stage = 0): Operation[] {
  const { map, count } = rows
  return count === 0 ? [] : [{ kind: 'delete', stage, map, keys: rows.keyBytes(), count }]
}
