import type { ServicePort, ServicePortChange } from '../../model/service-port.ts'
import type { Refusal } from '../mode.ts'
import { askedParts } from './asked.ts'
import { Draft, type Retirement } from './draft.ts'
import { frontendNames } from './frontends.ts'
import type { Entry, Ledger } from './ledger.ts'
import type { Operation } from './operations.ts'
import { PortPlanner } from './plan-port.ts'

export interface Plan {
  readonly operations: readonly Operation[]
  /** To be given to {@link planRetirement} after a grace period that begins after the last operation. */
  readonly retirement: Retirement
  readonly refused: readonly Refusal[]
  readonly changed: number
  readonly published: number
  readonly removed: number
}

export interface PlanOptions {
  /** The changes are the whole desired state: what else there is goes away. */
  readonly complete: boolean
  /**
   * Something may be removed or shrunk; true with `complete` and ever after. Until then the desired
   * state is what was restored together with what was listed (IN-4).
   */
  readonly mayRemove: boolean
  /** What has been asked for by the service port's key since the start; that may go all the same. */
  readonly asked?: (key: string) => readonly ServicePort[]
  /** Service port keys that only their own changes touch (the canary). */
  readonly own?: ReadonlySet<string>
}

/** So many service ports are planned at a time: one part is written while the next is planned. */
const PART = 500

/**
 * What must be written so that the maps show the changes, in parts that are to be put into effect in
 * order. No I/O and no clock: the same ledger and changes give the same plan. The ledger then stands
 * at the planned state.
 *
 * Changes that alter nothing give no operation. Service ports that cannot be programmed are refused
 * by name, and all others are planned.
 */
export function* plan(
  ledger: Ledger,
  changes: readonly ServicePortChange[],
  options: PlanOptions,
): Generator<Plan> {
  const latest = new Map<string, ServicePortChange>()
  for (const change of changes) latest.set(change.key, change)
  for (const change of latest.values()) {
    if (change.type === 'set') claim(ledger, change.port)
  }
  if (options.complete && ledger.backends.size === 0) ledger.backends.reserve(endpointsOf(latest))
  const keepsBut = (key: string) => {
    if (options.mayRemove || options.own?.has(key) === true) return undefined
    return askedParts(options.asked?.(key) ?? [], ledger)
  }
  let draft = new Draft(ledger)
  let planner = new PortPlanner(ledger, draft)
  removeAbsent(ledger, planner, latest, options)
  let planned = 0
  for (const port of portsOf(latest, draft.absent)) {
    if (planned >= PART && !port.isHandover) {
      yield planOf(draft)
      draft = new Draft(ledger)
      planner = new PortPlanner(ledger, draft)
      planned = 0
    }
    planner.set(port.port, keepsBut(port.port.key))
    planned++
  }
  if (options.mayRemove) planner.sweep()
  yield planOf(draft)
}

/** How many backends there can be at most: growing step by step would cost more than the rest. */
function endpointsOf(latest: ReadonlyMap<string, ServicePortChange>): number {
  let endpoints = 0
  for (const change of latest.values()) {
    if (change.type === 'set') endpoints += change.port.internal.active.length
  }
  return endpoints
}

function removeAbsent(
  ledger: Ledger,
  planner: PortPlanner,
  latest: ReadonlyMap<string, ServicePortChange>,
  { complete, mayRemove, own }: PlanOptions,
): void {
  for (const [key, change] of latest) {
    const entry = change.type === 'delete' ? ledger.entries.get(key) : undefined
    if (entry !== undefined) planner.remove(entry)
  }
  if (mayRemove) for (const entry of ledger.unclaimed) planner.remove(entry)
  if (!complete) return
  for (const [key, entry] of ledger.entries) {
    if (!latest.has(key) && own?.has(key) !== true) planner.remove(entry)
  }
}

/**
 * The service ports to set. Those that take over a frontend from a removed one come first and belong
 * to the same part, so that the frontend is never absent.
 */
function* portsOf(
  latest: ReadonlyMap<string, ServicePortChange>,
  absent: ReadonlyMap<string, unknown>,
): Generator<{ port: ServicePort; isHandover: boolean }> {
  const takers = new Set<string>()
  if (absent.size > 0) {
    const names = new Set(absent.keys())
    for (const change of latest.values()) {
      if (change.type === 'delete') continue
      if (![...frontendNames(change.port)].some((name) => names.has(name))) continue
      takers.add(change.key)
      yield { port: change.port, isHandover: true }
    }
  }
  for (const change of latest.values()) {
    if (change.type === 'set' && !takers.has(change.key)) {
      yield { port: change.port, isHandover: false }
    }
  }
}

function planOf(draft: Draft): Plan {
  return {
    operations: draft.operations(),
    retirement: draft.retirement,
    refused: [...draft.refused.values()],
    changed: draft.changed,
    published: draft.published,
    removed: draft.absent.size,
  }
}

/**
 * Gives a service port the service that was read back at one of its frontends, so that its id, and
 * with it statistics and affinity, outlive the agent.
 */
function claim(ledger: Ledger, port: ServicePort): void {
  if (ledger.unclaimed.size === 0 || ledger.entries.has(port.key)) return
  let found: Entry | undefined
  for (const name of frontendNames(port)) {
    const owner = ledger.frontends.get(name)
    if (owner !== undefined && ledger.unclaimed.has(owner)) found ??= owner
  }
  if (found === undefined) return
  ledger.unclaimed.delete(found)
  found.key = port.key
  ledger.entries.set(port.key, found)
}
