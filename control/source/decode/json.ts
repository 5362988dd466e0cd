import { isNamespaced, type Kind, type KubernetesObject } from '../objects.ts'
import type { StringPool } from '../string-pool.ts'
import { DecodeError } from './decode-error.ts'
import { decodeEndpointSlice } from './json/endpoint-slice.ts'
import { Fields } from './json/fields.ts'
import { decodeNode } from './json/node.ts'
import { decodeService } from './json/service.ts'
import { decodeServiceCIDR } from './json/service-cidr.ts'
import { checkName } from './object-name.ts'
import type { Identity } from './raw-object.ts'

/**
 * Cuts a plain object, as JSON or YAML give it, down to the shape of its kind. The caller says the kind:
 * items of a list carry none.
 *
 * @throws {DecodeError} naming the field whose type is wrong.
 */
export function decodeObject(kind: Kind, value: unknown, pool: StringPool): KubernetesObject {
  const object = Fields.root(value)
  switch (kind) {
    case 'Service':
      return decodeService(object, pool)
    case 'EndpointSlice':
      return decodeEndpointSlice(object, pool)
    case 'Node':
      return decodeNode(object, pool)
    case 'ServiceCIDR':
      return decodeServiceCIDR(object, pool)
  }
}

/**
 * Reads what names an object, also when the rest of it is broken.
 *
 * @throws {DecodeError} where the metadata itself cannot be read.
 */
export function identify(kind: Kind, value: unknown): Identity {
  const metadata = Fields.root(value).mapping('metadata')
  if (metadata === undefined) {
    throw DecodeError.field(['metadata'], undefined, 'write a mapping with the name of the object')
  }
  const identity = {
    namespace: isNamespaced(kind) ? metadata.string('namespace') || 'default' : '',
    name: metadata.requiredString('name'),
    resourceVersion: metadata.string('resourceVersion') ?? '',
  }
  checkName(identity)
  return identity
}
