import { LONGEST_MESSAGE } from '../decode/limits.ts'
import { StreamError } from './api-error.ts'

const EMPTY = Buffer.alloc(0)

/** One message of a watch, and when its first byte arrived (`performance.now()`). */
export interface Frame {
  /** Valid until the next piece is pushed. */
  readonly bytes: Buffer
  readonly receivedAt: number
}

/** Cuts a stream into messages. */
export interface Framer {
  /** Takes the next piece and returns the messages that are complete. */
  push(chunk: Buffer, receivedAt: number): Frame[]
  /** @throws {StreamError} if the stream has ended inside a message (AP-14). */
  end(): void
}

/** Frames of a protobuf watch: a 4-byte big-endian length, then that many bytes (AP-12, AP-14). */
export class ProtobufFramer implements Framer {
  /** Pieces of a message that is not complete; joined once, however many there are. */
  #pieces: Buffer[] = []
  #held = 0
  #heldSince = 0

  push(chunk: Buffer, receivedAt: number): Frame[] {
    const since = this.#held > 0 ? this.#heldSince : receivedAt
    this.#pieces.push(chunk)
    this.#held += chunk.length
    this.#heldSince = since
    if (this.#held < this.#needed()) return []
    const bytes = this.#join()
    const frames: Frame[] = []
    let at = 0
    while (bytes.length - at >= 4) {
      const end = at + 4 + frameLength(bytes, at)
      if (end > bytes.length) break
      frames.push({ bytes: bytes.subarray(at + 4, end), receivedAt: at === 0 ? since : receivedAt })
      at = end
    }
    if (at < bytes.length) {
      this.#pieces.push(bytes.subarray(at))
      this.#held = bytes.length - at
      this.#heldSince = at === 0 ? since : receivedAt
    }
    return frames
  }

  end(): void {
    if (this.#held > 0) throw new StreamError('truncated', 'the watch ended inside a message')
  }

  /** Bytes to hold before the first message can be complete. */
  #needed(): number {
    const first = this.#pieces[0] ?? EMPTY
    if (first.length >= 4) return 4 + frameLength(first, 0)
    if (this.#held < 4) return 4
    this.#pieces = [Buffer.concat(this.#pieces)]
    return 4 + frameLength(this.#pieces[0] ?? EMPTY, 0)
  }

  #join(): Buffer {
    const [first = EMPTY, ...others] = this.#pieces
    this.#pieces = []
    this.#held = 0
    return others.length === 0 ? first : Buffer.concat([first, ...others])
  }
}

function frameLength(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at)
  if (length > LONGEST_MESSAGE) {
    throw new StreamError('malformed', `a watch message of ${length} bytes is announced`)
  }
  return length
}
