import { keepsAnnotation, keepsLabel } from '../../kept-metadata.ts'
import type { ObjectMeta } from '../../objects.ts'
import { flat, type StringPool } from '../../string-pool.ts'
import { DecodeError } from '../decode-error.ts'
import { checkName } from '../object-name.ts'
import type { Fields } from './fields.ts'

const NONE: Readonly<Record<string, string>> = Object.freeze({})

/** @throws {DecodeError} without a name that can be, or with a wrong type. */
export function decodeMetadata(object: Fields, namespace: string, pool: StringPool): ObjectMeta {
  const metadata = object.mapping('metadata')
  if (metadata === undefined) {
    throw DecodeError.field(['metadata'], undefined, 'write a mapping with the name of the object')
  }
  const deletionTimestamp = decodeTime(metadata, 'deletionTimestamp')
  const given = {
    namespace: namespace && (metadata.string('namespace') || namespace),
    name: metadata.requiredString('name'),
  }
  checkName(given)
  return {
    namespace: pool.intern(given.namespace),
    name: flat(given.name),
    uid: flat(metadata.string('uid') ?? ''),
    resourceVersion: flat(metadata.string('resourceVersion') ?? ''),
    labels: metadata.stringMap('labels', keepsLabel) ?? NONE,
    annotations: metadata.stringMap('annotations', keepsAnnotation) ?? NONE,
    creationTimestamp: decodeTime(metadata, 'creationTimestamp') ?? 0,
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
  }
}

/** Seconds since the epoch. */
function decodeTime(metadata: Fields, key: string): number | undefined {
  const text = metadata.string(key)
  if (text === undefined) return undefined
  const milliseconds = Date.parse(text)
  if (Number.isNaN(milliseconds)) {
    throw DecodeError.field(metadata.path(key), text, 'write a time such as 2026-01-31T12:00:00Z')
  }
  return Math.floor(milliseconds / 1e3)
}
