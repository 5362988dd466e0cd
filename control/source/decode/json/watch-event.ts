import type { Kind } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import { INITIAL_EVENTS_END, type WatchEvent } from '../raw-object.ts'
import { Fields } from './fields.ts'
import { JsonObject } from './object.ts'
import { parseJson } from './parse.ts'
import { decodeJsonStatus } from './status.ts'

/**
 * Reads one line of a JSON watch (AP-3).
 *
 * @throws {DecodeError}
 */
export function decodeJsonWatchEvent(kind: Kind, line: Buffer, pool: StringPool): WatchEvent {
  const value = parseJson(line.toString())
  const fields = Fields.root(value)
  const { object } = value as { readonly object?: unknown }
  const type = fields.string('type')
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: new JsonObject(kind, object, pool) }
    case 'BOOKMARK': {
      const metadata = fields.mapping('object')?.mapping('metadata')
      const marks = metadata?.stringMap('annotations', (key) => key === INITIAL_EVENTS_END)
      return {
        type,
        resourceVersion: metadata?.string('resourceVersion') ?? '',
        initialEventsEnd: marks?.[INITIAL_EVENTS_END] === 'true',
      }
    }
    case 'ERROR':
      return { type, status: decodeJsonStatus(object) }
    default:
      return { type: 'UNKNOWN' }
  }
}
