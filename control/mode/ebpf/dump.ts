import { join } from 'node:path'
import {
  kpAddressRole,
  kpAffinityChoice,
  kpAffinityClient,
  kpAlgorithm,
  kpBackendStats,
  kpCidr,
  kpClass,
  kpMemberState,
  kpMeta,
  kpReason,
  kpServiceStats,
} from '#abi'
import { BpfMap } from '#addon'
import { formatAddress } from '../../model/address.ts'
import { textOfWords } from './cidr-rows.ts'
import { sumCounters } from './counters.ts'
import { LISTS } from './lists.ts'
import { stateIn } from './membership.ts'
import {
  addressPort,
  BACKEND_LOCAL,
  PROTOCOL_NAMES,
  readBackend,
  readFrontend,
  readMember,
  readMembership,
  readService,
  readSlot,
} from './records.ts'
import { sourceRangeAt } from './source-range-rows.ts'

/** One decoded element: column name -> value. */
export type DumpRow = Readonly<Record<string, string | number | boolean>>

type Decoder = (key: DataView, value: DataView) => DumpRow | undefined

const LITTLE = true

/** A `range` as people read it: first slot, active and terminating counts. */
const rangeText = (range: { base: number; active: number; terminating: number }) =>
  `${range.base}+${range.active}+${range.terminating}`

const nameOf = (names: Readonly<Record<string, number>>, value: number) =>
  Object.entries(names).find(([, number]) => number === value)?.[0] ?? String(value)

function decodeService(key: DataView, value: DataView): DumpRow {
  const frontend = readFrontend(key, 0)
  const record = readService(key, 0, value, 0)
  if (record === undefined) return { frontend, torn: true }
  return {
    frontend,
    serviceId: record.serviceId,
    generation: record.generation,
    class: nameOf(kpClass, record.frontendClass),
    ...Object.fromEntries(LISTS.map((list) => [list, rangeText(record[list])])),
    algorithm: nameOf(kpAlgorithm, record.algorithm),
    flags: record.flags,
    affinitySeconds: record.affinitySeconds,
  }
}

function decodeSlot(key: DataView, value: DataView): DumpRow | undefined {
  const words = new Uint32Array(4)
  const { port, backendId } = readSlot(value, 0, words)
  if (backendId === 0) return undefined
  return { slot: key.getUint32(0, LITTLE), backend: addressPort(words, 0, port), backendId }
}

function decodeBackend(_: DataView, value: DataView): DumpRow {
  const words = new Uint32Array(4)
  const row = readBackend(value, 0, words)
  return {
    backendId: row.id,
    backend: addressPort(words, 0, row.port),
    protocol: PROTOCOL_NAMES[row.protocol] ?? String(row.protocol),
    local: (row.flags & BACKEND_LOCAL) !== 0,
  }
}

const wordsAt = (view: DataView, offset: number) =>
  Uint32Array.from({ length: 4 }, (_, word) => view.getUint32(offset + word * 4, LITTLE))

/** A client's network namespace, by its cookie, and the backend that it keeps to. */
function decodeAffinity(key: DataView, value: DataView): DumpRow {
  const client = wordsAt(key, kpAffinityClient.address.offset)
  const words = wordsAt(value, kpAffinityChoice.address.offset)
  return {
    netns: (client[0] ?? 0) * 2 ** 32 + (client[1] ?? 0),
    serviceId: key.getUint32(kpAffinityClient.serviceId.offset, LITTLE),
    backend: addressPort(words, 0, value.getUint16(kpAffinityChoice.port.offset)),
    backendId: value.getUint32(kpAffinityChoice.backendId.offset, LITTLE),
  }
}

function decodeLoad(key: DataView, value: DataView): DumpRow | undefined {
  const connections = Number(value.getBigInt64(0, LITTLE))
  return connections === 0 ? undefined : { place: key.getUint32(0, LITTLE), connections }
}

const decodeStats =
  (layout: Readonly<Record<string, { readonly offset: number } | number>>, id: string): Decoder =>
  (key, value) => ({ [id]: key.getUint32(0, LITTLE), ...sumCounters(layout, value) })

const counter = (value: DataView, cpus: number) => {
  let sum = 0n
  for (let cpu = 0; cpu < cpus; cpu++) sum += value.getBigUint64(cpu * 8, LITTLE)
  return Number(sum)
}

const DECODERS: Readonly<Record<string, Decoder>> = {
  services: decodeService,
  slots: decodeSlot,
  backends: decodeBackend,
  members: (key, value) => ({
    ...readMember(key, 0),
    ...Object.fromEntries(
      LISTS.map((list) => [list, nameOf(kpMemberState, stateIn(readMembership(value, 0), list))]),
    ),
  }),
  addresses: (key, value) => ({
    address: formatAddress(wordsAt(key, 0), 0),
    nodePorts: (value.getUint32(0, LITTLE) & kpAddressRole.NODE_PORTS) !== 0,
    clusterIP: (value.getUint32(0, LITTLE) & kpAddressRole.CLUSTER_IP) !== 0,
  }),
  service_cidrs: (key) => ({
    cidr: textOfWords(key, kpCidr.address.offset, key.getUint32(0, LITTLE)),
  }),
  source_ranges: (key) => ({ ...sourceRangeAt(key, 0) }),
  affinity: (key, value) => decodeAffinity(key, value),
  turns: (key, value) => ({
    serviceId: key.getUint32(0, LITTLE),
    next: value.getUint32(0, LITTLE),
  }),
  loads: decodeLoad,
  service_stats: decodeStats(kpServiceStats, 'serviceId'),
  backend_stats: decodeStats(kpBackendStats, 'backendId'),
  reasons: (key, value) => ({
    reason: nameOf(kpReason, key.getUint32(0, LITTLE)),
    count: counter(value, value.byteLength / 8),
  }),
  meta: (key, value) => ({
    name: nameOf(kpMeta, key.getUint32(0, LITTLE)),
    value: counter(value, 1),
  }),
}

/** The maps that {@link dumpMap} knows, in the order in which a reader meets them. */
export const DUMPED_MAPS: readonly string[] = Object.keys(DECODERS)

/**
 * Reads a pinned map and decodes every element; works without an agent.
 *
 * @throws BpfError ENOENT where nothing is pinned in `pinDir`
 */
export async function dumpMap(pinDir: string, name: string): Promise<DumpRow[]> {
  const decode = DECODERS[name]
  if (decode === undefined) throw new RangeError(`no such map: ${name}`)
  const map = BpfMap.openPinned(join(pinDir, 'maps', name))
  try {
    const { keys, values, count } = await map.entries()
    if (count === 0) return []
    const keySize = keys.length / count
    const valueSize = values.length / count
    const rows: DumpRow[] = []
    for (let i = 0; i < count; i++) {
      const key = new DataView(keys.buffer, keys.byteOffset + i * keySize, keySize)
      const value = new DataView(values.buffer, values.byteOffset + i * valueSize, valueSize)
      const row = decode(key, value)
      if (row !== undefined) rows.push(row)
    }
    return rows
  } finally {
    map.close()
  }
}
