import { kpBackendStats, kpReason, kpServiceStats } from '#abi'
import type { ServicePortCounters } from '../mode.ts'
import type { KernelMaps, MapName } from './kernel-maps.ts'
import type { Ledger } from './ledger.ts'
import { addressPort } from './records.ts'

type Layout = Readonly<Record<string, { readonly offset: number } | number>> & {
  readonly size: number
}

/**
 * Sums the fields of a per-CPU value over CPUs. Fields are 64 bits wide; sums below 2^53 are exact.
 *
 * @param value one struct for each possible CPU, each at a multiple of 8 bytes
 */
export function sumCounters(
  layout: Readonly<Record<string, { readonly offset: number } | number>>,
  value: DataView,
): Record<string, number> {
  const size = typeof layout.size === 'number' ? layout.size : value.byteLength
  const stride = Math.ceil(size / 8) * 8
  const sums: Record<string, number> = {}
  for (const [name, field] of Object.entries(layout)) {
    if (typeof field === 'number') continue
    let sum = 0n
    for (let at = 0; at + stride <= value.byteLength; at += stride) {
      sum += value.getBigInt64(at + field.offset, true)
    }
    sums[name] = Number(sum)
  }
  return sums
}

/** From so many service ports on, whole maps are read instead of single rows. */
const WHOLE_MAPS = 32

type Read = (id: number) => Record<string, number>

/** Counters of the given service ports; keys that are not programmed are absent. */
export async function readCounters(
  maps: KernelMaps,
  ledger: Ledger,
  keys: readonly string[],
): Promise<Map<string, ServicePortCounters>> {
  const readService = await reader(maps, 'service_stats', kpServiceStats, keys.length)
  const readBackend = await reader(maps, 'backend_stats', kpBackendStats, keys.length)
  const counters = new Map<string, ServicePortCounters>()
  for (const key of keys) {
    const entry = ledger.entries.get(key)
    if (entry === undefined) continue
    const {
      connections = 0,
      datagrams = 0,
      refused = 0,
      dropped = 0,
    } = readService(entry.serviceId)
    const backends = new Map<string, { connections: number; datagrams: number; active: number }>()
    ledger.eachMember(entry, (index) => {
      const name = addressPort(ledger.backends.words, index * 4, ledger.backends.port(index))
      if (backends.has(name)) return
      const sums = readBackend(ledger.backends.id(index))
      backends.set(name, {
        connections: sums.connections ?? 0,
        datagrams: sums.datagrams ?? 0,
        active: sums.active ?? 0,
      })
    })
    counters.set(key, { connections, datagrams, refused, dropped, backends })
  }
  return counters
}

async function reader(maps: KernelMaps, map: MapName, layout: Layout, keys: number): Promise<Read> {
  if (keys < WHOLE_MAPS) {
    return (id) => {
      const value = maps.lookup(map, new Uint8Array(new Uint32Array([id]).buffer))
      return value === undefined ? {} : sumCounters(layout, viewOf(value))
    }
  }
  const rows = await maps.entries(map)
  const size = rows.count === 0 ? 0 : rows.values.length / rows.count
  const ids = viewOf(rows.keys)
  const offsets = new Map<number, number>()
  for (let row = 0; row < rows.count; row++) offsets.set(ids.getUint32(row * 4, true), row * size)
  return (id) => {
    const offset = offsets.get(id)
    if (offset === undefined) return {}
    return sumCounters(layout, viewOf(rows.values.subarray(offset, offset + size)))
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Reason name -> count. @param lookup reads a row of `reasons` */
export function readReasons(
  lookup: (key: Uint8Array) => Uint8Array | undefined,
): Record<string, number> {
  const reasons: Record<string, number> = {}
  for (const [name, index] of Object.entries(kpReason)) {
    if (name === 'COUNT') continue
    const value = lookup(new Uint8Array(new Uint32Array([index]).buffer))
    if (value === undefined) continue
    reasons[name] = sumCounters({ size: 8, count: { offset: 0 } }, viewOf(value)).count ?? 0
  }
  return reasons
}
