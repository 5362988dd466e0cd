import { idRows, type Retirement } from './draft.ts'
import type { MapName } from './kernel-maps.ts'
import type { Ledger } from './ledger.ts'
import type { Operation } from './operations.ts'
import { rangeLength } from './records.ts'
import { deletesOf } from './row-operations.ts'
import { Rows } from './rows.ts'
import { addSourceRange, type SourceRange } from './source-range-rows.ts'

/**
 * What goes away once no reader can hold it: ranges return to the arena, and backends that no range
 * shows any more lose their rows. Like {@link plan}: no I/O, and the ledger stands at the result.
 */
export function planRetirement(ledger: Ledger, retirement: Retirement): Operation[] {
  const { backends, arena, slots } = ledger
  const orphans = new Set<number>()
  for (const range of retirement.ranges) {
    const length = rangeLength(range)
    for (let slot = range.base; slot < range.base + length; slot++) {
      const index = slots[slot] as number
      if (backends.release(index) === 0) orphans.add(index)
    }
    arena.release(range.base, length)
  }
  for (const index of retirement.backends) orphans.add(index)
  const ids: number[] = []
  for (const index of orphans) {
    const id = backends.id(index)
    if (id === 0 || backends.refs(index) > 0) continue
    ids.push(id)
    backends.drop(index)
  }
  return [
    ...removal('backends', ids),
    ...removal('backend_stats', ids),
    ...removal('service_stats', retirement.services),
    ...removal('turns', retirement.services),
    ...withoutRanges(ledger, retirement.sourceRanges),
  ]
}

/** Takes rows away, but for those that are asked for again meanwhile. */
function withoutRanges(ledger: Ledger, ranges: readonly SourceRange[]): Operation[] {
  const rows = new Rows('source_ranges')
  for (const range of ranges) {
    // Asked for again meanwhile, it was counted again.
    ledger.sourceRangeRows--
    if (ledger.sourceRanges.get(range.serviceId)?.includes(range.cidr) === true) continue
    addSourceRange(rows, range)
  }
  return deletesOf(rows)
}

function removal(map: MapName, ids: readonly number[]): Operation[] {
  if (ids.length === 0) return []
  const rows = idRows(map, ids)
  return [{ kind: 'delete', stage: 0, map, keys: rows.keyBytes(), count: rows.count }]
}

/** Whether there is anything to do. */
export function isEmpty(retirement: Retirement): boolean {
  const { ranges, sourceRanges, services, backends } = retirement
  return ranges.length + sourceRanges.length + services.length + backends.length === 0
}

/**
 * Counter rows of ids that are gone: programs make rows at first use, and one that ran late may make
 * a row after its id was retired.
 */
export function staleStats(
  ledger: Ledger,
  map: MapName,
  keys: Uint8Array,
  count: number,
): Operation[] {
  if (count === 0) return []
  const live = new Set<number>()
  if (map !== 'backend_stats') {
    for (const entry of ledger.entries.values()) live.add(entry.serviceId)
  } else {
    for (let index = 0; index < ledger.backends.bound; index++) live.add(ledger.backends.id(index))
  }
  const view = new DataView(keys.buffer, keys.byteOffset)
  const stale: number[] = []
  for (let row = 0; row < count; row++) {
    const id = view.getUint32(row * 4, true)
    if (!live.has(id)) stale.push(id)
  }
  return removal(map, stale)
}
