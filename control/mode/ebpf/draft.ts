import { kpMeta } from '#abi'
import type { Refusal } from '../mode.ts'
import type { MapName } from './kernel-maps.ts'
import type { Entry, Ledger } from './ledger.ts'
import { recordOf } from './ledger.ts'
import type { Membership } from './membership.ts'
import type { Operation } from './operations.ts'
import type { Range } from './records.ts'
import * as records from './records.ts'
import { Rows, SlotRuns } from './rows.ts'
import { addSourceRange, type SourceRange } from './source-range-rows.ts'

/** What is free once no reader can hold it any more. */
export interface Retirement {
  readonly ranges: Range[]
  /** Rows of `source_ranges` that no record asks for any more. */
  readonly sourceRanges: SourceRange[]
  /** Service ids that are gone. */
  readonly services: number[]
  /** Indexes of backends that may have lost their last reference otherwise. */
  readonly backends: number[]
}

export function emptyRetirement(): Retirement {
  return { ranges: [], sourceRanges: [], services: [], backends: [] }
}

/** Removals of ready endpoints go first, so that nobody waits for them behind new Services. */
export type Priority = 'removing' | 'adding'

interface Group {
  members: Rows | undefined
  revokedMembers: Rows | undefined
  sourceRanges: Rows | undefined
  slots: SlotRuns | undefined
  services: Rows | undefined
  absentMembers: Rows | undefined
}

const emptyGroup = (): Group => ({
  members: undefined,
  revokedMembers: undefined,
  sourceRanges: undefined,
  slots: undefined,
  services: undefined,
  absentMembers: undefined,
})

const words = new Uint32Array(4)

/** Collects the rows of a plan and puts them in the order that keeps readers safe. */
export class Draft {
  readonly retirement = emptyRetirement()
  /** By service port key; the first reason stands. */
  readonly refused = new Map<string, Refusal>()
  /** Service ports whose kernel state changes. */
  changed = 0
  published = 0
  /** Member rows that go away in this plan; they count as room only in the next. */
  leavingMembers = 0
  /** Frontends whose rows go away. */
  readonly absent = new Map<string, Priority>()
  readonly #ledger: Ledger
  readonly #groups = { removing: emptyGroup(), adding: emptyGroup() }
  readonly #serviceMark: number
  readonly #backendMark: number
  #backends: Rows | undefined

  constructor(ledger: Ledger) {
    this.#ledger = ledger
    this.#serviceMark = ledger.serviceIds.mark
    this.#backendMark = ledger.backendIds.mark
  }

  refuse(key: string, reason: string, message: string): void {
    if (!this.refused.has(key)) this.refused.set(key, { key, reason, message })
  }

  addBackend(index: number): void {
    this.#backends ??= new Rows('backends')
    const rows = this.#backends
    const registry = this.#ledger.backends
    const row = registry.row(index)
    rows.add()
    rows.keys.setUint32(rows.keyOffset, row.id, true)
    records.writeBackend(rows.values, rows.valueOffset, registry.words, index * 4, row)
  }

  putMember(priority: Priority, serviceId: number, backendId: number, value: Membership): void {
    const group = this.#groups[priority]
    group.members ??= new Rows('members')
    const rows = group.members
    rows.add()
    records.writeMember(rows.keys, rows.keyOffset, serviceId, backendId)
    records.writeMembership(rows.values, rows.valueOffset, value)
  }

  /**
   * Takes a member row away before the record that no longer shows the backend. After it would be too
   * late: an unconnected UDP socket that finds itself a member under the new record asks no more.
   */
  revokeMember(priority: Priority, serviceId: number, backendId: number): void {
    const group = this.#groups[priority]
    group.revokedMembers ??= new Rows('members')
    this.#addMemberKey(group.revokedMembers, serviceId, backendId)
  }

  /** Takes a member row of a service away that has no record any more. */
  dropMember(priority: Priority, serviceId: number, backendId: number): void {
    const group = this.#groups[priority]
    group.absentMembers ??= new Rows('members')
    this.#addMemberKey(group.absentMembers, serviceId, backendId)
  }

  #addMemberKey(rows: Rows, serviceId: number, backendId: number): void {
    rows.add()
    records.writeMember(rows.keys, rows.keyOffset, serviceId, backendId)
    this.leavingMembers++
  }

  putSourceRange(priority: Priority, range: SourceRange): void {
    const group = this.#groups[priority]
    group.sourceRanges ??= new Rows('source_ranges')
    addSourceRange(group.sourceRanges, range)
  }

  storeSlot(priority: Priority, slot: number, index: number): void {
    const group = this.#groups[priority]
    group.slots ??= new SlotRuns()
    const runs = group.slots
    const offset = runs.add(slot)
    const { backends } = this.#ledger
    const port = backends.port(index)
    records.writeSlot(runs.bytes, offset, backends.words, index * 4, port, backends.id(index))
  }

  /** Publishes the entry's record at one of its frontends. */
  publish(priority: Priority, entry: Entry, frontend: string, frontendClass: number): void {
    const group = this.#groups[priority]
    group.services ??= new Rows('services')
    const rows = group.services
    const { port, protocol } = records.parseFrontend(frontend, words)
    rows.add()
    records.writeFrontend(rows.keys, rows.keyOffset, words, port, protocol)
    const { keys, keyOffset, values, valueOffset } = rows
    records.writeService(keys, keyOffset, values, valueOffset, recordOf(entry, frontendClass))
    this.absent.delete(frontend)
    this.published++
  }

  /** The plan's operations: what a record needs, the record, what it no longer needs. */
  operations(): Operation[] {
    const operations: Operation[] = []
    let stage = 0
    const update = (rows: Rows | undefined) => {
      if (rows === undefined || rows.count === 0) return
      const { map, count } = rows
      operations.push({
        kind: 'update',
        stage,
        map,
        keys: rows.keyBytes(),
        values: rows.valueBytes(),
        count,
      })
    }
    const remove = (rows: Rows | undefined) => {
      if (rows === undefined || rows.count === 0) return
      const { map, count } = rows
      operations.push({ kind: 'delete', stage, map, keys: rows.keyBytes(), count })
    }
    update(this.#marks())
    stage++
    update(this.#backends)
    for (const priority of ['removing', 'adding'] as const) {
      const group = this.#groups[priority]
      update(group.members)
      remove(group.revokedMembers)
      update(group.sourceRanges)
      for (const run of group.slots?.runs ?? []) {
        const slots = group.slots?.runBytes(run) as Uint8Array
        operations.push({ kind: 'store', stage, index: run.index, slots, count: run.count })
      }
      stage++
      update(group.services)
      stage++
      remove(this.#absentRows(priority))
      stage++
      remove(group.absentMembers)
      stage++
    }
    return operations
  }

  #marks(): Rows {
    const rows = new Rows('meta')
    const put = (index: number, value: number) => {
      rows.add()
      rows.keys.setUint32(rows.keyOffset, index, true)
      rows.values.setBigUint64(rows.valueOffset, BigInt(value), true)
    }
    const { serviceIds, backendIds } = this.#ledger
    if (serviceIds.mark !== this.#serviceMark) put(kpMeta.NEXT_SERVICE_ID, serviceIds.mark)
    if (backendIds.mark !== this.#backendMark) put(kpMeta.NEXT_BACKEND_ID, backendIds.mark)
    return rows
  }

  #absentRows(priority: Priority): Rows {
    const rows = new Rows('services')
    for (const [frontend, group] of this.absent) {
      if (group !== priority) continue
      const { port, protocol } = records.parseFrontend(frontend, words)
      rows.add()
      records.writeFrontend(rows.keys, rows.keyOffset, words, port, protocol)
    }
    return rows
  }
}

/** Rows of a map whose keys are ids. */
export function idRows(map: MapName, ids: readonly number[]): Rows {
  const rows = new Rows(map)
  for (const id of ids) {
    rows.add()
    rows.keys.setUint32(rows.keyOffset, id, true)
  }
  return rows
}
