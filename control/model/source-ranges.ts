import type { Service } from '../source/objects.ts'
import { type Cidr, canonicalCidr, contains } from './cidr.ts'
import type { Family } from './service-port.ts'

/** Who may use the load balancer addresses of a Service in one family (TR-30). */
export interface SourceRanges {
  /** Canonical, sorted, each once; empty: anybody. */
  readonly ranges: readonly string[]
  /** This node's own IP is in one of them; false where they are empty (TR-33). */
  readonly includeNode: boolean
}

/** So many ranges of one Service are in force; the rest lets nobody in. */
const MAX_RANGES = 4_096

const ANYBODY: SourceRanges = Object.freeze({ ranges: Object.freeze([]), includeNode: false })

/**
 * The effective ranges of a family: a range of length 0 lifts all limits, and so do ranges that are all
 * of the other family (IN-10). Blank entries are passed over in silence, invalid ones with a complaint
 * (IN-9).
 *
 * @param nodeIP this node's IP of the family, canonical
 */
export function sourceRangesOf(
  service: Service,
  family: Family,
  nodeIP: string,
  wrong: (message: string) => void,
): SourceRanges {
  if (service.loadBalancerSourceRanges.length === 0) return ANYBODY
  const found = new Map<string, Cidr>()
  for (const text of service.loadBalancerSourceRanges) {
    const trimmed = text.trim()
    if (trimmed === '') continue
    const cidr = canonicalCidr(trimmed)
    if (cidr === undefined) {
      wrong(`loadBalancerSourceRanges "${text}" is not a CIDR; write one such as 192.0.2.0/24`)
    } else if (cidr.family === family) found.set(cidr.text, cidr)
  }
  if (found.size > MAX_RANGES) {
    wrong(
      `loadBalancerSourceRanges has ${found.size} IPv${family} ranges, and the first ${MAX_RANGES} are in force; ` +
        'write fewer, wider ones',
    )
    for (const text of [...found.keys()].slice(MAX_RANGES)) found.delete(text)
  }
  const cidrs = [...found.values()]
  if (cidrs.length === 0 || cidrs.some(({ length }) => length === 0)) return ANYBODY
  return {
    ranges: [...found.keys()].sort(),
    includeNode: cidrs.some((cidr) => contains(cidr, nodeIP)),
  }
}
