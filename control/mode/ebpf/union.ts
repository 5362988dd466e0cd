import { MAX_RANGE, type Range } from './records.ts'
import type { SlotList } from './slot-list.ts'

/**
 * Adds to a list the endpoints that a published range shows and the list does not name, each in the
 * state it has: until the first complete apply, what was restored stays in use (IN-4).
 *
 * @param spent backends that are not to be kept
 */
export function unionLists(
  list: SlotList,
  range: Range,
  slots: Int32Array,
  spent: ReadonlySet<number>,
): void {
  const named = new Set([...spent, ...list.active, ...list.terminating])
  for (let position = 0; position < range.active + range.terminating; position++) {
    const index = slots[range.base + position] as number
    if (named.has(index)) continue
    named.add(index)
    const part = position < range.active ? list.active : list.terminating
    if (part.length < MAX_RANGE) part.push(index)
  }
}
