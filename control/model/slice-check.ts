import {
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  type Kind,
  objectKey,
} from '../source/objects.ts'
import { canonicalAddress } from './canonical.ts'
import { sortedOnce } from './held-slice.ts'
import { Complaints, type Problem } from './problem.ts'
import type { Family } from './service-port.ts'
import { isNoHost } from './special-address.ts'

export interface CheckedPort {
  readonly name: string
  readonly protocol: string
  readonly port: number
}

export interface CheckedEndpoint {
  /** Canonical text (IN-9). */
  readonly address: string
  readonly terminating: boolean
  readonly endpoint: Endpoint
}

/** What can be served of an EndpointSlice, and what is wrong with the rest. */
export interface CheckedSlice {
  readonly family: Family | undefined
  readonly ports: readonly CheckedPort[]
  /** In the order that "address:port" has for every port (IN-29), each address once (IN-31). */
  readonly endpoints: readonly CheckedEndpoint[]
  readonly problems: readonly Problem[]
}

type Wrong = (message: string) => void

const FAMILIES: ReadonlyMap<string, Family> = new Map([
  ['IPv4', 4],
  ['IPv6', 6],
])

/**
 * Most endpoints of one slice, each counted once for every port: the API allows 1,000 and 20,000, and each
 * becomes a candidate.
 */
const CANDIDATES_MAX = 262_144

export function checkSlice(slice: EndpointSlice): CheckedSlice {
  const kind: Kind = 'EndpointSlice'
  const complaints = new Complaints(`${kind} ${objectKey(slice.metadata)}`)
  const wrong = complaints.complain
  const family = FAMILIES.get(slice.addressType)
  if (family === undefined && slice.addressType !== 'FQDN') {
    wrong(`addressType is "${slice.addressType}"; write IPv4 or IPv6`)
  }
  const ports = family === undefined ? [] : checkPorts(slice.ports, wrong)
  const endpoints = family === undefined ? [] : checkEndpoints(slice.endpoints, family, wrong)
  const most = Math.floor(CANDIDATES_MAX / Math.max(endpoints.length, 1))
  if (ports.length > most) {
    wrong(
      `${ports.length} ports of ${endpoints.length} endpoints are too many, so only the first ${most} are served; split the slice`,
    )
    ports.length = most
  }
  return { family, ports, endpoints, problems: complaints.list() }
}

/** Leaves out ports without a name or a number (IN-22). */
function checkPorts(ports: readonly EndpointPort[], wrong: Wrong): CheckedPort[] {
  const checked: CheckedPort[] = []
  for (const { name, protocol, port } of ports) {
    if (name === undefined || port === undefined || port === 0) continue
    if (Number.isInteger(port) && port > 0 && port <= 65_535) checked.push({ name, protocol, port })
    else wrong(`ports[name="${name}"].port is ${port}; give a number from 1 to 65535`)
  }
  return checked
}

function checkEndpoints(
  endpoints: readonly Endpoint[],
  family: Family,
  wrong: Wrong,
): readonly CheckedEndpoint[] {
  const checked: CheckedEndpoint[] = []
  for (const endpoint of endpoints) {
    const address = canonicalAddress(endpoint.address)
    if (address?.family !== family) {
      wrong(`endpoint address "${endpoint.address}" is not an IPv${family} address`)
    } else if (isNoHost(address.text)) {
      wrong(`endpoint address "${endpoint.address}" is no host's; give that of a host`)
    } else checked.push({ address: address.text, terminating: endpoint.terminating, endpoint })
  }
  // Sorted with what follows the address in its name, whatever the port.
  const end = family === 4 ? ':' : ']'
  return checked.length < 2 ? checked : sortedOnce(checked, ({ address }) => address + end)
}
