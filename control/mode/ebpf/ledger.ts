import { Arena } from './arena.ts'
import { BackendRegistry } from './backends.ts'
import { IdAllocator } from './ids.ts'
import type { Limits } from './kernel-maps.ts'
import { MemberStates } from './member-states.ts'
import { type Membership, membership } from './membership.ts'
import {
  ACTIVE,
  type Range,
  rangeLength,
  type ServiceRecord,
  sameRange,
  TERMINATING,
} from './records.ts'

/** A service port as it is published. */
export interface Entry {
  /** Service port key; empty while nobody asked for this service since it was read back. */
  key: string
  readonly serviceId: number
  generation: number
  flags: number
  affinitySeconds: number
  internal: Range
  /** The same object as `internal` where both show the same endpoints. */
  external: Range
  /** Names of the frontends whose record this is. */
  frontends: string[]
  /** What an agent that was killed between two writes left half done. */
  unfinished: Unfinished | undefined
}

export interface Unfinished {
  /** Member rows by backend index that differ from what the ranges ask for; 0: missing. */
  readonly members: ReadonlyMap<number, Membership>
  /** Frontends whose record is an older one of this service. */
  readonly frontends: Set<string>
  /** Ranges that only those older records show. */
  readonly ranges: readonly Range[]
}

/** Records that could not be adopted, by frontend name, with a sentence that says why. */
export type InvalidRecords = Map<string, string>

/**
 * What the kernel maps hold, as far as planning needs it. Planning moves it ahead; when putting a
 * plan into effect fails, it is rebuilt from the maps, as after a crash.
 */
export class Ledger {
  readonly limits: Limits
  /** Service ports that somebody asked for. */
  readonly entries = new Map<string, Entry>()
  /** Services read back that nobody asked for yet. */
  readonly unclaimed = new Set<Entry>()
  /** Frontend name -> whose it is. */
  readonly frontends = new Map<string, Entry>()
  /** Rows in `services` that show no entry; the next record of the frontend, or a complete apply, ends them. */
  readonly invalid: InvalidRecords = new Map()
  /** Member rows of services that are in no entry: pairs of service id and backend id. */
  strayMembers: number[] = []
  /** Backends without a range, found when the maps were read back. */
  strayBackends: number[] = []
  readonly backends = new BackendRegistry()
  readonly arena: Arena
  /** Arena index -> backend index; means something only inside published ranges. */
  readonly slots: Int32Array
  serviceIds = new IdAllocator('service', 0)
  backendIds = new IdAllocator('backend', 0)
  /** Rows in `members`. */
  members = 0
  generation = 0
  /** Scratch of planning: the member states that a service has and is to have. */
  readonly former = new MemberStates()
  readonly next = new MemberStates()

  constructor(limits: Limits) {
    this.limits = limits
    this.arena = new Arena(limits.slots)
    this.slots = new Int32Array(limits.slots)
  }

  /** Rows in `services`. */
  get rows(): number {
    return this.frontends.size + this.invalid.size
  }

  /** Makes `states` those that an entry's ranges give to their backends. */
  readMembers(entry: Entry, states: MemberStates): void {
    states.begin()
    this.eachMember(entry, (index, value) => states.unite(index, value))
  }

  /** Calls `visit` for each slot of an entry's ranges: its backend, and what it is there. */
  eachMember(entry: Entry, visit: (index: number, value: Membership) => void): void {
    for (const range of distinctRanges(entry)) {
      const { base, active, terminating } = range
      const internal = sameRange(range, entry.internal)
      const external = sameRange(range, entry.external)
      const whileActive = membership(internal ? ACTIVE : 0, external ? ACTIVE : 0)
      const afterwards = membership(internal ? TERMINATING : 0, external ? TERMINATING : 0)
      for (let slot = base; slot < base + active + terminating; slot++) {
        visit(this.slots[slot] as number, slot < base + active ? whileActive : afterwards)
      }
    }
  }
}

/** The record that all frontends of an entry show. */
export function recordOf(entry: Entry): ServiceRecord {
  const { serviceId, generation, flags, internal, external, affinitySeconds } = entry
  return { serviceId, generation, flags, internal, external, affinitySeconds }
}

/** The ranges that an entry holds: none, one, or one for each class of traffic. */
export function distinctRanges(entry: Pick<Entry, 'internal' | 'external'>): Range[] {
  const { internal, external } = entry
  const ranges = rangeLength(internal) > 0 ? [internal] : []
  const shared = internal.base === external.base && rangeLength(internal) > 0
  if (!shared && rangeLength(external) > 0) ranges.push(external)
  return ranges
}
