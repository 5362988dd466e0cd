import type { Endpoint, EndpointPort, EndpointSlice } from '../../objects.ts'
import { flat, type StringPool } from '../../string-pool.ts'
import { DecodeError } from '../decode-error.ts'
import { DEFAULT_PROTOCOL } from '../defaults.ts'
import type { Fields } from './fields.ts'
import { decodeMetadata } from './metadata.ts'

/** Reads the fields of a discovery.k8s.io/v1 EndpointSlice that a proxy uses (kube-proxy.md 1.3). */
export function decodeEndpointSlice(object: Fields, pool: StringPool): EndpointSlice {
  const metadata = decodeMetadata(object, 'default', pool)
  const addressType = object.string('addressType')
  if (addressType === undefined) {
    throw DecodeError.field(['addressType'], undefined, 'write IPv4 or IPv6')
  }
  return {
    kind: 'EndpointSlice',
    metadata,
    addressType: pool.intern(addressType),
    ports: object.mappings('ports').map((port) => decodePort(port, pool)),
    endpoints: object.mappings('endpoints').flatMap((endpoint) => decodeEndpoint(endpoint, pool)),
  }
}

function decodePort(fields: Fields, pool: StringPool): EndpointPort {
  const name = fields.string('name')
  return {
    name: name === undefined ? undefined : pool.intern(name),
    protocol: pool.intern(fields.string('protocol') || DEFAULT_PROTOCOL),
    port: fields.integer('port'),
  }
}

/** IN-24: one without addresses is no endpoint. IN-25: conditions that are absent. */
function decodeEndpoint(fields: Fields, pool: StringPool): Endpoint[] {
  const address = fields.strings('addresses')[0]
  if (address === undefined) return []
  const conditions = fields.mapping('conditions')
  const target = fields.mapping('targetRef')
  const hints = fields.mapping('hints')
  const endpoint = {
    address: flat(address),
    ready: conditions?.boolean('ready') ?? true,
    serving: conditions?.boolean('serving') ?? true,
    terminating: conditions?.boolean('terminating') ?? false,
    nodeName: interned(fields.string('nodeName'), pool),
    zone: interned(fields.string('zone'), pool),
    zoneHints: decodeHints(hints, 'forZones', pool),
    nodeHints: decodeHints(hints, 'forNodes', pool),
    targetUid: decodeUid(target),
    targetName: decodeTarget(target),
  }
  return [endpoint]
}

function interned(value: string | undefined, pool: StringPool): string | undefined {
  return value === undefined ? undefined : pool.intern(value)
}

/** IN-27: an empty list is no hint. */
function decodeHints(
  hints: Fields | undefined,
  key: string,
  pool: StringPool,
): readonly string[] | undefined {
  const names = hints?.mappings(key).map((hint) => pool.intern(hint.requiredString('name')))
  return names === undefined || names.length === 0 ? undefined : names
}

function decodeUid(target: Fields | undefined): string | undefined {
  const uid = target?.string('uid')
  return uid ? flat(uid) : undefined
}

function decodeTarget(target: Fields | undefined): string | undefined {
  const name = target?.string('name')
  return name ? flat(`${target?.string('namespace') ?? ''}/${name}`) : undefined
}
