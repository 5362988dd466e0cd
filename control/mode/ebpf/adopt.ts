import { kpMeta } from '#abi'
import { adoptMembers } from './adopt-members.ts'
import { IdAllocator } from './ids.ts'
import { type KernelMaps, type Limits, type MapRows, ROW_SIZES } from './kernel-maps.ts'
import { distinctRanges, type Entry, Ledger } from './ledger.ts'
import { type ByList, LISTS } from './lists.ts'
import { RangeReader } from './range-reader.ts'
import type { Range, ServiceRecord } from './records.ts'
import * as records from './records.ts'
import { readSourceRanges } from './source-range-rows.ts'

export interface AdoptOptions {
  /** Smaller limits than the maps have, after one was found full. */
  readonly limits?: Limits
  /** Service port keys by service id, where they are known. */
  readonly keys?: ReadonlyMap<number, string>
}

/**
 * Rebuilds the ledger from the maps. What records show is in use, all else is free; there is no
 * journal. Nothing is written. Waits for a grace period too, since ranges that look free may still be
 * held by readers of the last publications.
 */
export async function adopt(maps: KernelMaps, options: AdoptOptions = {}): Promise<Ledger> {
  const ledger = new Ledger(options.limits ?? maps.limits)
  const [services, backends, members, sourceRanges] = await Promise.all([
    maps.entries('services'),
    maps.entries('backends'),
    maps.entries('members'),
    maps.entries('source_ranges'),
    maps.gracePeriod(),
  ])
  const indexes = adoptServices(ledger, maps, services, backends, options.keys)
  ledger.members = members.count
  adoptMembers(ledger, members, indexes)
  adoptSourceRanges(ledger, sourceRanges)
  const marks = highestIds(ledger)
  const meta = (index: number) => readMeta(maps, index)
  ledger.serviceIds = new IdAllocator(
    'service',
    Math.max(meta(kpMeta.NEXT_SERVICE_ID), marks.service),
  )
  ledger.backendIds = new IdAllocator(
    'backend',
    Math.max(meta(kpMeta.NEXT_BACKEND_ID), marks.backend),
  )
  ledger.generation = meta(kpMeta.GENERATION)
  return ledger
}

function adoptSourceRanges(ledger: Ledger, rows: MapRows): void {
  ledger.sourceRangeRows = rows.count
  const found = Map.groupBy(readSourceRanges(rows), ({ serviceId }) => serviceId)
  const live = new Set([...ledger.frontends.values()].map(({ serviceId }) => serviceId))
  for (const [serviceId, ranges] of found) {
    ledger.sourceRanges.set(serviceId, ranges.map(({ cidr }) => cidr).sort())
    if (!live.has(serviceId)) ledger.strayRanges.push(serviceId)
  }
}

/** A number from `meta`. */
export function readMeta(maps: Pick<KernelMaps, 'lookup'>, index: number): number {
  const value = maps.lookup('meta', new Uint8Array(new Uint32Array([index]).buffer))
  if (value === undefined) return 0
  return Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true))
}

interface Found {
  readonly name: string
  readonly record: ServiceRecord
}

/** Returns backend indexes by id. */
function adoptServices(
  ledger: Ledger,
  maps: KernelMaps,
  services: MapRows,
  backends: MapRows,
  keys: ReadonlyMap<number, string> | undefined,
): Map<number, number> {
  const reader = new RangeReader(ledger, maps, backends)
  const byId = new Map<number, Found[]>()
  for (const found of readRecords(ledger, services)) {
    const group = byId.get(found.record.serviceId)
    if (group === undefined) byId.set(found.record.serviceId, [found])
    else group.push(found)
  }
  for (const [serviceId, group] of byId) {
    const entry = adoptService(ledger, reader, group)
    if (entry === undefined) continue
    const key = keys?.get(serviceId)
    if (key === undefined) {
      ledger.unclaimed.add(entry)
      continue
    }
    entry.key = key
    ledger.entries.set(key, entry)
  }
  reader.adoptRest()
  ledger.arena.rebuild(reader.used)
  return reader.indexes
}

function readRecords(ledger: Ledger, rows: MapRows): Found[] {
  const found: Found[] = []
  const keys = new DataView(rows.keys.buffer, rows.keys.byteOffset)
  const values = new DataView(rows.values.buffer, rows.values.byteOffset)
  const size = ROW_SIZES.services
  for (let row = 0; row < rows.count; row++) {
    const name = records.readFrontend(keys, row * size.key)
    const record = records.readService(keys, row * size.key, values, row * size.value)
    if (record === undefined) ledger.invalid.set(name, 'its checksum does not match')
    else found.push({ name, record })
  }
  return found
}

/** One entry for all records of a service id. The newest one counts; older ones are unfinished work. */
function adoptService(ledger: Ledger, reader: RangeReader, group: Found[]): Entry | undefined {
  group.sort((a, b) => b.record.generation - a.record.generation)
  const valid = group.filter(({ name, record }) => {
    const problem = LISTS.map((list) => reader.problem(record[list], record, name)).find(Boolean)
    if (problem === undefined) return true
    ledger.invalid.set(name, problem)
    return false
  })
  const newest = valid[0]?.record
  if (newest === undefined) return undefined
  const { serviceId, generation, flags, affinitySeconds, algorithm } = newest
  const entry: Entry = {
    ...{ key: '', serviceId, generation, flags, affinitySeconds, algorithm },
    ...sharedRanges(newest),
    frontends: valid.map(({ name }) => name),
    classes: valid.map(({ record }) => record.frontendClass),
    unfinished: unfinishedOf(valid, distinctRanges(newest)),
  }
  for (const range of [...distinctRanges(entry), ...(entry.unfinished?.ranges ?? [])]) {
    reader.take(range)
  }
  for (const name of entry.frontends) ledger.frontends.set(name, entry)
  return entry
}

/** Equal ranges become one object. */
function sharedRanges({ internal, ...others }: ServiceRecord): ByList<Range> {
  const { sameRange } = records
  const cluster = sameRange(others.cluster, internal) ? internal : others.cluster
  const external = [internal, cluster].find((range) => sameRange(range, others.external))
  return { internal, cluster, external: external ?? others.external }
}

function unfinishedOf(valid: readonly Found[], held: readonly Range[]): Entry['unfinished'] {
  const newest = valid[0]?.record as ServiceRecord
  const older = valid.filter(({ record }) => !sameRecord(record, newest))
  if (older.length === 0) return undefined
  const ranges = new Map<number, Range>()
  for (const range of older.flatMap(({ record }) => distinctRanges(record))) {
    if (!held.some(({ base }) => base === range.base)) ranges.set(range.base, range)
  }
  return {
    members: new Map(),
    frontends: new Set(older.map(({ name }) => name)),
    ranges: [...ranges.values()],
  }
}

function sameRecord(a: ServiceRecord, b: ServiceRecord): boolean {
  return (
    a.generation === b.generation &&
    a.flags === b.flags &&
    a.affinitySeconds === b.affinitySeconds &&
    a.algorithm === b.algorithm &&
    LISTS.every((list) => records.sameRange(a[list], b[list]))
  )
}

/** One above the highest ids that are in use, should `meta` have been lost. */
function highestIds(ledger: Ledger): { service: number; backend: number } {
  let service = 0
  for (const entry of ledger.frontends.values()) service = Math.max(service, entry.serviceId)
  let backend = 0
  for (let index = 0; index < ledger.backends.bound; index++) {
    backend = Math.max(backend, ledger.backends.id(index))
  }
  return { service: service + 1, backend: backend + 1 }
}
