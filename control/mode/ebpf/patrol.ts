import { kpSlot } from '#abi'
import { Draft } from './draft.ts'
import { frontendKey } from './frontend-rows.ts'
import { type KernelMaps, ROW_SIZES } from './kernel-maps.ts'
import { classOf, distinctRanges, type Entry, type Ledger, recordOf } from './ledger.ts'
import { MemberStates } from './member-states.ts'
import type { Operation } from './operations.ts'
import * as records from './records.ts'

/** What one service port lacks in the kernel, and what mends it. */
export interface Drift {
  /** Sentences. */
  readonly problems: readonly string[]
  readonly operations: readonly Operation[]
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** How many rows {@link inspect} looks up, about. */
export function rowsOf(entry: Entry): number {
  const slots = distinctRanges(entry).reduce((sum, range) => sum + records.rangeLength(range), 0)
  return entry.frontends.length + 2 * slots
}

/** Reads back all that the kernel should have of one service port. A lookup for each row. */
export function inspect(maps: KernelMaps, ledger: Ledger, entry: Entry): Drift {
  const states = new MemberStates()
  ledger.readMembers(entry, states)
  const problems = [
    ...inspectFrontends(maps, entry),
    ...inspectSlots(maps, ledger, entry),
    ...inspectBackends(maps, ledger, entry, states),
  ].map((problem) => `service port ${entry.key}: ${problem}`)
  const operations = problems.length === 0 ? [] : rewrite(ledger, entry, states)
  return { problems, operations }
}

/** All of a service port again, in the order that keeps readers safe. */
function rewrite(ledger: Ledger, entry: Entry, states: MemberStates): Operation[] {
  const draft = new Draft(ledger)
  for (const index of states.indexes) {
    draft.addBackend(index)
    draft.putMember('adding', entry.serviceId, ledger.backends.id(index), states.get(index))
  }
  for (const range of distinctRanges(entry)) {
    for (let slot = range.base; slot < range.base + records.rangeLength(range); slot++) {
      draft.storeSlot('adding', slot, ledger.slots[slot] as number)
    }
  }
  for (const [at, name] of entry.frontends.entries()) {
    draft.publish('adding', entry, name, entry.classes[at] ?? 0)
  }
  return draft.operations()
}

function inspectFrontends(maps: KernelMaps, entry: Entry): string[] {
  const expected = new DataView(new ArrayBuffer(ROW_SIZES.services.value))
  return entry.frontends.flatMap((name) => {
    if (entry.unfinished?.frontends.has(name) === true) return []
    const key = frontendKey(name)
    const value = maps.lookup('services', key)
    if (value === undefined) return [`${name} is missing`]
    records.writeService(viewOf(key), 0, expected, 0, recordOf(entry, classOf(entry, name)))
    return isSame(value, expected) ? [] : [`the record of ${name} differs`]
  })
}

function inspectSlots(maps: KernelMaps, { slots, backends }: Ledger, entry: Entry): string[] {
  const expected = new DataView(new ArrayBuffer(kpSlot.size))
  return distinctRanges(entry).flatMap((range) => {
    const length = records.rangeLength(range)
    const found = maps.loadSlots(range.base, length)
    for (let at = 0; at < length; at++) {
      const index = slots[range.base + at] as number
      const id = backends.id(index)
      records.writeSlot(expected, 0, backends.words, index * 4, backends.port(index), id)
      const shown = found.subarray(at * kpSlot.size, (at + 1) * kpSlot.size)
      if (!isSame(shown, expected)) return [`slot ${range.base + at} differs`]
    }
    return []
  })
}

function inspectBackends(
  maps: KernelMaps,
  { backends }: Ledger,
  entry: Entry,
  states: MemberStates,
): string[] {
  const id = new DataView(new ArrayBuffer(4))
  const member = new DataView(new ArrayBuffer(ROW_SIZES.members.key))
  const membership = new DataView(new ArrayBuffer(ROW_SIZES.members.value))
  const row = new DataView(new ArrayBuffer(ROW_SIZES.backends.value))
  return states.indexes.flatMap((index) => {
    const problems: string[] = []
    const backendId = backends.id(index)
    id.setUint32(0, backendId, true)
    records.writeBackend(row, 0, backends.words, index * 4, backends.row(index))
    const backend = maps.lookup('backends', new Uint8Array(id.buffer))
    if (backend === undefined || !isSame(backend, row)) {
      problems.push(`the row of backend ${backendId} ${backend ? 'differs' : 'is missing'}`)
    }
    records.writeMember(member, 0, entry.serviceId, backendId)
    records.writeMembership(membership, 0, states.get(index))
    const found = maps.lookup('members', new Uint8Array(member.buffer))
    const isKept = entry.unfinished?.members.has(index) === true
    if (!isKept && (found === undefined || !isSame(found, membership))) {
      problems.push(`the member row of backend ${backendId} ${found ? 'differs' : 'is missing'}`)
    }
    return problems
  })
}

function isSame(found: Uint8Array, expected: DataView): boolean {
  return Buffer.compare(found, new Uint8Array(expected.buffer)) === 0
}
