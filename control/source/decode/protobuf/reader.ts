import protobuf from 'protobufjs/minimal.js'
import type { StringPool } from '../../string-pool.ts'
import { DecodeError } from '../decode-error.ts'

/**
 * protobufjs' reader over a Buffer. Decoders switch on whole tags, field number and wire type, so a
 * field that changes its type is skipped like one that is unknown (AP-15).
 */
export type Reader = protobuf.Reader & { readonly buf: Buffer }

/** Copies nothing: the bytes must not change while the reader is in use. */
export function openReader(bytes: Buffer): Reader {
  return protobuf.Reader.create(bytes) as Reader
}

/** Reads the length of a nested message and says where it ends. */
export function messageEnd(reader: Reader): number {
  const length = reader.uint32()
  const end = reader.pos + length
  if (end > reader.len) {
    throw new DecodeError(`a message of ${length} bytes ends after ${reader.len - reader.pos}`)
  }
  return end
}

/** Every decoder ends here: fields that run over the end of their message mean broken bytes. */
export function checkEnd(reader: Reader, end: number): void {
  if (reader.pos !== end) {
    throw new DecodeError(`a field runs ${reader.pos - end} bytes over the end of its message`)
  }
}

/** A string that repeats from object to object. */
export function sharedString(reader: Reader, pool: StringPool): string {
  const end = messageEnd(reader)
  const start = reader.pos
  reader.pos = end
  return pool.internBytes(reader.buf, start, end)
}

/** Runs a decoder; whatever is wrong with the bytes comes out as a DecodeError. */
export function guarded<T>(decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof DecodeError) throw error
    const detail = error instanceof Error ? error.message : String(error)
    throw new DecodeError(`the protobuf encoding is broken: ${detail}`)
  }
}
