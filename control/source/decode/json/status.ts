import type { ApiStatus } from '../raw-object.ts'
import { Fields } from './fields.ts'

/**
 * Reads a v1 Status (AP-13).
 *
 * @throws {DecodeError}
 */
export function decodeJsonStatus(value: unknown): ApiStatus {
  const fields = Fields.root(value)
  return {
    code: fields.integer('code') ?? 0,
    reason: fields.string('reason') ?? '',
    message: fields.string('message') ?? '',
    retryAfterSeconds: fields.mapping('details')?.integer('retryAfterSeconds') ?? 0,
  }
}
