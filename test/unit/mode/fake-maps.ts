import { kpSlot } from '#abi'
import {
  type KernelMaps,
  type Limits,
  type MapName,
  type MapRows,
  ROW_SIZES,
} from '../../../control/mode/ebpf/kernel-maps.ts'

/** An error as the addon throws it. */
export class FakeBpfError extends Error {
  readonly code: string

  constructor(code: string, map: string) {
    super(`${code}: ${map}`)
    this.code = code
  }
}

/** The agent died here. */
export class Crash extends Error {}

export const SMALL: Limits = {
  services: 64,
  slots: 16_384,
  backends: 128,
  members: 256,
  sourceRanges: 64,
  addresses: 64,
  serviceCidrs: 8,
}

const SIZE_LIMITS: Partial<Record<MapName, keyof Limits>> = {
  services: 'services',
  backends: 'backends',
  members: 'members',
  source_ranges: 'sourceRanges',
  addresses: 'addresses',
  service_cidrs: 'serviceCidrs',
}

type Row = readonly [Uint8Array, Uint8Array]

/**
 * Kernel maps in memory. Counts calls, enforces sizes, and calls `onWrite` before every single write,
 * where a test may look at what readers would see, or throw to end the agent.
 */
export class FakeMaps implements KernelMaps {
  limits: Limits
  syscalls = 0
  writes = 0
  grace = 0
  onWrite: (write: number, map: MapName | 'slots') => void = () => {}
  /** Holds grace periods until it settles. */
  gate: Promise<void> = Promise.resolve()
  readonly rows: Record<MapName, Map<string, Row>> = {
    services: new Map(),
    backends: new Map(),
    members: new Map(),
    meta: new Map(),
    service_stats: new Map(),
    backend_stats: new Map(),
    addresses: new Map(),
    service_cidrs: new Map(),
    source_ranges: new Map(),
    turns: new Map(),
  }
  readonly slots: Uint8Array

  constructor(limits: Limits = SMALL) {
    this.limits = limits
    this.slots = new Uint8Array(limits.slots * kpSlot.size)
  }

  lookup(map: MapName, key: Uint8Array): Uint8Array | undefined {
    this.syscalls++
    return this.rows[map].get(keyText(key))?.[1].slice()
  }

  update(map: MapName, key: Uint8Array, value: Uint8Array): void {
    this.syscalls++
    this.#put(map, key, value)
  }

  delete(map: MapName, key: Uint8Array): boolean {
    this.syscalls++
    return this.#take(map, key)
  }

  async updateBatch(map: MapName, keys: Uint8Array, values: Uint8Array): Promise<void> {
    this.syscalls++
    const { key, value } = ROW_SIZES[map]
    await Promise.resolve()
    for (let row = 0; row * key < keys.length; row++) {
      this.#put(
        map,
        keys.subarray(row * key, (row + 1) * key),
        values.subarray(row * value, (row + 1) * value),
      )
    }
  }

  async deleteBatch(map: MapName, keys: Uint8Array): Promise<void> {
    this.syscalls++
    const { key } = ROW_SIZES[map]
    await Promise.resolve()
    for (let row = 0; row * key < keys.length; row++) {
      this.#take(map, keys.subarray(row * key, (row + 1) * key))
    }
  }

  async entries(map: MapName): Promise<MapRows> {
    this.syscalls++
    const rows = [...this.rows[map].values()]
    return {
      keys: concat(rows.map(([key]) => key)),
      values: concat(rows.map(([, value]) => value)),
      count: rows.length,
    }
  }

  storeSlots(index: number, slots: Uint8Array): void {
    for (let at = 0; at < slots.length; at += kpSlot.size) {
      this.onWrite(this.writes++, 'slots')
      this.slots.set(slots.subarray(at, at + kpSlot.size), index * kpSlot.size + at)
    }
  }

  loadSlots(index: number, count: number): Uint8Array {
    return this.slots.slice(index * kpSlot.size, (index + count) * kpSlot.size)
  }

  async gracePeriod(): Promise<void> {
    await this.gate
    this.grace++
  }

  #put(map: MapName, key: Uint8Array, value: Uint8Array): void {
    this.onWrite(this.writes++, map)
    const text = keyText(key)
    const limit = SIZE_LIMITS[map]
    const rows = this.rows[map]
    if (limit !== undefined && !rows.has(text) && rows.size >= this.limits[limit]) {
      throw new FakeBpfError('E2BIG', map)
    }
    rows.set(text, [key.slice(), value.slice()])
  }

  #take(map: MapName, key: Uint8Array): boolean {
    this.onWrite(this.writes++, map)
    return this.rows[map].delete(keyText(key))
  }
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1')
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  const all = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
