import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type BpfMap, type BpfObject, type MappedArray, membarrier } from '#addon'
import type { KernelMaps, Limits, MapName, MapRows } from './kernel-maps.ts'

/** How long a reader may last where the kernel gives no grace period: programs run for microseconds. */
const GRACE_MS = 1000

const NAMES: readonly MapName[] = [
  'services',
  'backends',
  'members',
  'meta',
  'service_stats',
  'backend_stats',
  'addresses',
  'service_cidrs',
  'source_ranges',
  'turns',
]

/** The maps of a loaded object. */
export class BpfKernelMaps implements KernelMaps {
  readonly limits: Limits
  readonly #maps: Readonly<Record<MapName, BpfMap>>
  readonly #arena: MappedArray
  #canWait = cpus().length > 1

  constructor(object: BpfObject) {
    const entries = NAMES.map((name) => [name, object.map(name)] as const)
    this.#maps = Object.fromEntries(entries) as Record<MapName, BpfMap>
    this.#arena = object.map('slots').mmap()
    this.limits = {
      services: this.#maps.services.info.maxEntries,
      slots: object.map('slots').info.maxEntries,
      backends: this.#maps.backends.info.maxEntries,
      members: this.#maps.members.info.maxEntries,
      sourceRanges: this.#maps.source_ranges.info.maxEntries,
      addresses: this.#maps.addresses.info.maxEntries,
      serviceCidrs: this.#maps.service_cidrs.info.maxEntries,
    }
  }

  lookup(map: MapName, key: Uint8Array): Uint8Array | undefined {
    return this.#maps[map].lookup(key)
  }

  update(map: MapName, key: Uint8Array, value: Uint8Array): void {
    this.#maps[map].update(key, value)
  }

  delete(map: MapName, key: Uint8Array): boolean {
    return this.#maps[map].delete(key)
  }

  updateBatch(map: MapName, keys: Uint8Array, values: Uint8Array): Promise<void> {
    return this.#maps[map].updateBatch(keys, values)
  }

  async deleteBatch(map: MapName, keys: Uint8Array): Promise<void> {
    await this.#maps[map].deleteBatch(keys)
  }

  entries(map: MapName): Promise<MapRows> {
    return this.#maps[map].entries()
  }

  storeSlots(index: number, slots: Uint8Array): void {
    this.#arena.store(index, slots)
  }

  loadSlots(index: number, count: number): Uint8Array {
    return this.#arena.load(index, count)
  }

  /** The system call does nothing with one CPU online and is missing with nohz_full: then, time passes. */
  async gracePeriod(): Promise<void> {
    if (this.#canWait) {
      try {
        await membarrier()
        return
      } catch {
        this.#canWait = false
      }
    }
    await sleep(GRACE_MS)
  }

  close(): void {
    this.#arena.close()
  }
}
