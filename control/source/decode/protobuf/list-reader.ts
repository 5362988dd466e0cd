import type { Kind } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import { DecodeError } from '../decode-error.ts'
import { LONGEST_MESSAGE } from '../limits.ts'
import { checkListEnd, checkListKind } from '../list.ts'
import type { RawObject } from '../raw-object.ts'
import { MAGIC } from './envelope.ts'
import { ProtobufObject } from './object.ts'
import { checkEnd, guarded, openReader, type Reader } from './reader.ts'

const EMPTY = Buffer.alloc(0)
/** Tag and length of a field take at most this many bytes. */
const LONGEST_HEADER = 10

/**
 * Reads a list while it arrives (AP-11): a body of 10,000 objects is tens of megabytes, of which only
 * one object at a time is needed.
 */
export class ProtobufListReader {
  /** From the list's metadata, which precedes the items. */
  resourceVersion = ''
  /** Empty on the last page. */
  continueToken = ''
  readonly #kind: Kind
  readonly #pool: StringPool
  /** What has arrived and not been used, from `#at` on. */
  #bytes: Buffer = EMPTY
  #at = 0
  /** What has arrived after that, their bytes together, and how many are needed from `#at` on. */
  #pieces: Buffer[] = []
  #held = 0
  #needed = 0
  /** Bytes of the list message still to come; undefined before its beginning. */
  #left: number | undefined
  #magicSeen = false
  #listKind = ''
  #remainingItemCount = 0

  constructor(kind: Kind, pool: StringPool) {
    this.#kind = kind
    this.#pool = pool
  }

  /** Takes the next piece of the body; objects in the answer are valid until the next piece. */
  push(chunk: Buffer): RawObject[] {
    return guarded(() => {
      const objects: RawObject[] = []
      if (!this.#join(chunk)) return objects
      if (!this.#enterList()) return objects
      while (this.#readField(objects)) {
        // Each turn uses up one complete field.
      }
      return objects
    })
  }

  /** @throws {DecodeError} if the body has ended too early. */
  end(): RawObject[] {
    if (this.#left !== 0) throw new DecodeError('the list ends before it is complete')
    checkListEnd(this.continueToken, this.#remainingItemCount)
    return []
  }

  /** Adds a piece; false while it does not complete what is waited for. A large field is joined once. */
  #join(chunk: Buffer): boolean {
    const rest = this.#bytes.subarray(this.#at)
    this.#pieces.push(chunk)
    this.#held += chunk.length
    if (rest.length + this.#held < this.#needed) return false
    const isAlone = rest.length === 0 && this.#pieces.length === 1
    this.#bytes = isAlone ? chunk : Buffer.concat([rest, ...this.#pieces])
    this.#at = 0
    this.#pieces = []
    this.#held = 0
    this.#needed = 0
    return true
  }

  /** Skips the envelope up to the list message. */
  #enterList(): boolean {
    if (this.#left !== undefined) return true
    if (!this.#magicSeen) {
      if (this.#bytes.length < MAGIC.length) return false
      if (MAGIC.compare(this.#bytes, 0, MAGIC.length) !== 0) {
        throw new DecodeError('the list does not begin with the protobuf mark of Kubernetes')
      }
      this.#magicSeen = true
      this.#at = MAGIC.length
    }
    for (;;) {
      const header = this.#header()
      if (header === undefined) return false
      if (header.tag === 18) {
        checkListKind(this.#kind, this.#listKind)
        this.#left = header.length
        this.#at = header.start
        return true
      }
      checkLength(header.length)
      const end = header.start + header.length
      if (this.#bytes.length < end) return this.#wait(end)
      if (header.tag === 10) this.#readTypeMeta(header.start, end)
      this.#at = end
    }
  }

  /** Uses up one field of the list message, if all of it is here. */
  #readField(objects: RawObject[]): boolean {
    if (this.#left === undefined || this.#left === 0) return false
    const header = this.#header()
    if (header === undefined) return false
    const { tag, start, length } = header
    const end = start + length
    if (end - this.#at > this.#left) throw new DecodeError('an item runs over the end of the list')
    checkLength(length)
    if (end > this.#bytes.length) return this.#wait(end)
    if (tag === 10) this.#readMetadata(start, end)
    else if (tag === 18) {
      objects.push(new ProtobufObject(this.#kind, this.#bytes, start, end, this.#pool))
    }
    this.#left -= end - this.#at
    this.#at = end
    return true
  }

  /** The next field ends here, beyond what has arrived. */
  #wait(end: number): false {
    this.#needed = end - this.#at
    return false
  }

  /** Tag and extent of the next field; undefined while they are not all here. */
  #header(): { tag: number; start: number; length: number } | undefined {
    const available = this.#bytes.length - this.#at
    if (available < LONGEST_HEADER && !hasTwoVarints(this.#bytes, this.#at)) return undefined
    const reader = this.#reader(this.#at)
    const tag = reader.tag()
    const wireType = tag & 7
    if (wireType === 2) return { tag, length: reader.uint32(), start: reader.pos }
    const start = reader.pos
    if (wireType === 1) return { tag, start, length: 8 }
    if (wireType === 5) return { tag, start, length: 4 }
    reader.skipType(wireType)
    return { tag, start, length: reader.pos - start }
  }

  #readTypeMeta(start: number, end: number): void {
    const reader = this.#reader(start)
    while (reader.pos < end) {
      const tag = reader.tag()
      if (tag === 18) this.#listKind = reader.string()
      else reader.skipType(tag & 7)
    }
    checkEnd(reader, end)
  }

  #readMetadata(start: number, end: number): void {
    const reader = this.#reader(start)
    while (reader.pos < end) {
      const tag = reader.tag()
      if (tag === 18) this.resourceVersion = reader.string()
      else if (tag === 26) this.continueToken = reader.string()
      else if (tag === 32) this.#remainingItemCount = Number(reader.int64().toString())
      else reader.skipType(tag & 7)
    }
    checkEnd(reader, end)
  }

  #reader(at: number): Reader {
    const reader = openReader(this.#bytes)
    reader.pos = at
    return reader
  }
}

/** @throws {DecodeError} for a field that nobody should wait for. */
function checkLength(length: number): void {
  if (length <= LONGEST_MESSAGE) return
  throw new DecodeError(`a field of ${length} bytes is announced`)
}

/** Whether two varints, a tag and what follows it, end within the bytes. */
function hasTwoVarints(bytes: Buffer, from: number): boolean {
  let ends = 0
  for (let at = from; at < bytes.length && ends < 2; at++) {
    if ((bytes[at] ?? 0) < 0x80) ends++
  }
  return ends === 2
}
