import { kpAlgorithm, kpSlot } from '#abi'
import { ROW_SIZES } from '../../../control/mode/ebpf/kernel-maps.ts'
import { unite } from '../../../control/mode/ebpf/membership.ts'
import * as records from '../../../control/mode/ebpf/records.ts'
import { sourceRangeAt } from '../../../control/mode/ebpf/source-range-rows.ts'
import type { FakeMaps } from './fake-maps.ts'

/** What a program would find at one frontend: endpoints as "address:port" with their state. */
export interface SeenService {
  readonly serviceId: number
  readonly generation: number
  readonly flags: number
  readonly affinitySeconds: number
  readonly algorithm: number
  readonly frontendClass: number
  readonly internal: readonly string[]
  readonly cluster: readonly string[]
  readonly external: readonly string[]
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * Reads the maps the way the programs do, and throws where a reader could be led astray: a torn
 * record, an empty or foreign slot, a backend without a row, an endpoint without a member row.
 *
 * @param isLeaving endpoints that a later record no longer shows: they lose their member row first
 */
export function readMaps(
  maps: FakeMaps,
  isLeaving: (frontend: string, endpoint: string) => boolean = () => false,
): Map<string, SeenService> {
  const seen = new Map<string, SeenService>()
  // Frontends and lists share ranges, and a Maglev table is long.
  const known = new Map<string, readonly string[]>()
  for (const [key, value] of maps.rows.services.values()) {
    const name = records.readFrontend(viewOf(key), 0)
    const record = records.readService(viewOf(key), 0, viewOf(value), 0)
    if (record === undefined) throw new Error(`${name} is torn`)
    const { serviceId, generation, flags, affinitySeconds, algorithm, frontendClass } = record
    const range = (part: records.Range) => {
      const place = `${serviceId} ${algorithm} ${part.base}+${part.active}+${part.terminating}`
      const list =
        known.get(place) ??
        readRange(maps, name, record, part, (endpoint) => isLeaving(name, endpoint))
      known.set(place, list)
      return list
    }
    seen.set(name, {
      serviceId,
      generation,
      flags,
      ...{ affinitySeconds, algorithm, frontendClass },
      internal: range(record.internal),
      cluster: range(record.cluster),
      external: range(record.external),
    })
  }
  return seen
}

function readRange(
  maps: FakeMaps,
  name: string,
  record: records.ServiceRecord,
  range: records.Range,
  isLeaving: (endpoint: string) => boolean,
): string[] {
  const words = new Uint32Array(4)
  const list: string[] = []
  for (let at = 0; at < records.rangeLength(range); at++) {
    const offset = (range.base + at) * kpSlot.size
    const { port, backendId } = records.readSlot(viewOf(maps.slots), offset, words)
    const shown = records.addressPort(words, 0, port)
    const row = maps.rows.backends.get(idKey(backendId))
    if (row === undefined) throw new Error(`${name}: backend ${backendId} has no row`)
    const backend = records.readBackend(viewOf(row[1]), 0, words)
    if (records.addressPort(words, 0, backend.port) !== shown || backend.id !== backendId) {
      throw new Error(`${name}: slot shows ${shown}, backend ${backendId} is another`)
    }
    const member = maps.rows.members.get(memberKey(record.serviceId, backendId))
    if (member === undefined && !isLeaving(shown)) {
      throw new Error(`${name}: ${shown} is no member`)
    }
    list.push(at < range.active ? shown : `${shown} terminating`)
  }
  // A Maglev table shows each endpoint many times, and in no order.
  return record.algorithm === kpAlgorithm.MAGLEV ? [...new Set(list)].sort() : list
}

function idKey(id: number): string {
  const key = new DataView(new ArrayBuffer(4))
  key.setUint32(0, id, true)
  return Buffer.from(key.buffer).toString('latin1')
}

function memberKey(serviceId: number, backendId: number): string {
  const key = new DataView(new ArrayBuffer(ROW_SIZES.members.key))
  records.writeMember(key, 0, serviceId, backendId)
  return Buffer.from(key.buffer).toString('latin1')
}

/** Every member row as "service id/backend id" -> state. */
export function readMembers(maps: FakeMaps): Map<string, number> {
  const members = new Map<string, number>()
  for (const [key, value] of maps.rows.members.values()) {
    const { serviceId, backendId } = records.readMember(viewOf(key), 0)
    members.set(`${serviceId}/${backendId}`, records.readMembership(viewOf(value), 0))
  }
  return members
}

/** The member rows of one service, by endpoint as in {@link SeenService}, targets apart. */
export function readMembersOf(maps: FakeMaps, wantedId: number): Map<string, number> {
  const words = new Uint32Array(4)
  const members = new Map<string, number>()
  for (const [key, value] of maps.rows.members.values()) {
    const { serviceId, backendId } = records.readMember(viewOf(key), 0)
    if (serviceId !== wantedId) continue
    const row = maps.rows.backends.get(idKey(backendId))
    if (row === undefined) throw new Error(`member ${backendId} of ${serviceId} has no backend`)
    const { port } = records.readBackend(viewOf(row[1]), 0, words)
    const name = records.addressPort(words, 0, port)
    const states = records.readMembership(viewOf(value), 0)
    members.set(name, unite(members.get(name) ?? 0, states))
  }
  return members
}

/** Every backend id that has a row. */
export function readBackendIds(maps: FakeMaps): number[] {
  return [...maps.rows.backends.values()].map(([key]) => viewOf(key).getUint32(0, true))
}

/** Who may use LoadBalancer IPs: CIDRs by service id. */
export function readRanges(maps: FakeMaps): Map<number, readonly string[]> {
  const ranges = new Map<number, readonly string[]>()
  for (const [key] of maps.rows.source_ranges.values()) {
    const { serviceId, cidr } = sourceRangeAt(viewOf(key), 0)
    ranges.set(serviceId, [...(ranges.get(serviceId) ?? []), cidr].sort())
  }
  return ranges
}
