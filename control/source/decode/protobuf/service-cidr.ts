import type { ObjectMeta, ServiceCIDR } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import { decodeMetadata, namedInCluster } from './metadata.ts'
import { checkEnd, messageEnd, type Reader } from './reader.ts'

/** Reads the fields of a networking.k8s.io/v1 ServiceCIDR that a proxy uses, up to `end`. */
export function decodeServiceCIDR(reader: Reader, end: number, pool: StringPool): ServiceCIDR {
  let metadata: ObjectMeta | undefined
  let cidrs: string[] = []
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) metadata = decodeMetadata(reader, pool)
    else if (tag === 18) cidrs = decodeSpec(reader)
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return { kind: 'ServiceCIDR', metadata: namedInCluster(metadata), cidrs }
}

function decodeSpec(reader: Reader): string[] {
  const end = messageEnd(reader)
  const cidrs: string[] = []
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) cidrs.push(reader.string())
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return cidrs
}
