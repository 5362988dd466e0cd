import { kpMemberState } from '#abi'

const { NONE, ACTIVE, TERMINATING } = kpMemberState

/** The states that a backend has in a service for both classes of traffic, in one byte; 0: no member. */
export type Membership = number

const BITS = 2
const MASK = (1 << BITS) - 1

export function membership(internal: number, external: number): Membership {
  return internal | (external << BITS)
}

export function internalState(value: Membership): number {
  return value & MASK
}

export function externalState(value: Membership): number {
  return value >> BITS
}

/** What a backend has that is named twice: in each class of traffic active counts before terminating. */
export function unite(a: Membership, b: Membership): Membership {
  if (a === b || b === 0) return a
  if (a === 0) return b
  return membership(
    stronger(internalState(a), internalState(b)),
    stronger(externalState(a), externalState(b)),
  )
}

function stronger(a: number, b: number): number {
  if (a === ACTIVE || b === ACTIVE) return ACTIVE
  return a === TERMINATING || b === TERMINATING ? TERMINATING : NONE
}

/** Whether some traffic that may be sent to the backend now may not be sent there next. */
export function losesTraffic(former: Membership, next: Membership): boolean {
  return (
    (internalState(former) === ACTIVE && internalState(next) !== ACTIVE) ||
    (externalState(former) === ACTIVE && externalState(next) !== ACTIVE)
  )
}

const NAMES = new Map<number, string>(
  Object.entries(kpMemberState).map(([name, value]) => [value, name.toLowerCase()]),
)

/** "active", "terminating" or "none". */
export function stateText(state: number): string {
  return NAMES.get(state) ?? String(state)
}
