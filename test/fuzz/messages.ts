import type { Kind } from '../../control/source/objects.ts'
import { encodeMessage, envelope, type Plain } from '../unit/source/protobuf-codec.ts'
import { SENTINEL_SERVICES, SENTINEL_SLICES } from './sentinels.ts'

export type EncodingName = 'protobuf' | 'JSON'

const API_VERSIONS: Readonly<Record<Kind, string>> = {
  Service: 'v1',
  EndpointSlice: 'discovery.k8s.io/v1',
  Node: 'v1',
  ServiceCIDR: 'networking.k8s.io/v1',
}

const SENTINELS: Readonly<Record<Kind, readonly Plain[]>> = {
  Service: SENTINEL_SERVICES,
  EndpointSlice: SENTINEL_SLICES,
  Node: [],
  ServiceCIDR: [],
}

/** An object as a watch sends it: with what says its kind. */
export function wrap(kind: Kind, object: Buffer): Buffer {
  return envelope(API_VERSIONS[kind], kind, object)
}

/** A list of all sentinels of the kind, and after them some objects that are encoded already. */
export function list(encoding: EncodingName, kind: Kind, objects: readonly Buffer[]): Buffer {
  const metadata = { resourceVersion: '9' }
  const items = SENTINELS[kind]
  if (encoding === 'protobuf') {
    const head = encodeMessage(`${kind}List`, { metadata })
    const all = [...items.map((object) => encodeMessage(kind, object)), ...objects]
    return envelope(API_VERSIONS[kind], `${kind}List`, Buffer.concat([head, ...all.map(item)]))
  }
  const head = JSON.stringify({ kind: `${kind}List`, apiVersion: API_VERSIONS[kind], metadata })
  const texts = [...items.map((object) => JSON.stringify(object)), ...objects.map(String)]
  return Buffer.from(`${head.slice(0, -1)},"items":[${texts.join(',')}]}`)
}

/** The field `items` of a list. */
function item(object: Buffer): Buffer {
  const head = [0x12]
  let rest = object.length
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([...head, rest]), object])
}
