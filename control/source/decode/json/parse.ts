import { DecodeError } from '../decode-error.ts'

/** @throws {DecodeError} for text that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new DecodeError(error instanceof Error ? error.message : String(error))
  }
}
