import type { Endpoint, EndpointPort, EndpointSlice, ObjectMeta } from '../../objects.ts'
import { flat, type StringPool } from '../../string-pool.ts'
import { DecodeError } from '../decode-error.ts'
import { DEFAULT_PROTOCOL } from '../defaults.ts'
import { decodeMetadata, named } from './metadata.ts'
import { checkEnd, messageEnd, type Reader, sharedString } from './reader.ts'

/** Reads the fields of a discovery.k8s.io/v1 EndpointSlice that a proxy uses, up to `end`. */
export function decodeEndpointSlice(reader: Reader, end: number, pool: StringPool): EndpointSlice {
  let metadata: ObjectMeta | undefined
  let addressType: string | undefined
  const ports: EndpointPort[] = []
  const endpoints: Endpoint[] = []
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) metadata = decodeMetadata(reader, pool)
    else if (tag === 18) decodeEndpoint(reader, pool, endpoints)
    else if (tag === 26) ports.push(decodePort(reader, pool))
    else if (tag === 34) addressType = sharedString(reader, pool)
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  if (addressType === undefined) {
    throw DecodeError.field(['addressType'], undefined, 'write IPv4 or IPv6')
  }
  return { kind: 'EndpointSlice', metadata: named(metadata), addressType, ports, endpoints }
}

/** IN-22, AP-15: a name or number that is absent stays absent. */
function decodePort(reader: Reader, pool: StringPool): EndpointPort {
  const end = messageEnd(reader)
  let name: string | undefined
  let protocol = ''
  let port: number | undefined
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) name = sharedString(reader, pool)
    else if (tag === 18) protocol = sharedString(reader, pool)
    else if (tag === 24) port = reader.int32()
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return { name, protocol: protocol || DEFAULT_PROTOCOL, port }
}

const READY = 1
const SERVING = 2
const TERMINATING = 4
/** IN-25: conditions that are absent. */
const DEFAULT_CONDITIONS = READY | SERVING

/** IN-24: one without addresses is no endpoint. */
function decodeEndpoint(reader: Reader, pool: StringPool, endpoints: Endpoint[]): void {
  const end = messageEnd(reader)
  let address: string | undefined
  let conditions = DEFAULT_CONDITIONS
  let nodeName: string | undefined
  let zone: string | undefined
  let target: Target = NO_TARGET
  let hints: Hints = NO_HINTS
  while (reader.pos < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        if (address === undefined) address = reader.string()
        else reader.skipType(2)
        break
      case 18:
        conditions = decodeConditions(reader)
        break
      case 34:
        target = decodeTarget(reader, pool)
        break
      case 50:
        nodeName = sharedString(reader, pool)
        break
      case 58:
        zone = sharedString(reader, pool)
        break
      case 66:
        hints = decodeHints(reader, pool)
        break
      default:
        reader.skipType(tag & 7)
    }
  }
  checkEnd(reader, end)
  if (address === undefined) return
  endpoints.push({
    address,
    ready: (conditions & READY) !== 0,
    serving: (conditions & SERVING) !== 0,
    terminating: (conditions & TERMINATING) !== 0,
    nodeName,
    zone,
    zoneHints: hints.zones,
    nodeHints: hints.nodes,
    targetUid: target.uid,
    targetName: target.name,
  })
}

function decodeConditions(reader: Reader): number {
  const end = messageEnd(reader)
  let conditions = DEFAULT_CONDITIONS
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 8) conditions = withBit(conditions, READY, reader.bool())
    else if (tag === 16) conditions = withBit(conditions, SERVING, reader.bool())
    else if (tag === 24) conditions = withBit(conditions, TERMINATING, reader.bool())
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return conditions
}

function withBit(bits: number, bit: number, on: boolean): number {
  return on ? bits | bit : bits & ~bit
}

interface Target {
  readonly uid: string | undefined
  readonly name: string | undefined
}

const NO_TARGET: Target = { uid: undefined, name: undefined }

function decodeTarget(reader: Reader, pool: StringPool): Target {
  const end = messageEnd(reader)
  let namespace = ''
  let nameStart = 0
  let nameEnd = 0
  let uid = ''
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 18) {
      namespace = sharedString(reader, pool)
    } else if (tag === 26) {
      nameEnd = messageEnd(reader)
      nameStart = reader.pos
      reader.pos = nameEnd
    } else if (tag === 34) {
      uid = reader.string()
    } else {
      reader.skipType(tag & 7)
    }
  }
  checkEnd(reader, end)
  const name =
    nameEnd > nameStart ? qualified(namespace, reader.buf, nameStart, nameEnd) : undefined
  return { uid: uid || undefined, name }
}

const scratch = Buffer.alloc(1_024)

/** `namespace/name`, put together as bytes: joined strings would keep both parts and the join. */
function qualified(namespace: string, bytes: Buffer, start: number, end: number): string {
  const room = scratch.length - 4 * namespace.length - 1
  if (end - start > room) return flat(`${namespace}/${bytes.toString('utf8', start, end)}`)
  const slash = scratch.write(namespace)
  scratch[slash] = 0x2f
  const copied = bytes.copy(scratch, slash + 1, start, end)
  return scratch.toString('utf8', 0, slash + 1 + copied)
}

interface Hints {
  zones: string[] | undefined
  nodes: string[] | undefined
}

const NO_HINTS: Hints = { zones: undefined, nodes: undefined }

/** IN-27: an empty list is no hint. */
function decodeHints(reader: Reader, pool: StringPool): Hints {
  const end = messageEnd(reader)
  const hints: Hints = { zones: undefined, nodes: undefined }
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) {
      hints.zones ??= []
      hints.zones.push(decodeHint(reader, pool))
    } else if (tag === 18) {
      hints.nodes ??= []
      hints.nodes.push(decodeHint(reader, pool))
    } else {
      reader.skipType(tag & 7)
    }
  }
  checkEnd(reader, end)
  return hints
}

function decodeHint(reader: Reader, pool: StringPool): string {
  const end = messageEnd(reader)
  let name = ''
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) name = sharedString(reader, pool)
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return name
}
