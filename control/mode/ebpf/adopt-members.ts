import { type MapRows, ROW_SIZES } from './kernel-maps.ts'
import type { Entry, Ledger } from './ledger.ts'
import { MemberStates } from './member-states.ts'
import type { Membership } from './membership.ts'
import { readMember, readMembership } from './records.ts'

/**
 * Compares the member rows with what the adopted ranges ask for. Where they agree, which is nearly
 * always, nothing is kept of them.
 *
 * @param indexes backend index by id
 */
export function adoptMembers(
  ledger: Ledger,
  rows: MapRows,
  indexes: ReadonlyMap<number, number>,
): void {
  const keys = new DataView(rows.keys.buffer, rows.keys.byteOffset)
  const values = new DataView(rows.values.buffer, rows.values.byteOffset)
  const size = ROW_SIZES.members
  const byService = new Map<number, number[]>()
  for (let row = 0; row < rows.count; row++) {
    const { serviceId } = readMember(keys, row * size.key)
    const group = byService.get(serviceId)
    if (group === undefined) byService.set(serviceId, [row])
    else group.push(row)
  }
  const wanted = new MemberStates()
  const found = new MemberStates()
  for (const entry of new Set(ledger.frontends.values())) {
    ledger.readMembers(entry, wanted)
    found.begin()
    for (const row of byService.get(entry.serviceId) ?? []) {
      const { backendId } = readMember(keys, row * size.key)
      const index = indexes.get(backendId)
      if (index === undefined) ledger.strayMembers.push(entry.serviceId, backendId)
      else found.put(index, readMembership(values, row * size.value))
    }
    byService.delete(entry.serviceId)
    note(entry, wanted, found)
  }
  for (const [serviceId, group] of byService) {
    for (const row of group) {
      ledger.strayMembers.push(serviceId, readMember(keys, row * size.key).backendId)
    }
  }
}

/** Writes down the rows that differ. */
function note(entry: Entry, wanted: MemberStates, found: MemberStates): void {
  const members = new Map<number, Membership>()
  for (const index of found.indexes) {
    if (found.get(index) !== wanted.get(index)) members.set(index, found.get(index))
  }
  for (const index of wanted.indexes) if (found.get(index) === 0) members.set(index, 0)
  if (members.size === 0) return
  const { frontends, ranges } = entry.unfinished ?? { frontends: new Set<string>(), ranges: [] }
  entry.unfinished = { members, frontends, ranges }
}
