import type { Backend, EndpointList, ServicePort } from '../../model/service-port.ts'
import { ABSENT } from './backends.ts'
import type { Draft } from './draft.ts'
import { distinctRanges, type Entry, type Ledger } from './ledger.ts'
import { type ByList, countEndpoints, distinct, type ListName } from './lists.ts'
import type { MemberStates } from './member-states.ts'
import { PROTOCOL_NUMBERS, rangeLength } from './records.ts'

/** Which flag raises the size of a map. */
const FLAGS = {
  services: '--max-services',
  slots: '--max-endpoints',
  backends: '--max-endpoints',
  members: '--max-endpoints',
  sourceRanges: undefined,
} as const

export type SizedMap = keyof typeof FLAGS

/**
 * A share of the arena that only changes of what is already published may use: every change needs a
 * fresh range, the removal of an endpoint too.
 */
const RESERVE = 1 / 32

/** A map that has no room, with the sentence for a refusal. */
export function fullMessage(ledger: Ledger, map: SizedMap, consequence: string): string {
  const used = {
    services: ledger.rows,
    slots: ledger.limits.slots - ledger.arena.free,
    backends: ledger.backends.size,
    members: ledger.members,
    sourceRanges: ledger.sourceRangeRows,
  }[map]
  const flag = FLAGS[map]
  const advice = flag === undefined ? 'remove some' : `raise ${flag}, or remove Services`
  return `map "${map}" has no room (${used} of ${ledger.limits[map]} entries are used): ${consequence}; ${advice}`
}

/** The lists as far as they fit, and the map that stopped the rest. */
export interface Fit {
  readonly lists: ByList<EndpointList>
  readonly full: SizedMap | undefined
}

/** Free slots, less what is kept back for changes of what is published. */
export function freeSlots(ledger: Ledger): number {
  return ledger.arena.free - Math.ceil(ledger.limits.slots * RESERVE)
}

/**
 * Cuts the lists of a service port to the room that is left. A new one is taken whole or not at all
 * (the caller looks at `full`). One that is already published loses what it no longer wants and keeps
 * what it still wants, and only newcomers are left out: stale endpoints would be worse than missing
 * ones.
 */
export function fit(
  port: Pick<ServicePort, ListName | 'protocol'>,
  entry: Entry | undefined,
  former: MemberStates,
  ledger: Ledger,
  draft: Draft,
): Fit {
  const rooms = {
    backends: ledger.limits.backends - ledger.backends.size,
    members: ledger.limits.members - ledger.members - draft.leavingMembers,
    slots: freeSlots(ledger),
  }
  const sum = countEndpoints(port)
  if (sum <= rooms.backends && sum <= rooms.members && sum <= rooms.slots) {
    return { lists: port, full: undefined }
  }
  const held = entry === undefined ? 0 : heldSlots(entry)
  const cut = new Cut(ledger, former, PROTOCOL_NUMBERS[port.protocol], {
    ...rooms,
    slots: Math.max(rooms.slots, held),
  })
  const done = new Map(distinct(port).map((list) => [list, cut.list(list)]))
  const cutOf = (list: EndpointList) => done.get(list) as EndpointList
  const lists = {
    internal: cutOf(port.internal),
    cluster: cutOf(port.cluster),
    external: cutOf(port.external),
  }
  return { lists, full: cut.full }
}

function heldSlots(entry: Entry): number {
  return distinctRanges(entry).reduce((sum, range) => sum + rangeLength(range), 0)
}

/** Decides endpoint by endpoint: those that are there already first, then newcomers. */
class Cut {
  full: SizedMap | undefined
  readonly #ledger: Ledger
  readonly #former: MemberStates
  readonly #protocol: number
  readonly #rooms: { backends: number; members: number; slots: number }
  readonly #admitted = new Map<string, boolean>()

  constructor(
    ledger: Ledger,
    former: MemberStates,
    protocol: number,
    rooms: { backends: number; members: number; slots: number },
  ) {
    this.#ledger = ledger
    this.#former = former
    this.#protocol = protocol
    this.#rooms = rooms
  }

  list(list: EndpointList): EndpointList {
    const keep = new Set<Backend>()
    const all = [...list.active, ...list.terminating]
    const known = (backend: Backend) => {
      const index = this.#ledger.backends.look(backend, this.#protocol)
      return index >= 0 && this.#former.get(index) !== 0
    }
    for (const backend of all) if (known(backend) && this.#takeSlot()) keep.add(backend)
    for (const backend of all) {
      if (!known(backend) && this.#admit(backend) && this.#takeSlot()) keep.add(backend)
    }
    return {
      active: list.active.filter((backend) => keep.has(backend)),
      terminating: list.terminating.filter((backend) => keep.has(backend)),
      drop: list.drop,
    }
  }

  #takeSlot(): boolean {
    if (this.#rooms.slots < 1) {
      this.full ??= 'slots'
      return false
    }
    this.#rooms.slots--
    return true
  }

  #admit(backend: Backend): boolean {
    const name = `${backend.address} ${backend.port} ${backend.targetUid} ${backend.local}`
    const known = this.#admitted.get(name)
    if (known !== undefined) return known
    const rooms = this.#rooms
    const isNew = this.#ledger.backends.look(backend, this.#protocol) === ABSENT
    if (isNew && rooms.backends < 1) this.full ??= 'backends'
    else if (rooms.members < 1) this.full ??= 'members'
    const admitted = rooms.members >= 1 && (!isNew || rooms.backends >= 1)
    if (admitted) {
      rooms.members--
      if (isNew) rooms.backends--
    }
    this.#admitted.set(name, admitted)
    return admitted
  }
}
