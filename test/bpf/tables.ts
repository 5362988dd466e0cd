import { kpFrontend, kpMember, kpMembership, kpReason, kpService, kpSlot } from '#abi'
import { type BpfObject, possibleCpus } from '#addon'
import { membership } from '../../control/mode/ebpf/membership.ts'
import {
  type ServiceRecord,
  writeFrontend,
  writeMember,
  writeMembership,
  writeService,
  writeSlot,
} from '../../control/mode/ebpf/records.ts'
import { parseAddress } from '../../control/model/address.ts'

export const TCP = 6
export const UDP = 17

export const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export function words(address: string): Uint32Array {
  const out = new Uint32Array(4)
  if (!parseAddress(address, out)) throw new Error(`not an address: ${address}`)
  return out
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setUint32(0, value, true)
  return bytes
}

/** A range of the arena, as in a record. */
export const range = (base: number, active: number, terminating = 0) => ({
  base,
  active,
  terminating,
})

/** Fills the maps of a loaded object by hand, and reads its counters. */
export class Tables {
  readonly object: BpfObject
  readonly #arena

  constructor(object: BpfObject) {
    this.object = object
    this.#arena = object.map('slots').mmap()
  }

  close(): void {
    this.#arena.close()
    this.object.close()
  }

  map(name: string) {
    return this.object.map(name)
  }

  frontend(address: string, port: number, protocol: number): Uint8Array {
    const key = new Uint8Array(kpFrontend.size)
    writeFrontend(viewOf(key), 0, words(address), port, protocol)
    return key
  }

  /** Publishes a record for a frontend; `tear` flips one bit after the checksum was made. */
  publish(key: Uint8Array, record: Partial<ServiceRecord>, tear = false): void {
    const value = new Uint8Array(kpService.size)
    writeService(viewOf(key), 0, viewOf(value), 0, {
      serviceId: 1,
      generation: 1,
      flags: 0,
      internal: range(0, 0),
      cluster: range(0, 0),
      external: range(0, 0),
      affinitySeconds: 0,
      algorithm: 0,
      frontendClass: 0,
      ...record,
    })
    if (tear) value[kpService.internal.offset] = (value[kpService.internal.offset] as number) ^ 1
    this.map('services').update(key, value)
  }

  /** Writes one backend, at port 8080, into the arena. */
  slot(index: number, address: string, backendId: number): void {
    const slot = new Uint8Array(kpSlot.size)
    writeSlot(viewOf(slot), 0, words(address), 0, 8080, backendId)
    this.#arena.store(index, slot)
  }

  /** Writes backends `firstId`, `firstId + 1`, ... into the arena and makes them internal members. */
  fill(base: number, count: number, firstId: number, serviceId = 1, state = 1): void {
    for (let i = 0; i < count; i++) {
      this.slot(base + i, `10.244.0.${i + 1}`, firstId + i)
      this.member(serviceId, firstId + i, state)
    }
  }

  /** A backend's states in the three lists; all 0 removes it. */
  member(serviceId: number, backendId: number, internal: number, cluster = 0, external = 0): void {
    const key = new Uint8Array(kpMember.size)
    writeMember(viewOf(key), 0, serviceId, backendId)
    if (internal === 0 && cluster === 0 && external === 0) {
      this.map('members').delete(key)
      return
    }
    const value = new Uint8Array(kpMembership.size)
    writeMembership(viewOf(value), 0, membership(internal, cluster, external))
    this.map('members').update(key, value)
  }

  reason(name: keyof typeof kpReason): number {
    return this.#sum('reasons', kpReason[name], 8, 0) ?? 0
  }

  /** A counter's sum over all CPUs; undefined where nothing made the row. */
  counter(
    map: 'service_stats' | 'backend_stats',
    id: number,
    layout: { readonly size: number },
    member: { readonly offset: number },
  ): number | undefined {
    return this.#sum(map, id, layout.size, member.offset)
  }

  #sum(map: string, key: number, size: number, offset: number): number | undefined {
    const rows = this.map(map).lookup(u32(key))
    if (rows === undefined) return undefined
    let sum = 0n
    for (let cpu = 0; cpu < possibleCpus(); cpu++) {
      sum += viewOf(rows).getBigInt64(cpu * size + offset, true)
    }
    return Number(sum)
  }
}
