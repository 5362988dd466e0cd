import { JsonListReader } from '../decode/json/list-reader.ts'
import { parseJson } from '../decode/json/parse.ts'
import { decodeJsonStatus } from '../decode/json/status.ts'
import { decodeJsonWatchEvent } from '../decode/json/watch-event.ts'
import { openEnvelope } from '../decode/protobuf/envelope.ts'
import { ProtobufListReader } from '../decode/protobuf/list-reader.ts'
import { guarded, openReader } from '../decode/protobuf/reader.ts'
import { decodeStatus } from '../decode/protobuf/status.ts'
import { decodeWatchEvent } from '../decode/protobuf/watch-event.ts'
import type { ApiStatus, RawObject, WatchEvent } from '../decode/raw-object.ts'
import type { Kind } from '../objects.ts'
import type { StringPool } from '../string-pool.ts'
import { StreamError } from './api-error.ts'
import { JsonLines } from './json-lines.ts'
import { type Framer, ProtobufFramer } from './watch-frames.ts'

export interface ListReader {
  readonly resourceVersion: string
  readonly continueToken: string
  push(chunk: Buffer): RawObject[]
  end(): RawObject[]
}

/** How a server writes its answers. */
export interface Encoding {
  readonly name: 'protobuf' | 'JSON'
  framer(): Framer
  decodeEvent(kind: Kind, frame: Buffer, pool: StringPool): WatchEvent
  listReader(kind: Kind, pool: StringPool): ListReader
  decodeStatus(body: Buffer): ApiStatus
}

/** AP-1: what we ask for. Servers answer in the second where they have not the first. */
export const ACCEPT = 'application/vnd.kubernetes.protobuf,application/json'

const protobuf: Encoding = {
  name: 'protobuf',
  framer: () => new ProtobufFramer(),
  decodeEvent: decodeWatchEvent,
  listReader: (kind, pool) => new ProtobufListReader(kind, pool),
  decodeStatus: (body) =>
    guarded(() => {
      const reader = openReader(body)
      const { start, end } = openEnvelope(reader, body.length)
      reader.pos = start
      return decodeStatus(reader, end)
    }),
}

const json: Encoding = {
  name: 'JSON',
  framer: () => new JsonLines(),
  decodeEvent: decodeJsonWatchEvent,
  listReader: (kind, pool) => new JsonListReader(kind, pool),
  decodeStatus: (body) => decodeJsonStatus(parseJson(body.toString())),
}

/**
 * The encoding that the answer says it has (AP-1, AP-3).
 *
 * @throws {StreamError} for one that is neither protobuf nor JSON.
 */
export function encodingOf(contentType: string): Encoding {
  if (contentType.startsWith('application/vnd.kubernetes.protobuf')) return protobuf
  if (contentType.startsWith('application/json')) return json
  throw new StreamError('malformed', `the answer is of type ${contentType || '(none)'}`)
}
