import {
  kpAddress,
  kpBackend,
  kpCidr,
  kpFrontend,
  kpMember,
  kpMembership,
  kpService,
  kpSourceRange,
} from '#abi'

/** The maps that the agent writes by rows. The arena (`slots`) is written through a mapping. */
export type MapName =
  | 'services'
  | 'backends'
  | 'members'
  | 'meta'
  | 'service_stats'
  | 'backend_stats'
  | 'addresses'
  | 'service_cidrs'
  | 'source_ranges'
  | 'turns'

/** Bytes of a key and of a value, of the maps whose rows we write. */
export const ROW_SIZES: Readonly<
  Record<MapName, { readonly key: number; readonly value: number }>
> = {
  services: { key: kpFrontend.size, value: kpService.size },
  backends: { key: 4, value: kpBackend.size },
  members: { key: kpMember.size, value: kpMembership.size },
  meta: { key: 4, value: 8 },
  service_stats: { key: 4, value: 0 },
  backend_stats: { key: 4, value: 0 },
  addresses: { key: kpAddress.size, value: 4 },
  service_cidrs: { key: kpCidr.size, value: 4 },
  source_ranges: { key: kpSourceRange.size, value: 4 },
  turns: { key: 4, value: 0 },
}

/** How many rows each map may hold. */
export interface Limits {
  readonly services: number
  readonly slots: number
  readonly backends: number
  readonly members: number
  readonly sourceRanges: number
  readonly addresses: number
  readonly serviceCidrs: number
}

/** Rows back to back. */
export interface MapRows {
  readonly keys: Uint8Array
  readonly values: Uint8Array
  readonly count: number
}

/**
 * Everything that publishing needs of the kernel. Tests put a fake behind it that counts, fails and
 * crashes. Single operations are for small changes, where a hop to another thread would cost more
 * than the work; batches leave the event loop free.
 */
export interface KernelMaps {
  readonly limits: Limits
  lookup(map: MapName, key: Uint8Array): Uint8Array | undefined
  update(map: MapName, key: Uint8Array, value: Uint8Array): void
  /** @returns false where there was no such row */
  delete(map: MapName, key: Uint8Array): boolean
  updateBatch(map: MapName, keys: Uint8Array, values: Uint8Array): Promise<void>
  /** Rows that are already gone are skipped. */
  deleteBatch(map: MapName, keys: Uint8Array): Promise<void>
  entries(map: MapName): Promise<MapRows>
  /** Writes whole slots from `index` on; no system call. */
  storeSlots(index: number, slots: Uint8Array): void
  loadSlots(index: number, count: number): Uint8Array
  /** Settles when no reader holds anything that it may have seen before the call. */
  gracePeriod(): Promise<void>
}
