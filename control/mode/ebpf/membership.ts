import { kpMemberState } from '#abi'
import { LISTS, type ListName } from './lists.ts'

const { NONE, ACTIVE, TERMINATING } = kpMemberState

/** The states that a backend has in the lists of a service, in one byte; 0: no member. */
export type Membership = number

const BITS = 2
const MASK = (1 << BITS) - 1

export function membership(internal: number, cluster: number, external: number): Membership {
  return internal | (cluster << BITS) | (external << (2 * BITS))
}

/** In these lists, this state. */
export function membershipIn(lists: readonly ListName[], state: number): Membership {
  return lists.reduce((sum, list) => sum | (state << (LISTS.indexOf(list) * BITS)), 0)
}

/** `kp_member_state` in one list. */
export function stateIn(value: Membership, list: ListName): number {
  return (value >> (LISTS.indexOf(list) * BITS)) & MASK
}

/** What a backend has that is named twice: in each list active counts before terminating. */
export function unite(a: Membership, b: Membership): Membership {
  if (a === b || b === 0) return a
  if (a === 0) return b
  return membership(
    stronger(stateIn(a, 'internal'), stateIn(b, 'internal')),
    stronger(stateIn(a, 'cluster'), stateIn(b, 'cluster')),
    stronger(stateIn(a, 'external'), stateIn(b, 'external')),
  )
}

function stronger(a: number, b: number): number {
  if (a === ACTIVE || b === ACTIVE) return ACTIVE
  return a === TERMINATING || b === TERMINATING ? TERMINATING : NONE
}

/** Whether some traffic that may be sent to the backend now may not be sent there next. */
export function losesTraffic(former: Membership, next: Membership): boolean {
  return LISTS.some((list) => stateIn(former, list) === ACTIVE && stateIn(next, list) !== ACTIVE)
}

const NAMES = new Map<number, string>(
  Object.entries(kpMemberState).map(([name, value]) => [value, name.toLowerCase()]),
)

/** "active", "terminating" or "none". */
export function stateText(state: number): string {
  return NAMES.get(state) ?? String(state)
}
