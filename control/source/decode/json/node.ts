import type { Node } from '../../objects.ts'
import { flat, type StringPool } from '../../string-pool.ts'
import type { Fields } from './fields.ts'
import { decodeMetadata } from './metadata.ts'

/** Reads the fields of a v1 Node that a proxy uses (kube-proxy.md 1.6). */
export function decodeNode(object: Fields, pool: StringPool): Node {
  const metadata = decodeMetadata(object, '', pool)
  const spec = object.mapping('spec')
  const podCIDR = spec?.string('podCIDR')
  const podCIDRs = spec?.strings('podCIDRs').map(flat) ?? []
  return {
    kind: 'Node',
    metadata,
    podCIDRs: podCIDRs.length === 0 && podCIDR ? [flat(podCIDR)] : podCIDRs,
    addresses:
      object
        .mapping('status')
        ?.mappings('addresses')
        .map((address) => ({
          type: pool.intern(address.requiredString('type')),
          address: flat(address.requiredString('address')),
        })) ?? [],
    taints:
      spec?.mappings('taints').map((taint) => ({
        key: flat(taint.requiredString('key')),
        value: flat(taint.string('value') ?? ''),
        effect: pool.intern(taint.string('effect') ?? ''),
      })) ?? [],
  }
}
