import { kpAddress, kpAddressRole, kpCidr } from '#abi'
import { formatAddress, parseAddress } from '../../model/address.ts'
import type { GuardChanges } from '../../model/guards.ts'
import { cidrWords, textOfWords } from './cidr-rows.ts'
import { type Limits, type MapRows, ROW_SIZES } from './kernel-maps.ts'
import type { Operation } from './operations.ts'
import { deletesOf, updatesOf } from './row-operations.ts'
import { Rows } from './rows.ts'

/**
 * What addresses are where no frontend matches: those of this node at which NodePorts are served, those
 * of Services, and the ranges of service addresses. Pure: it plans, and remembers what was put into effect.
 */
export class AddressTable {
  /** Address -> `kp_address_role` bits, as in the kernel. */
  readonly #applied = new Map<string, number>()
  readonly #appliedCidrs = new Set<string>()
  readonly #clusterIPs = new Set<string>()
  readonly #dirty = new Set<string>()
  #nodePorts: ReadonlySet<string> = new Set()
  #cidrs: ReadonlySet<string> | undefined

  /** Addresses for which there was no room; unknown ports are not refused there. */
  readonly left = new Set<string>()
  /** How many ranges of service addresses there was no room for; nothing is dropped there. */
  leftCidrs = 0

  /** Reads the kernel's rows back; what is desired is planned anew. */
  restore(addresses: MapRows, cidrs: MapRows): void {
    this.#applied.clear()
    this.#appliedCidrs.clear()
    for (const [address, role] of readAddresses(addresses)) this.#applied.set(address, role)
    for (const cidr of readCidrs(cidrs)) this.#appliedCidrs.add(cidr)
    for (const address of [...this.#clusterIPs, ...this.#nodePorts]) this.#dirty.add(address)
  }

  setGuards({ added, removed, serviceCIDRs }: GuardChanges): void {
    for (const address of added) {
      this.#clusterIPs.add(address)
      this.#dirty.add(address)
    }
    for (const address of removed) {
      this.#clusterIPs.delete(address)
      this.#dirty.add(address)
    }
    if (serviceCIDRs !== undefined) this.#cidrs = new Set(serviceCIDRs)
  }

  /** @param addresses of this node, canonical, at which NodePorts are served */
  setNodePorts(addresses: Iterable<string>): void {
    const before = this.#nodePorts
    this.#nodePorts = new Set(addresses)
    for (const address of [...before, ...this.#nodePorts]) this.#dirty.add(address)
  }

  /**
   * The operations that bring the kernel there; the table then stands at their result. Should one fail,
   * {@link restore} says where the kernel really is.
   *
   * @param complete rows of an earlier agent that nobody asks for go
   * @param limits rows that the maps hold
   */
  plan(complete: boolean, limits: Pick<Limits, 'addresses' | 'serviceCidrs'>): Operation[] {
    if (complete) for (const address of this.#applied.keys()) this.#dirty.add(address)
    return [
      ...this.#planAddresses(limits.addresses),
      ...this.#planCidrs(complete, limits.serviceCidrs),
    ]
  }

  #planAddresses(limit: number): Operation[] {
    const put = new Rows('addresses')
    const gone = new Rows('addresses')
    for (const address of this.#dirty) {
      if (this.#roleOf(address) !== 0) continue
      this.left.delete(address)
      if (this.#applied.delete(address)) addAddress(gone, address, 0)
    }
    if (gone.count > 0) for (const address of this.left) this.#dirty.add(address)
    // Addresses of the node are few and matter most.
    const wanted = [...this.#dirty].sort(
      (a, b) => Number(this.#nodePorts.has(b)) - Number(this.#nodePorts.has(a)),
    )
    for (const address of wanted) {
      const role = this.#roleOf(address)
      if (role === 0 || role === this.#applied.get(address)) continue
      if (!this.#applied.has(address) && this.#applied.size >= limit) {
        this.left.add(address)
        continue
      }
      this.left.delete(address)
      this.#applied.set(address, role)
      addAddress(put, address, role)
    }
    this.#dirty.clear()
    return [...deletesOf(gone), ...updatesOf(put)]
  }

  #planCidrs(complete: boolean, limit: number): Operation[] {
    const wanted = this.#cidrs ?? (complete ? new Set<string>() : this.#appliedCidrs)
    const put = new Rows('service_cidrs')
    const gone = new Rows('service_cidrs')
    for (const cidr of this.#appliedCidrs) {
      if (wanted.has(cidr)) continue
      this.#appliedCidrs.delete(cidr)
      addCidr(gone, cidr)
    }
    this.leftCidrs = 0
    for (const cidr of wanted) {
      if (this.#appliedCidrs.has(cidr)) continue
      if (this.#appliedCidrs.size >= limit) {
        this.leftCidrs++
        continue
      }
      this.#appliedCidrs.add(cidr)
      addCidr(put, cidr)
    }
    // After the addresses: in between, unknown ports of a ClusterIP would be dropped and not refused.
    return [...deletesOf(gone), ...updatesOf(put, 1)]
  }

  #roleOf(address: string): number {
    const nodePorts = this.#nodePorts.has(address) ? kpAddressRole.NODE_PORTS : 0
    return nodePorts | (this.#clusterIPs.has(address) ? kpAddressRole.CLUSTER_IP : 0)
  }

  /** Sentences about what differs between rows read back and what was applied. */
  verify(addresses: MapRows, cidrs: MapRows): string[] {
    const found = new Map(readAddresses(addresses))
    const problems: string[] = []
    for (const [address, role] of this.#applied) {
      if (found.get(address) !== role) problems.push(`addresses: ${address} should be ${role}`)
      found.delete(address)
    }
    for (const address of found.keys()) problems.push(`addresses: ${address} should not be there`)
    const ranges = new Set(readCidrs(cidrs))
    for (const cidr of this.#appliedCidrs) {
      if (!ranges.delete(cidr)) problems.push(`service_cidrs: ${cidr} is missing`)
    }
    for (const cidr of ranges) problems.push(`service_cidrs: ${cidr} should not be there`)
    return problems
  }
}

function addAddress(rows: Rows, address: string, role: number): void {
  const words = new Uint32Array(4)
  if (!parseAddress(address, words)) throw new RangeError(`"${address}" is not an address`)
  rows.add()
  for (const [word, value] of words.entries()) {
    rows.keys.setUint32(rows.keyOffset + word * 4, value, true)
  }
  rows.values.setUint32(rows.valueOffset, role, true)
}

function addCidr(rows: Rows, cidr: string): void {
  const { words, length } = cidrWords(cidr)
  rows.add()
  rows.keys.setUint32(rows.keyOffset + kpCidr.prefixLength.offset, length, true)
  for (const [word, value] of words.entries()) {
    rows.keys.setUint32(rows.keyOffset + kpCidr.address.offset + word * 4, value, true)
  }
  rows.values.setUint32(rows.valueOffset, 1, true)
}

function* readAddresses({ keys, values, count }: MapRows): Generator<[string, number]> {
  const key = new DataView(keys.buffer, keys.byteOffset)
  const value = new DataView(values.buffer, values.byteOffset)
  const words = new Uint32Array(4)
  for (let row = 0; row < count; row++) {
    for (let word = 0; word < 4; word++) {
      words[word] = key.getUint32(row * kpAddress.size + word * 4, true)
    }
    yield [formatAddress(words, 0), value.getUint32(row * ROW_SIZES.addresses.value, true)]
  }
}

function* readCidrs({ keys, count }: MapRows): Generator<string> {
  const view = new DataView(keys.buffer, keys.byteOffset)
  for (let row = 0; row < count; row++) {
    const offset = row * kpCidr.size
    const length = view.getUint32(offset + kpCidr.prefixLength.offset, true)
    yield textOfWords(view, offset + kpCidr.address.offset, length)
  }
}
