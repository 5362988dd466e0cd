import {
  kpAddress,
  kpAlgorithm,
  kpBackend,
  kpBackendFlag,
  kpClass,
  kpFrontend,
  kpMember,
  kpMemberState,
  kpMembership,
  kpRange,
  kpScope,
  kpService,
  kpServiceFlag,
  kpSlot,
} from '#abi'
import { formatAddress, MAPPED, parseAddress } from '../../model/address.ts'
import type { Scheduler } from '../../model/scheduler.ts'
import type { FrontendClass } from '../../model/service-port.ts'
import type { Protocol } from '../../source/objects.ts'
import { serviceChecksum } from './checksum.ts'
import { type Membership, membership, stateIn } from './membership.ts'

/** Numbers in the maps are in host order; every machine that we build for is little endian. */
const LITTLE = true

export const ACTIVE = kpMemberState.ACTIVE
export const TERMINATING = kpMemberState.TERMINATING
export const INTERNAL_DROP = kpServiceFlag.INTERNAL_DROP
export const EXTERNAL_DROP = kpServiceFlag.EXTERNAL_DROP
export const SOURCE_RANGES = kpServiceFlag.SOURCE_RANGES
export const NODE_IN_RANGES = kpServiceFlag.NODE_IN_RANGES
export const BACKEND_LOCAL = kpBackendFlag.LOCAL
/** Counts of a range are 16 bits wide. */
export const MAX_RANGE = 0xffff

/** IP protocol numbers (IANA). */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 }
export const PROTOCOL_NAMES: Readonly<Record<number, string>> = { 6: 'TCP', 17: 'UDP', 132: 'SCTP' }

/** `kp_class` by the model's name. */
export const CLASS_NUMBERS: Readonly<Record<FrontendClass, number>> = {
  ClusterIP: kpClass.CLUSTER_IP,
  NodePort: kpClass.NODE_PORT,
  ExternalIP: kpClass.EXTERNAL_IP,
  LoadBalancerIP: kpClass.LOAD_BALANCER_IP,
}

/**
 * `kp_algorithm` by scheduler. Endpoints have no weights (see bpf/schedule.h), and without weights these
 * of IPVS are the same: wrr as rr; wlc, sed and nq as lc.
 */
export const ALGORITHMS: Readonly<Record<Scheduler, number>> = {
  random: kpAlgorithm.RANDOM,
  rr: kpAlgorithm.ROUND_ROBIN,
  wrr: kpAlgorithm.ROUND_ROBIN,
  lc: kpAlgorithm.LEAST_CONNECTIONS,
  wlc: kpAlgorithm.LEAST_CONNECTIONS,
  sed: kpAlgorithm.LEAST_CONNECTIONS,
  nq: kpAlgorithm.LEAST_CONNECTIONS,
  sh: kpAlgorithm.SOURCE_HASH,
  dh: kpAlgorithm.DESTINATION_HASH,
  mh: kpAlgorithm.MAGLEV,
}

/** `active` slots from `base`, then `terminating` ones. */
export interface Range {
  readonly base: number
  readonly active: number
  readonly terminating: number
}

export const EMPTY_RANGE: Range = { base: 0, active: 0, terminating: 0 }

/** How many slots a range takes. */
export function rangeLength(range: Range): number {
  return range.active + range.terminating
}

export function sameRange(a: Range, b: Range): boolean {
  return a.base === b.base && a.active === b.active && a.terminating === b.terminating
}

export interface ServiceRecord {
  readonly serviceId: number
  readonly generation: number
  readonly flags: number
  /** For the ClusterIP. */
  readonly internal: Range
  /** For frontends of the other classes, asked from inside the cluster. */
  readonly cluster: Range
  /** For the same, asked from outside. */
  readonly external: Range
  /** 0: no session affinity. */
  readonly affinitySeconds: number
  /** `kp_algorithm` */
  readonly algorithm: number
  /** `kp_class`; all else is the same at every frontend of a service. */
  readonly frontendClass: number
}

/** "10.96.0.1:80/TCP" or "[fd00::1]:80/TCP": a frontend's name in the ledger and in messages. */
export function frontendText(
  words: Uint32Array,
  at: number,
  port: number,
  protocol: number,
): string {
  return `${addressPort(words, at, port)}/${PROTOCOL_NAMES[protocol] ?? protocol}`
}

/**
 * The inverse of {@link frontendText}; the address goes to `words`.
 *
 * @throws RangeError where `text` was not made by it
 */
export function parseFrontend(
  text: string,
  words: Uint32Array,
): { port: number; protocol: number } {
  const colon = text.lastIndexOf(':')
  const slash = text.lastIndexOf('/')
  const bracket = text.startsWith('[') ? 1 : 0
  const name = text.slice(slash + 1)
  const protocol = PROTOCOL_NUMBERS[name as Protocol] ?? Number(name)
  if (!parseAddress(text.slice(bracket, colon - bracket), words)) {
    throw new RangeError(`"${text}" is not a frontend`)
  }
  return { port: Number(text.slice(colon + 1, slash)), protocol }
}

/** "10.0.0.1:80" or "[fd00::1]:80". */
export function addressPort(words: Uint32Array, at: number, port: number): string {
  const address = formatAddress(words, at)
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

function writeAddress(view: DataView, offset: number, words: Uint32Array, at: number): void {
  for (let word = 0; word < 4; word++) {
    view.setUint32(offset + word * 4, words[at + word] as number, LITTLE)
  }
}

/** Reads `kp_address` into four words of `out`. */
export function readAddress(view: DataView, offset: number, out: Uint32Array, at = 0): void {
  for (let word = 0; word < kpAddress.size / 4; word++) {
    out[at + word] = view.getUint32(offset + word * 4, LITTLE)
  }
}

/** Writes the key of a frontend. */
export function writeFrontend(
  view: DataView,
  offset: number,
  words: Uint32Array,
  port: number,
  protocol: number,
): void {
  writeAddress(view, offset + kpFrontend.address.offset, words, 0)
  view.setUint16(offset + kpFrontend.port.offset, port)
  view.setUint8(offset + kpFrontend.protocol.offset, protocol)
  const scope = isWildcard(words) ? kpScope.NODE : kpScope.ADDRESS
  view.setUint8(offset + kpFrontend.scope.offset, scope)
}

/** The address under which a NodePort is published; a client's own frontends never have it. */
function isWildcard(words: Uint32Array): boolean {
  const [first, second, third, last] = words
  return first === 0 && second === 0 && last === 0 && (third === 0 || third === MAPPED)
}

const keyWords = new Uint32Array(4)

/** The name of the frontend whose key lies at `offset`. */
export function readFrontend(view: DataView, offset: number): string {
  readAddress(view, offset + kpFrontend.address.offset, keyWords)
  const port = view.getUint16(offset + kpFrontend.port.offset)
  return frontendText(keyWords, 0, port, view.getUint8(offset + kpFrontend.protocol.offset))
}

/** Writes a record and its checksum, which covers the key: the key must be written before. */
export function writeService(
  key: DataView,
  keyOffset: number,
  view: DataView,
  offset: number,
  record: ServiceRecord,
): void {
  view.setUint32(offset + kpService.serviceId.offset, record.serviceId, LITTLE)
  view.setUint32(offset + kpService.generation.offset, record.generation, LITTLE)
  view.setUint32(offset + kpService.flags.offset, record.flags, LITTLE)
  writeRange(view, offset + kpService.internal.offset, record.internal)
  writeRange(view, offset + kpService.cluster.offset, record.cluster)
  writeRange(view, offset + kpService.external.offset, record.external)
  view.setUint32(offset + kpService.affinitySeconds.offset, record.affinitySeconds, LITTLE)
  view.setUint8(offset + kpService.algorithm.offset, record.algorithm)
  view.setUint8(offset + kpService.frontendClass.offset, record.frontendClass)
  const checksum = serviceChecksum(key, keyOffset, view, offset)
  view.setUint32(offset + kpService.checksum.offset, checksum, LITTLE)
}

function writeRange(view: DataView, offset: number, range: Range): void {
  view.setUint32(offset + kpRange.base.offset, range.base, LITTLE)
  view.setUint16(offset + kpRange.active.offset, range.active, LITTLE)
  view.setUint16(offset + kpRange.terminating.offset, range.terminating, LITTLE)
}

function readRange(view: DataView, offset: number): Range {
  return {
    base: view.getUint32(offset + kpRange.base.offset, LITTLE),
    active: view.getUint16(offset + kpRange.active.offset, LITTLE),
    terminating: view.getUint16(offset + kpRange.terminating.offset, LITTLE),
  }
}

/** Reads a record, or undefined where its checksum says that it is torn. */
export function readService(
  key: DataView,
  keyOffset: number,
  view: DataView,
  offset: number,
): ServiceRecord | undefined {
  const checksum = view.getUint32(offset + kpService.checksum.offset, LITTLE)
  if (checksum !== serviceChecksum(key, keyOffset, view, offset)) return undefined
  return {
    serviceId: view.getUint32(offset + kpService.serviceId.offset, LITTLE),
    generation: view.getUint32(offset + kpService.generation.offset, LITTLE),
    flags: view.getUint32(offset + kpService.flags.offset, LITTLE),
    internal: readRange(view, offset + kpService.internal.offset),
    cluster: readRange(view, offset + kpService.cluster.offset),
    external: readRange(view, offset + kpService.external.offset),
    affinitySeconds: view.getUint32(offset + kpService.affinitySeconds.offset, LITTLE),
    algorithm: view.getUint8(offset + kpService.algorithm.offset),
    frontendClass: view.getUint8(offset + kpService.frontendClass.offset),
  }
}

/** A backend as the registry's columns show it; `words[at..at+4]` is its address. */
export interface BackendRow {
  id: number
  port: number
  protocol: number
  flags: number
  targetLow: number
  targetHigh: number
}

export function writeSlot(
  view: DataView,
  offset: number,
  words: Uint32Array,
  at: number,
  port: number,
  backendId: number,
): void {
  writeAddress(view, offset + kpSlot.address.offset, words, at)
  view.setUint16(offset + kpSlot.port.offset, port)
  view.setUint16(offset + kpSlot.weight.offset, 1, LITTLE)
  view.setUint32(offset + kpSlot.backendId.offset, backendId, LITTLE)
}

/** The backend id in the slot at `offset`; its address goes to `words`. */
export function readSlot(
  view: DataView,
  offset: number,
  words: Uint32Array,
): { port: number; backendId: number } {
  readAddress(view, offset + kpSlot.address.offset, words)
  return {
    port: view.getUint16(offset + kpSlot.port.offset),
    backendId: view.getUint32(offset + kpSlot.backendId.offset, LITTLE),
  }
}

export function writeBackend(
  view: DataView,
  offset: number,
  words: Uint32Array,
  at: number,
  row: BackendRow,
): void {
  view.setUint32(offset + kpBackend.backendId.offset, row.id, LITTLE)
  view.setUint16(offset + kpBackend.port.offset, row.port)
  view.setUint8(offset + kpBackend.protocol.offset, row.protocol)
  view.setUint8(offset + kpBackend.flags.offset, row.flags)
  writeAddress(view, offset + kpBackend.address.offset, words, at)
  view.setUint32(offset + kpBackend.target.offset, row.targetLow, LITTLE)
  view.setUint32(offset + kpBackend.target.offset + 4, row.targetHigh, LITTLE)
}

/** Reads a row; its address goes to `words`. */
export function readBackend(view: DataView, offset: number, words: Uint32Array): BackendRow {
  readAddress(view, offset + kpBackend.address.offset, words)
  return {
    id: view.getUint32(offset + kpBackend.backendId.offset, LITTLE),
    port: view.getUint16(offset + kpBackend.port.offset),
    protocol: view.getUint8(offset + kpBackend.protocol.offset),
    flags: view.getUint8(offset + kpBackend.flags.offset),
    targetLow: view.getUint32(offset + kpBackend.target.offset, LITTLE),
    targetHigh: view.getUint32(offset + kpBackend.target.offset + 4, LITTLE),
  }
}

export function writeMember(
  view: DataView,
  offset: number,
  serviceId: number,
  backendId: number,
): void {
  view.setUint32(offset + kpMember.serviceId.offset, serviceId, LITTLE)
  view.setUint32(offset + kpMember.backendId.offset, backendId, LITTLE)
}

export function readMember(
  view: DataView,
  offset: number,
): { serviceId: number; backendId: number } {
  return {
    serviceId: view.getUint32(offset + kpMember.serviceId.offset, LITTLE),
    backendId: view.getUint32(offset + kpMember.backendId.offset, LITTLE),
  }
}

export function writeMembership(view: DataView, offset: number, value: Membership): void {
  view.setUint8(offset + kpMembership.internal.offset, stateIn(value, 'internal'))
  view.setUint8(offset + kpMembership.cluster.offset, stateIn(value, 'cluster'))
  view.setUint8(offset + kpMembership.external.offset, stateIn(value, 'external'))
}

export function readMembership(view: DataView, offset: number): Membership {
  return membership(
    view.getUint8(offset + kpMembership.internal.offset),
    view.getUint8(offset + kpMembership.cluster.offset),
    view.getUint8(offset + kpMembership.external.offset),
  )
}
