import { kpMeta, kpSlot } from '#abi'
import type { MapName } from './kernel-maps.ts'
import { ROW_SIZES } from './kernel-maps.ts'
import { LISTS } from './lists.ts'
import { stateIn, stateText } from './membership.ts'
import * as records from './records.ts'
import { addressPort } from './records.ts'
import { sourceRangeAt } from './source-range-rows.ts'

/** Rows to put; each replaces a row of the same key. */
export interface UpdateRows {
  readonly kind: 'update'
  /** Operations of one stage do not depend on each other; stages go in order. */
  readonly stage: number
  readonly map: MapName
  readonly keys: Uint8Array
  readonly values: Uint8Array
  readonly count: number
}

/** Rows to take away; some may be gone already. */
export interface DeleteRows {
  readonly kind: 'delete'
  readonly stage: number
  readonly map: MapName
  readonly keys: Uint8Array
  readonly count: number
}

/** Adjacent slots to write through the mapping. */
export interface StoreSlots {
  readonly kind: 'store'
  readonly stage: number
  readonly index: number
  readonly slots: Uint8Array
  readonly count: number
}

/**
 * One step of a plan: plain data that is put into effect by a publisher and printed by
 * {@link describeOperation}. Every operation may be repeated without harm.
 */
export type Operation = UpdateRows | DeleteRows | StoreSlots

const META_NAMES = new Map<number, string>(
  Object.entries(kpMeta).map(([name, index]) => [index, name.toLowerCase().replaceAll('_', '-')]),
)

/** A line per row, for people and golden tests. */
export function describeOperation(operation: Operation): string[] {
  const lines: string[] = []
  for (let row = 0; row < operation.count; row++) {
    lines.push(
      operation.kind === 'store'
        ? `slot ${operation.index + row} = ${describeSlot(operation.slots, row)}`
        : describeRow(operation, row),
    )
  }
  return lines
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function describeSlot(slots: Uint8Array, row: number): string {
  const words = new Uint32Array(4)
  const slot = records.readSlot(viewOf(slots), row * kpSlot.size, words)
  return `backend ${slot.backendId} ${addressPort(words, 0, slot.port)}`
}

function describeRow(operation: UpdateRows | DeleteRows, row: number): string {
  const { map } = operation
  const sizes = ROW_SIZES[map]
  const key = viewOf(operation.keys)
  const keyOffset = row * sizes.key
  const name = describeKey(map, key, keyOffset)
  if (operation.kind === 'delete') return `delete ${name}`
  const value = viewOf(operation.values)
  return `${name} = ${describeValue(map, key, keyOffset, value, row * sizes.value)}`
}

function describeKey(map: MapName, key: DataView, offset: number): string {
  if (map === 'services') return `service ${records.readFrontend(key, offset)}`
  if (map === 'members') {
    const { serviceId, backendId } = records.readMember(key, offset)
    return `member ${serviceId}/${backendId}`
  }
  if (map === 'source_ranges') {
    const { serviceId, cidr } = sourceRangeAt(key, offset)
    return `source range ${serviceId} ${cidr}`
  }
  const number = key.getUint32(offset, true)
  if (map === 'meta') return `meta ${META_NAMES.get(number) ?? number}`
  return map === 'backends' ? `backend ${number}` : `${map} ${number}`
}

function describeValue(
  map: MapName,
  key: DataView,
  keyOffset: number,
  value: DataView,
  offset: number,
): string {
  if (map === 'members') {
    const states = records.readMembership(value, offset)
    return LISTS.map((list) => `${list} ${stateText(stateIn(states, list))}`).join(' ')
  }
  if (map === 'backends') {
    const words = new Uint32Array(4)
    const row = records.readBackend(value, offset, words)
    const local = (row.flags & records.BACKEND_LOCAL) !== 0 ? ' local' : ''
    return `${records.frontendText(words, 0, row.port, row.protocol)}${local}`
  }
  if (map === 'meta') return String(value.getBigUint64(offset, true))
  if (map !== 'services') return String(value.getUint32(offset, true))
  const record = records.readService(key, keyOffset, value, offset)
  return record === undefined ? 'torn' : describeRecord(record)
}

function describeRecord(record: records.ServiceRecord): string {
  const range = ({ base, active, terminating }: records.Range) => `${base}+${active}+${terminating}`
  const drops = [
    (record.flags & records.INTERNAL_DROP) !== 0 ? ' internal-drop' : '',
    (record.flags & records.EXTERNAL_DROP) !== 0 ? ' external-drop' : '',
  ].join('')
  const rest = [
    record.algorithm > 0 ? ` algorithm ${record.algorithm}` : '',
    record.frontendClass > 0 ? ` class ${record.frontendClass}` : '',
  ].join('')
  const affinity = record.affinitySeconds > 0 ? ` affinity ${record.affinitySeconds}s` : ''
  return (
    `id ${record.serviceId} generation ${record.generation}` +
    ` ${LISTS.map((list) => `${list} ${range(record[list])}`).join(' ')}${affinity}${drops}${rest}`
  )
}
