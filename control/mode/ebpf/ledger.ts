import { Arena } from './arena.ts'
import { BackendRegistry } from './backends.ts'
import { IdAllocator } from './ids.ts'
import type { Limits } from './kernel-maps.ts'
import { type ByList, distinct, LISTS } from './lists.ts'
import { MemberStates } from './member-states.ts'
import { type Membership, membershipIn } from './membership.ts'
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
  /** `kp_algorithm` */
  algorithm: number
  /** One object where lists show the same endpoints. */
  internal: Range
  cluster: Range
  external: Range
  /** Names of the frontends whose record this is. */
  frontends: readonly string[]
  /** `kp_class` of each of them. */
  classes: readonly number[]
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
  /** Service id -> the CIDRs that have, or are to have, a row in `source_ranges`. */
  readonly sourceRanges = new Map<number, readonly string[]>()
  /** Rows in `source_ranges`. */
  sourceRangeRows = 0
  /** Member rows of services that are in no entry: pairs of service id and backend id. */
  strayMembers: number[] = []
  /** Service ids in {@link sourceRanges} that are in no entry, found when the maps were read back. */
  strayRanges: number[] = []
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
      const lists = LISTS.filter((list) => sameRange(range, entry[list]))
      const whileActive = membershipIn(lists, ACTIVE)
      const afterwards = membershipIn(lists, TERMINATING)
      for (let slot = base; slot < base + active + terminating; slot++) {
        visit(this.slots[slot] as number, slot < base + active ? whileActive : afterwards)
      }
    }
  }
}

/** The record at a frontend of a class; all frontends of an entry show the same otherwise. */
export function recordOf(entry: Entry, frontendClass: number): ServiceRecord {
  const { serviceId, generation, flags, affinitySeconds, algorithm } = entry
  const { internal, cluster, external } = entry
  return {
    ...{ serviceId, generation, flags, affinitySeconds, algorithm },
    ...{ internal, cluster, external, frontendClass },
  }
}

/** The class of one of an entry's frontends. */
export function classOf(entry: Entry, frontend: string): number {
  return entry.classes[entry.frontends.indexOf(frontend)] ?? 0
}

/** The ranges that an entry holds, each once. */
export function distinctRanges(lists: ByList<Range>): Range[] {
  const ranges: Range[] = []
  for (const range of distinct(lists)) {
    if (rangeLength(range) === 0 || ranges.some(({ base }) => base === range.base)) continue
    ranges.push(range)
  }
  return ranges
}
