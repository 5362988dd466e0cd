import { keepsAnnotation, keepsLabel } from '../../kept-metadata.ts'
import type { ObjectMeta } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import { DecodeError } from '../decode-error.ts'
import { checkName } from '../object-name.ts'
import { checkEnd, messageEnd, type Reader, sharedString } from './reader.ts'

type Keys = (key: string) => boolean
type StringMap = Record<string, string>

const NONE: Readonly<StringMap> = Object.freeze({})

/** Reads an ObjectMeta; `annotations` says which of those to keep. */
export function decodeMetadata(
  reader: Reader,
  pool: StringPool,
  annotations: Keys = keepsAnnotation,
): ObjectMeta {
  const end = messageEnd(reader)
  let namespace = ''
  let name = ''
  let uid = ''
  let resourceVersion = ''
  let creationTimestamp = 0
  let deletionTimestamp: number | undefined
  let labels: StringMap | undefined
  let kept: StringMap | undefined
  while (reader.pos < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        name = reader.string()
        break
      case 26:
        namespace = sharedString(reader, pool)
        break
      case 42:
        uid = reader.string()
        break
      case 50:
        resourceVersion = reader.string()
        break
      case 66:
        creationTimestamp = decodeTime(reader)
        break
      case 74:
        deletionTimestamp = decodeTime(reader)
        break
      case 90:
        labels = decodeEntry(reader, pool, keepsLabel, labels)
        break
      case 98:
        kept = decodeEntry(reader, pool, annotations, kept)
        break
      default:
        reader.skipType(tag & 7)
    }
  }
  checkEnd(reader, end)
  return {
    namespace,
    name,
    uid,
    resourceVersion,
    labels: labels ?? NONE,
    annotations: kept ?? NONE,
    creationTimestamp,
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
  }
}

/** @throws {DecodeError} unless the object has metadata with a name that can be. */
export function named(metadata: ObjectMeta | undefined): ObjectMeta {
  if (metadata !== undefined && metadata.name !== '') {
    checkName(metadata)
    return metadata
  }
  throw DecodeError.field(['metadata', 'name'], undefined, 'write a string that is not empty')
}

/**
 * The same for kinds without namespaces: one that is given all the same does not count, or a deletion would
 * not find what was set.
 *
 * @throws {DecodeError}
 */
export function namedInCluster(metadata: ObjectMeta | undefined): ObjectMeta {
  const known = named(metadata)
  return known.namespace === '' ? known : { ...known, namespace: '' }
}

/** Adds one entry of a map, if its key is wanted. */
function decodeEntry(
  reader: Reader,
  pool: StringPool,
  wanted: Keys,
  map: StringMap | undefined,
): StringMap | undefined {
  const end = messageEnd(reader)
  let key = ''
  let valueStart = 0
  let valueEnd = 0
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) {
      key = sharedString(reader, pool)
    } else if (tag === 18) {
      valueEnd = messageEnd(reader)
      valueStart = reader.pos
      reader.pos = valueEnd
    } else {
      reader.skipType(tag & 7)
    }
  }
  checkEnd(reader, end)
  if (!wanted(key)) return map
  const entries = map ?? {}
  entries[key] = reader.buf.toString('utf8', valueStart, valueEnd)
  return entries
}

/** Seconds since the epoch. */
function decodeTime(reader: Reader): number {
  const end = messageEnd(reader)
  let seconds = 0
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 8) seconds = Number(reader.int64().toString())
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return seconds
}
