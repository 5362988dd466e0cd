import type { Node, NodeAddress, ObjectMeta, Taint } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import { decodeMetadata, namedInCluster } from './metadata.ts'
import { checkEnd, messageEnd, type Reader, sharedString } from './reader.ts'

/** Reads the fields of a v1 Node that a proxy uses, up to `end`. */
export function decodeNode(reader: Reader, end: number, pool: StringPool): Node {
  let metadata: ObjectMeta | undefined
  let spec: Spec = { podCIDR: '', podCIDRs: [], taints: [] }
  let addresses: NodeAddress[] = []
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) metadata = decodeMetadata(reader, pool)
    else if (tag === 18) spec = decodeSpec(reader, pool)
    else if (tag === 26) addresses = decodeStatus(reader, pool)
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  const { podCIDR, podCIDRs, taints } = spec
  return {
    kind: 'Node',
    metadata: namedInCluster(metadata),
    podCIDRs: podCIDRs.length === 0 && podCIDR !== '' ? [podCIDR] : podCIDRs,
    addresses,
    taints,
  }
}

interface Spec {
  podCIDR: string
  readonly podCIDRs: string[]
  readonly taints: Taint[]
}

function decodeSpec(reader: Reader, pool: StringPool): Spec {
  const end = messageEnd(reader)
  const spec: Spec = { podCIDR: '', podCIDRs: [], taints: [] }
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) spec.podCIDR = reader.string()
    else if (tag === 42) spec.taints.push(decodeTaint(reader, pool))
    else if (tag === 58) spec.podCIDRs.push(reader.string())
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return spec
}

function decodeTaint(reader: Reader, pool: StringPool): Taint {
  const end = messageEnd(reader)
  let key = ''
  let value = ''
  let effect = ''
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) key = reader.string()
    else if (tag === 18) value = reader.string()
    else if (tag === 26) effect = sharedString(reader, pool)
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return { key, value, effect }
}

function decodeStatus(reader: Reader, pool: StringPool): NodeAddress[] {
  const end = messageEnd(reader)
  const addresses: NodeAddress[] = []
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 42) addresses.push(decodeAddress(reader, pool))
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return addresses
}

function decodeAddress(reader: Reader, pool: StringPool): NodeAddress {
  const end = messageEnd(reader)
  let type = ''
  let address = ''
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) type = sharedString(reader, pool)
    else if (tag === 18) address = reader.string()
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return { type, address }
}
