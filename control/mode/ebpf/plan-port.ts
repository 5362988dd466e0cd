import type { EndpointList, ServicePort } from '../../model/service-port.ts'
import type { AskedParts } from './asked.ts'
import type { Draft, Priority } from './draft.ts'
import { frontendName } from './frontends.ts'
import { distinctRanges, type Entry, type Ledger } from './ledger.ts'
import { type ByList, countEndpoints, distinct, LISTS, type ListName } from './lists.ts'
import { maglevSize, maglevTable } from './maglev.ts'
import type { MemberStates } from './member-states.ts'
import { losesTraffic, type Membership, membershipIn } from './membership.ts'
import {
  ACTIVE,
  ALGORITHMS,
  CLASS_NUMBERS,
  EMPTY_RANGE,
  EXTERNAL_DROP,
  INTERNAL_DROP,
  NODE_IN_RANGES,
  PROTOCOL_NUMBERS,
  type Range,
  rangeLength,
  SOURCE_RANGES,
  sameRange,
  TERMINATING,
} from './records.ts'
import { fit, freeSlots, fullMessage } from './room.ts'
import { SlotList } from './slot-list.ts'
import { unionLists } from './union.ts'

/** Plans one service port at a time into a draft. */
export class PortPlanner {
  readonly #ledger: Ledger
  readonly #draft: Draft
  readonly #lists: ByList<SlotList> = {
    internal: new SlotList(),
    cluster: new SlotList(),
    external: new SlotList(),
  }
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
    this.#retireSourceRanges(entry.serviceId)
  }

  /** Makes the kernel show a service port. With `but`, it keeps what it has besides, but for that. */
  set(port: ServicePort, but?: AskedParts): void {
    const ledger = this.#ledger
    let entry = ledger.entries.get(port.key)
    if (port.protocol === 'SCTP') {
      this.#refuse(port, 'Unsupported', 'SCTP cannot be translated at the socket; use TCP or UDP')
      return
    }
    const names = this.#frontends(port, entry, but)
    if (names.size === 0) {
      if (entry !== undefined && but === undefined) this.remove(entry)
      return
    }
    this.#former.begin()
    if (entry !== undefined) this.#readFormer(entry)
    if (!this.#fillLists(port, entry, but)) return
    const ranges = this.#placeLists(port, entry)
    if (ranges === undefined) return
    entry ??= this.#create(port.key)
    this.#write(port, entry, names, ranges, but)
  }

  /** After everything else of a complete apply: drops what no entry accounts for. */
  sweep(): void {
    const { invalid, strayMembers, strayBackends, strayRanges } = this.#ledger
    for (const id of strayRanges) this.#retireSourceRanges(id)
    this.#ledger.strayRanges = []
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

  /** The names at which the port may be published, with their classes; the others are refused. */
  #frontends(
    port: ServicePort,
    entry: Entry | undefined,
    but: AskedParts | undefined,
  ): Map<string, number> {
    const ledger = this.#ledger
    const names = new Map<string, number>()
    const fresh: string[] = []
    let room = ledger.limits.services - ledger.rows - this.#draft.absent.size
    for (const { class: kind, address, port: number } of port.frontends) {
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
      names.set(name, CLASS_NUMBERS[kind])
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
      if (entry === undefined) return new Map()
    }
    if (but === undefined || entry === undefined) return names
    for (const [at, name] of entry.frontends.entries()) {
      if (!but.frontends.has(name) && !names.has(name)) names.set(name, entry.classes[at] ?? 0)
    }
    return names
  }

  /** Resolves the endpoints of all lists. @returns false where the port is refused */
  #fillLists(port: ServicePort, entry: Entry | undefined, but: AskedParts | undefined): boolean {
    const ledger = this.#ledger
    const { lists, full } = fit(port, entry, this.#former, ledger, this.#draft)
    if (full !== undefined) {
      const wanted = countEndpoints(port)
      const kept = countEndpoints(lists)
      const consequence =
        entry === undefined
          ? 'this new service port is not served'
          : `it is served by ${kept} of ${wanted} endpoints`
      this.#refuse(port, 'MapFull', fullMessage(ledger, full, consequence))
      if (entry === undefined) return false
    }
    let invalid: string | undefined
    for (const list of LISTS) {
      const same = this.#filledAlike(lists, list)
      if (same !== undefined) this.#lists[list].copy(this.#lists[same])
      else invalid ??= this.#lists[list].fill(lists[list], port.protocol, ledger, this.#draft)
    }
    if (invalid !== undefined) {
      this.#refuse(port, 'Invalid', `endpoint "${invalid}" is not valid and is left out`)
    }
    if (but !== undefined && entry !== undefined) {
      for (const list of LISTS) {
        unionLists(this.#lists[list], entry[list], ledger.slots, but.backends)
      }
    }
    return true
  }

  /** An earlier list that is the same object. */
  #filledAlike(lists: ByList<EndpointList>, list: ListName): ListName | undefined {
    const earlier = LISTS.slice(0, LISTS.indexOf(list))
    return earlier.find((other) => lists[other] === lists[list])
  }

  /** As Maglev tables where that is asked for and there is room; else it is a hash over plain lists. */
  #placeLists(port: ServicePort, entry: Entry | undefined): ByList<Range> | undefined {
    if (port.scheduler === 'mh') {
      const plain = LISTS.map((list) => [...this.#lists[list].active])
      const ranges = this.#mayTakeTables(entry) ? this.#placeTables(entry) : undefined
      if (ranges !== undefined) return ranges
      for (const [at, list] of LISTS.entries()) this.#lists[list].spread(plain[at] ?? [])
      const consequence = 'its endpoints are chosen by hash without a Maglev table'
      this.#refuse(port, 'MapFull', fullMessage(this.#ledger, 'slots', consequence))
    }
    const ranges = this.#place(entry)
    if (ranges === undefined) this.#refuseLists(port, entry)
    return ranges
  }

  /** What is kept back for changes of what is published is not for tables of new service ports. */
  #mayTakeTables(entry: Entry | undefined): boolean {
    if (entry !== undefined) return true
    const lists = distinctLists(this.#lists)
    const wanted = lists.reduce((sum, { active }) => sum + maglevSize(active.length), 0)
    return wanted <= freeSlots(this.#ledger)
  }

  #placeTables(entry: Entry | undefined): ByList<Range> | undefined {
    for (const list of LISTS) {
      const slots = this.#lists[list]
      slots.spread(maglevTable(slots.active, this.#ledger.backends))
    }
    return this.#place(entry)
  }

  /** Finds or takes the arena ranges that show the lists. */
  #place(entry: Entry | undefined): ByList<Range> | undefined {
    const { internal: first, cluster: second, external: third } = this.#lists
    const internal = this.#rangeFor(first, entry)
    const cluster = second.equals(first) ? internal : this.#rangeFor(second, entry)
    let external = third.equals(first) ? internal : undefined
    if (external === undefined && third.equals(second)) external = cluster
    external ??= this.#rangeFor(third, entry)
    if (internal !== undefined && cluster !== undefined && external !== undefined) {
      return { internal, cluster, external }
    }
    for (const range of new Set([internal, cluster, external])) {
      if (range === undefined || rangeLength(range) === 0) continue
      if (!isHeld(range, entry)) this.#ledger.arena.release(range.base, rangeLength(range))
    }
    return undefined
  }

  #refuseLists(port: ServicePort, entry: Entry | undefined): void {
    for (const list of LISTS) {
      for (const index of this.#lists[list].indexes()) {
        if (this.#ledger.backends.refs(index) === 0) this.#draft.retirement.backends.push(index)
      }
    }
    const consequence =
      entry === undefined
        ? 'this new service port is not served'
        : 'it keeps its former endpoints until ranges are free again'
    this.#refuse(port, 'MapFull', fullMessage(this.#ledger, 'slots', consequence))
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
      algorithm: 0,
      internal: EMPTY_RANGE,
      cluster: EMPTY_RANGE,
      external: EMPTY_RANGE,
      frontends: NO_NAMES,
      classes: NO_CLASSES,
      unfinished: undefined,
    }
    this.#ledger.entries.set(key, entry)
    return entry
  }

  /** Writes down everything in which the entry differs, and moves the entry there. */
  #write(
    port: ServicePort,
    entry: Entry,
    names: ReadonlyMap<string, number>,
    ranges: ByList<Range>,
    but: AskedParts | undefined,
  ): void {
    const flags = flagsOf(port, ranges)
    const algorithm = ALGORITHMS[port.scheduler]
    const rangesDiffer = !this.#hasSourceRanges(entry.serviceId, port.sourceRanges)
    const changed =
      LISTS.some((list) => !sameRange(ranges[list], entry[list])) ||
      entry.generation === 0 ||
      flags !== entry.flags ||
      port.affinitySeconds !== entry.affinitySeconds ||
      algorithm !== entry.algorithm ||
      rangesDiffer
    const formerNames = entry.frontends
    const unfinished = entry.unfinished
    const added = [...names.keys()].filter(
      (name) =>
        this.#ledger.frontends.get(name) !== entry ||
        unfinished?.frontends.has(name) === true ||
        entry.classes[formerNames.indexOf(name)] !== names.get(name),
    )
    const isSame = added.length === 0 && formerNames.length === names.size
    if (!changed && isSame && unfinished === undefined) return
    this.#readNext(ranges)
    const removing = this.#former.indexes.some((index) =>
      losesTraffic(this.#former.get(index), this.#next.get(index)),
    )
    const priority = removing ? 'removing' : 'adding'
    const wrote = this.#writeMembers(priority, entry, but)
    const leftRanges = unfinished?.ranges ?? []
    if (!changed && isSame && !wrote && leftRanges.length === 0) return
    this.#draft.changed++
    if (rangesDiffer) this.#writeSourceRanges(priority, port, entry.serviceId)
    const written = new Set<Range>()
    for (const list of LISTS) {
      if (written.has(ranges[list])) continue
      written.add(ranges[list])
      this.#writeSlots(priority, entry, ranges[list], this.#lists[list])
    }
    for (const range of distinctRanges(entry)) {
      if (!isHeld(range, ranges)) this.#draft.retirement.ranges.push(range)
    }
    this.#draft.retirement.ranges.push(...leftRanges)
    Object.assign(entry, ranges)
    entry.flags = flags
    entry.affinitySeconds = port.affinitySeconds
    entry.algorithm = algorithm
    if (changed) entry.generation = (entry.generation + 1) >>> 0 || 1
    entry.frontends = [...names.keys()]
    entry.classes = classesOf(names)
    for (const name of changed ? names.keys() : added) {
      this.#publish(priority, entry, name, names.get(name) ?? 0, but)
    }
    for (const name of formerNames) {
      if (names.has(name)) continue
      this.#ledger.frontends.delete(name)
      this.#draft.absent.set(name, priority)
    }
  }

  /** Both are sorted. */
  #hasSourceRanges(serviceId: number, wanted: readonly string[]): boolean {
    const has = this.#ledger.sourceRanges.get(serviceId) ?? NO_NAMES
    if (has === wanted) return true
    return has.length === wanted.length && wanted.every((cidr, at) => cidr === has[at])
  }

  /**
   * What is asked for comes before the record that asks for it, and what is not goes after a grace period:
   * meanwhile clients of either are let in. Without room for all new rows there is none of them.
   */
  #writeSourceRanges(priority: Priority, port: ServicePort, serviceId: number): void {
    const ledger = this.#ledger
    const has = new Set(ledger.sourceRanges.get(serviceId))
    const wanted = new Set(port.sourceRanges)
    let fresh = port.sourceRanges.filter((cidr) => !has.has(cidr))
    if (ledger.sourceRangeRows + fresh.length > ledger.limits.sourceRanges) {
      const consequence = 'its LoadBalancer IPs let nobody in who was not let in before'
      this.#refuse(port, 'MapFull', fullMessage(ledger, 'sourceRanges', consequence))
      fresh = []
    }
    for (const cidr of fresh) this.#draft.putSourceRange(priority, { serviceId, cidr })
    ledger.sourceRangeRows += fresh.length
    for (const cidr of has) {
      if (!wanted.has(cidr)) this.#draft.retirement.sourceRanges.push({ serviceId, cidr })
    }
    const isWhole = fresh.length > 0 || [...wanted].every((cidr) => has.has(cidr))
    const now = isWhole ? port.sourceRanges : port.sourceRanges.filter((cidr) => has.has(cidr))
    if (now.length === 0) ledger.sourceRanges.delete(serviceId)
    else ledger.sourceRanges.set(serviceId, now)
  }

  #retireSourceRanges(serviceId: number): void {
    for (const cidr of this.#ledger.sourceRanges.get(serviceId) ?? NO_NAMES) {
      this.#draft.retirement.sourceRanges.push({ serviceId, cidr })
    }
    this.#ledger.sourceRanges.delete(serviceId)
  }

  #publish(
    priority: Priority,
    entry: Entry,
    name: string,
    frontendClass: number,
    but: AskedParts | undefined,
  ): void {
    const ledger = this.#ledger
    const owner = ledger.frontends.get(name)
    if (owner !== undefined && owner !== entry) {
      const at = owner.frontends.indexOf(name)
      owner.frontends = owner.frontends.toSpliced(at, 1)
      owner.classes = owner.classes.toSpliced(at, 1)
      owner.unfinished?.frontends.delete(name)
      if (owner.frontends.length === 0 && but === undefined) this.remove(owner)
    }
    ledger.frontends.set(name, entry)
    ledger.invalid.delete(name)
    this.#draft.publish(priority, entry, name, frontendClass)
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

  #readNext(ranges: ByList<Range>): void {
    const next = this.#next
    next.begin()
    for (const list of LISTS) {
      const lists = LISTS.filter((other) => ranges[other] === ranges[list])
      if (lists[0] !== list) continue
      const { active, terminating } = this.#lists[list]
      for (const index of active) next.unite(index, membershipIn(lists, ACTIVE))
      for (const index of terminating) next.unite(index, membershipIn(lists, TERMINATING))
    }
  }

  #refuse(port: ServicePort, reason: string, sentence: string): void {
    this.#draft.refuse(port.key, reason, `service port ${port.key}: ${sentence}`)
  }
}

const NO_NAMES: readonly string[] = Object.freeze([])
const NO_CLASSES: readonly number[] = Object.freeze([])
/** Of nearly every Service; shared, for there are many. */
const CLUSTER_IP_ALONE: readonly number[] = Object.freeze([CLASS_NUMBERS.ClusterIP])

function classesOf(names: ReadonlyMap<string, number>): readonly number[] {
  const classes = [...names.values()]
  const isUsual = classes.length === 1 && classes[0] === CLASS_NUMBERS.ClusterIP
  return isUsual ? CLUSTER_IP_ALONE : classes
}

/** `kp_service_flag` */
function flagsOf(port: ServicePort, { internal, external }: ByList<Range>): number {
  let flags = 0
  if (port.internal.drop && rangeLength(internal) === 0) flags |= INTERNAL_DROP
  if (port.external.drop && rangeLength(external) === 0) flags |= EXTERNAL_DROP
  if (port.sourceRanges.length > 0) flags |= SOURCE_RANGES
  if (port.sourceRangesIncludeNode) flags |= NODE_IN_RANGES
  return flags
}

/** Lists that differ in what they show. */
function distinctLists(lists: ByList<SlotList>): SlotList[] {
  const found: SlotList[] = []
  for (const list of distinct(lists)) {
    if (!found.some((other) => other.equals(list))) found.push(list)
  }
  return found
}

/** Whether a holder of ranges shows the very slots of `range`. */
function isHeld(range: Range, holder: ByList<Range> | undefined): boolean {
  if (holder === undefined) return false
  return distinctRanges(holder).some((held) => held.base === range.base)
}
