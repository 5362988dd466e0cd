import type { ApiStatus } from '../raw-object.ts'
import { checkEnd, messageEnd, type Reader } from './reader.ts'

/** Reads a v1 Status up to `end` (AP-13). */
export function decodeStatus(reader: Reader, end: number): ApiStatus {
  let message = ''
  let reason = ''
  let code = 0
  let retryAfterSeconds = 0
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 26) message = reader.string()
    else if (tag === 34) reason = reader.string()
    else if (tag === 42) retryAfterSeconds = decodeRetryAfter(reader)
    else if (tag === 48) code = reader.int32()
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return { code, reason, message, retryAfterSeconds }
}

/** StatusDetails.retryAfterSeconds. */
function decodeRetryAfter(reader: Reader): number {
  const end = messageEnd(reader)
  let seconds = 0
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 40) seconds = reader.int32()
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return seconds
}
