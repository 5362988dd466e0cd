import type { ServiceCIDR } from '../../objects.ts'
import { flat, type StringPool } from '../../string-pool.ts'
import type { Fields } from './fields.ts'
import { decodeMetadata } from './metadata.ts'

/** Reads the fields of a networking.k8s.io/v1 ServiceCIDR that a proxy uses (kube-proxy.md 1.7). */
export function decodeServiceCIDR(object: Fields, pool: StringPool): ServiceCIDR {
  return {
    kind: 'ServiceCIDR',
    metadata: decodeMetadata(object, '', pool),
    cidrs: object.mapping('spec')?.strings('cidrs').map(flat) ?? [],
  }
}
