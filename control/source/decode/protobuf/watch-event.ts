import type { Kind } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import { DecodeError } from '../decode-error.ts'
import { INITIAL_EVENTS_END, type WatchEvent } from '../raw-object.ts'
import { openEnvelope } from './envelope.ts'
import { decodeMetadata } from './metadata.ts'
import { ProtobufObject } from './object.ts'
import { checkEnd, guarded, messageEnd, openReader, type Reader, sharedString } from './reader.ts'
import { decodeStatus } from './status.ts'

/**
 * Reads the content of one watch frame: a bare WatchEvent whose object is in an envelope (AP-12).
 *
 * @throws {DecodeError}
 */
export function decodeWatchEvent(kind: Kind, frame: Buffer, pool: StringPool): WatchEvent {
  return guarded(() => {
    const reader = openReader(frame)
    let type = ''
    let object: { start: number; end: number } | undefined
    while (reader.pos < reader.len) {
      const tag = reader.tag()
      if (tag === 10) type = sharedString(reader, pool)
      else if (tag === 18) object = openRawExtension(reader)
      else reader.skipType(tag & 7)
    }
    if (object === undefined) throw new DecodeError(`a watch event ${type} has no object`)
    reader.pos = object.start
    switch (type) {
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED': {
        const { start, end } = object
        return { type, object: new ProtobufObject(kind, frame, start, end, pool) }
      }
      case 'BOOKMARK':
        return decodeBookmark(reader, object.end, pool)
      case 'ERROR':
        return { type, status: decodeStatus(reader, object.end) }
      default:
        return { type: 'UNKNOWN' }
    }
  })
}

/** RawExtension.raw, which holds an envelope. */
function openRawExtension(reader: Reader): { start: number; end: number } | undefined {
  const end = messageEnd(reader)
  let raw: { start: number; end: number } | undefined
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) raw = openEnvelope(reader, messageEnd(reader))
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return raw
}

function decodeBookmark(reader: Reader, end: number, pool: StringPool): WatchEvent {
  let resourceVersion = ''
  let initialEventsEnd = false
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) {
      const metadata = decodeMetadata(reader, pool, (key) => key === INITIAL_EVENTS_END)
      resourceVersion = metadata.resourceVersion
      initialEventsEnd = metadata.annotations[INITIAL_EVENTS_END] === 'true'
    } else {
      reader.skipType(tag & 7)
    }
  }
  return { type: 'BOOKMARK', resourceVersion, initialEventsEnd }
}
