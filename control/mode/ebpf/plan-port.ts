import type { ServicePort } from '../../model/service-port.ts'
import type { AskedParts } from './asked.ts'
import type { Draft, Priority } from './draft.ts'
import { frontendName, servedFrontends, unservedMessage } from './frontends.ts'
import { distinctRanges, type Entry, type Ledger } from './ledger.ts'
import type { MemberStates } from './member-states.ts'
import { losesTraffic, type Membership, membership } from './membership.ts'
import {
  ACTIVE,
  EMPTY_RANGE,
  EXTERNAL_DROP,
  INTERNAL_DROP,
  PROTOCOL_NUMBERS,
  type Range,
  rangeLength,
  sameRange,
  TERMINATING,
} from './records.ts'
import { fit, fullMessage } from './room.ts'
import { SlotList } from './slot-list.ts'
import { unionLists } from './union.ts'

/** Plans one service port at a time into a draft. */
export class PortPlanner {
  readonly #ledger: Ledger
  readonly #draft: Draft
  readonly #internal = new SlotList()
  readonly #external = new SlotList()
  readonly #former: MemberStates
  readonly #next: MemberStates

  constructor(ledger: Ledger, draft: Draft) {
    this.#ledger = ledger
    this.#draft = draft
    this.#former = ledger.former
    this.#next = ledger.next
  }

  /** Publishes the absence of an entry; its ranges and ids are free after a grace period. */
  remove(entry: Entry): void {
    const ledger = this.#ledger
    const draft = this.#draft
    for (const name of entry.frontends) {
      ledger.frontends.delete(name)
      draft.absent.set(name, 'removing')
    }
    ledger.unclaimed.delete(entry)
    ledger.entries.delete(entry.key)
    draft.retirement.ranges.push(...distinctRanges(entry), ...(entry.unfinished?.ranges ?? []))
    draft.changed++
    this.#readFormer(entry)
    for (const index of this.#former.indexes) {
      if (this.#former.get(index) === 0) continue
      ledger.members--
      draft.dropMember('removing', entry.serviceId, ledger.backends.id(index))
    }
    draft.retirement.services.push(entry.serviceId)
  }

  /** Makes the kernel show a service port. With `but`, it keeps what it has besides, but for that. */
  set(port: ServicePort, but?: AskedParts): void {
    this.#plan(port, but)
    // Last: of several reasons the first stands, and one that time can mend must not be hidden.
    const unserved = unservedMessage(port)
    if (unserved !== undefined) this.#refuse(port, 'Unsupported', unserved)
  }

  #plan(port: ServicePort, but: AskedParts | undefined): void {
    const ledger = this.#ledger
    let entry = ledger.entries.get(port.key)
    if (port.protocol === 'SCTP') {
      this.#refuse(port, 'Unsupported', 'SCTP cannot be translated at the socket; use TCP or UDP')
      return
    }
    const names = this.#frontends(port, entry, but)
    if (names.length === 0) {
      if (entry !== undefined && but === undefined) this.remove(entry)
      return
    }
    this.#former.begin()
    if (entry !== undefined) this.#readFormer(entry)
    if (!this.#fillLists(port, entry, but)) return
    const ranges = this.#place(port, entry)
    if (ranges === undefined) return
    entry ??= this.#create(port.key)
    this.#write(port, entry, names, ranges, but)
  }

  /** After everything else of a complete apply: drops what no entry accounts for. */
  sweep(): void {
    const { invalid, strayMembers, strayBackends } = this.#ledger
    for (const name of invalid.keys()) this.#draft.absent.set(name, 'adding')
    invalid.clear()
    for (let at = 0; at < strayMembers.length; at += 2) {
      this.#draft.dropMember('adding', strayMembers[at] as number, strayMembers[at + 1] as number)
    }
    this.#ledger.members -= strayMembers.length / 2
    this.#ledger.strayMembers = []
    this.#draft.retirement.backends.push(...strayBackends)
    this.#ledger.strayBackends = []
  }

  /** The names at which the port may be published; the others are refused. */
  #frontends(port: ServicePort, entry: Entry | undefined, but: AskedParts | undefined): string[] {
    const ledger = this.#ledger
    const names = new Set<string>()
    const fresh: string[] = []
    let room = ledger.limits.services - ledger.rows - this.#draft.absent.size
    for (const frontend of servedFrontends(port)) {
      const { address, port: number } = frontend
      const name = frontendName(address, number, PROTOCOL_NUMBERS[port.protocol])
      if (name === undefined) {
        this.#refuse(port, 'Invalid', `frontend address "${address}", port ${number} is not valid`)
        continue
      }
      const owner = ledger.frontends.get(name)
      const taken = owner !== undefined && owner !== entry && !ledger.unclaimed.has(owner)
      if (taken) {
        const message = `${name} belongs to ${owner.key}; give one of them another address or port`
        this.#refuse(port, 'FrontendTaken', message)
        continue
      }
      if (names.has(name)) continue
      names.add(name)
      const hasRow = owner !== undefined || ledger.invalid.has(name) || this.#draft.absent.has(name)
      if (hasRow) continue
      if (room-- > 0) continue
      names.delete(name)
      fresh.push(name)
    }
    if (fresh.length > 0) {
      const consequence =
        entry === undefined ? 'this new service port is not served' : `${fresh[0]} is not served`
      this.#refuse(port, 'MapFull', fullMessage(ledger, 'services', consequence))
      if (entry === undefined) return []
    }
    if (but === undefined) return [...names]
    for (const name of entry?.frontends ?? []) if (!but.frontends.has(name)) names.add(name)
    return [...names]
  }

  /** Resolves the endpoints of both classes of traffic. @returns false where the port is refused */
  #fillLists(port: ServicePort, entry: Entry | undefined, but: AskedParts | undefined): boolean {
    const ledger = this.#ledger
    const { internal, external, full } = fit(port, entry, this.#former, ledger, this.#draft)
    if (full !== undefined) {
      const wanted = port.internal.active.length + port.internal.terminating.length
      const kept = internal.active.length + internal.terminating.length
      const consequence =
        entry === undefined
          ? 'this new service port is not served'
          : `it is served by ${kept} of ${wanted} endpoints`
      this.#refuse(port, 'MapFull', fullMessage(ledger, full, consequence))
      if (entry === undefined) return false
    }
    const invalidInternal = this.#internal.fill(internal, port.protocol, ledger, this.#draft)
    const invalidExternal =
      external === internal
        ? this.#external.copy(this.#internal)
        : this.#external.fill(external, port.protocol, ledger, this.#draft)
    const invalid = invalidInternal ?? invalidExternal
    if (invalid !== undefined) {
      this.#refuse(port, 'Invalid', `endpoint "${invalid}" is not valid and is left out`)
    }
    if (but !== undefined && entry !== undefined) {
      unionLists(this.#internal, entry.internal, ledger.slots, but.backends)
      unionLists(this.#external, entry.external, ledger.slots, but.backends)
    }
    return true
  }

  /** Finds or takes the arena ranges that show the lists. */
  #place(
    port: ServicePort,
    entry: Entry | undefined,
  ): { internal: Range; external: Range } | undefined {
    const internal = this.#rangeFor(this.#internal, entry)
    const external = this.#external.equals(this.#internal)
      ? internal
      : this.#rangeFor(this.#external, entry)
    if (internal !== undefined && external !== undefined) return { internal, external }
    for (const range of [internal, external]) {
      if (range === undefined || rangeLength(range) === 0) continue
      if (!isHeld(range, entry)) this.#ledger.arena.release(range.base, rangeLength(range))
    }
    for (const index of [...this.#internal.indexes(), ...this.#external.indexes()]) {
      if (this.#ledger.backends.refs(index) === 0) this.#draft.retirement.backends.push(index)
    }
    const consequence =
      entry === undefined
        ? 'this new service port is not served'
        : 'it keeps its former endpoints until ranges are free again'
    this.#refuse(port, 'MapFull', fullMessage(this.#ledger, 'slots', consequence))
    return undefined
  }

  #rangeFor(list: SlotList, entry: Entry | undefined): Range | undefined {
    if (list.length === 0) return EMPTY_RANGE
    if (entry !== undefined) {
      const same = distinctRanges(entry).find((range) => list.matches(range, this.#ledger.slots))
      if (same !== undefined) return same
    }
    const base = this.#ledger.arena.allocate(list.length)
    if (base < 0) return undefined
    return { base, active: list.active.length, terminating: list.terminating.length }
  }

  #create(key: string): Entry {
    const entry: Entry = {
      key,
      serviceId: this.#ledger.serviceIds.take(),
      generation: 0,
      flags: 0,
      affinitySeconds: 0,
      internal: EMPTY_RANGE,
      external: EMPTY_RANGE,
      frontends: [],
      unfinished: undefined,
    }
    this.#ledger.entries.set(key, entry)
    return entry
  }

  /** Writes down everything in which the entry differs, and moves the entry there. */
  #write(
    port: ServicePort,
    entry: Entry,
    names: readonly string[],
    ranges: { internal: Range; external: Range },
    but: AskedParts | undefined,
  ): void {
    const { internal, external } = ranges
    const flags =
      (port.internal.drop && rangeLength(internal) === 0 ? INTERNAL_DROP : 0) |
      (port.external.drop && rangeLength(external) === 0 ? EXTERNAL_DROP : 0)
    const moved = !sameRange(internal, entry.internal) || !sameRange(external, entry.external)
    const changed =
      moved ||
      entry.generation === 0 ||
      flags !== entry.flags ||
      port.affinitySeconds !== entry.affinitySeconds
    const formerNames = entry.frontends
    const unfinished = entry.unfinished
    const added = names.filter(
      (name) =>
        this.#ledger.frontends.get(name) !== entry || unfinished?.frontends.has(name) === true,
    )
    const isSame = added.length === 0 && formerNames.length === names.length
    if (!changed && isSame && unfinished === undefined) return
    this.#readNext(internal === external)
    const removing = this.#former.indexes.some((index) =>
      losesTraffic(this.#former.get(index), this.#next.get(index)),
    )
    const priority = removing ? 'removing' : 'adding'
    const wrote = this.#writeMembers(priority, entry, but)
    const leftRanges = unfinished?.ranges ?? []
    if (!changed && isSame && !wrote && leftRanges.length === 0) return
    this.#draft.changed++
    this.#writeSlots(priority, entry, internal, this.#internal)
    if (external !== internal) this.#writeSlots(priority, entry, external, this.#external)
    for (const range of distinctRanges(entry)) {
      if (!isHeld(range, ranges)) this.#draft.retirement.ranges.push(range)
    }
    this.#draft.retirement.ranges.push(...leftRanges)
    entry.internal = internal
    entry.external = external
    entry.flags = flags
    entry.affinitySeconds = port.affinitySeconds
    if (changed) entry.generation = (entry.generation + 1) >>> 0 || 1
    entry.frontends = [...names]
    for (const name of changed ? names : added) this.#publish(priority, entry, name, but)
    for (const name of formerNames) {
      if (names.includes(name)) continue
      this.#ledger.frontends.delete(name)
      this.#draft.absent.set(name, priority)
    }
  }

  #publish(priority: Priority, entry: Entry, name: string, but: AskedParts | undefined): void {
    const ledger = this.#ledger
    const owner = ledger.frontends.get(name)
    if (owner !== undefined && owner !== entry) {
      owner.frontends = owner.frontends.filter((other) => other !== name)
      owner.unfinished?.frontends.delete(name)
      if (owner.frontends.length === 0 && but === undefined) this.remove(owner)
    }
    ledger.frontends.set(name, entry)
    ledger.invalid.delete(name)
    this.#draft.publish(priority, entry, name)
  }

  /** Returns whether a row was written. */
  #writeMembers(priority: Priority, entry: Entry, but: AskedParts | undefined): boolean {
    const ledger = this.#ledger
    let wrote = false
    for (const index of this.#next.indexes) {
      const state = this.#next.get(index)
      const was = this.#former.get(index)
      if (was === state) continue
      if (was === 0) ledger.members++
      this.#draft.putMember(priority, entry.serviceId, ledger.backends.id(index), state)
      wrote = true
    }
    const kept = new Map<number, Membership>()
    for (const index of this.#former.indexes) {
      if (this.#former.get(index) === 0 || this.#next.get(index) !== 0) continue
      if (but !== undefined && !but.backends.has(index)) {
        kept.set(index, this.#former.get(index))
        continue
      }
      ledger.members--
      this.#draft.revokeMember(priority, entry.serviceId, ledger.backends.id(index))
      wrote = true
    }
    entry.unfinished =
      kept.size > 0 ? { members: kept, frontends: new Set(), ranges: [] } : undefined
    return wrote
  }

  #writeSlots(priority: Priority, entry: Entry, range: Range, list: SlotList): void {
    if (rangeLength(range) === 0 || isHeld(range, entry)) return
    const { slots, backends } = this.#ledger
    for (let position = 0; position < list.length; position++) {
      const index = list.at(position)
      slots[range.base + position] = index
      backends.acquire(index)
      this.#draft.storeSlot(priority, range.base + position, index)
    }
  }

  #readFormer(entry: Entry): void {
    this.#ledger.readMembers(entry, this.#former)
    for (const [index, value] of entry.unfinished?.members ?? []) this.#former.put(index, value)
  }

  #readNext(isShared: boolean): void {
    const next = this.#next
    next.begin()
    const unite = (list: SlotList, inClasses: (state: number) => Membership) => {
      for (const index of list.active) next.unite(index, inClasses(ACTIVE))
      for (const index of list.terminating) next.unite(index, inClasses(TERMINATING))
    }
    if (isShared) unite(this.#internal, (state) => membership(state, state))
    else {
      unite(this.#internal, (state) => membership(state, 0))
      unite(this.#external, (state) => membership(0, state))
    }
  }

  #refuse(port: ServicePort, reason: string, sentence: string): void {
    this.#draft.refuse(port.key, reason, `service port ${port.key}: ${sentence}`)
  }
}

/** Whether a holder of ranges shows the very slots of `range`. */
function isHeld(
  range: Range,
  holder: { readonly internal: Range; readonly external: Range } | undefined,
): boolean {
  if (holder === undefined) return false
  return distinctRanges(holder).some((held) => held.base === range.base)
}
