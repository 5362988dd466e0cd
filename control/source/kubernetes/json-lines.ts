import { LONGEST_MESSAGE } from '../decode/limits.ts'
import { StreamError } from './api-error.ts'
import type { Frame, Framer } from './watch-frames.ts'

const NEWLINE = 0x0a

/** Messages of a JSON watch: one object on each line. */
export class JsonLines implements Framer {
  #pieces: Buffer[] = []
  #held = 0
  #heldSince = 0

  push(chunk: Buffer, receivedAt: number): Frame[] {
    const frames: Frame[] = []
    let at = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      const since = this.#pieces.length > 0 ? this.#heldSince : receivedAt
      const line = chunk.subarray(at, end)
      const bytes = this.#pieces.length > 0 ? Buffer.concat([...this.#pieces, line]) : line
      this.#pieces = []
      this.#held = 0
      at = end + 1
      if (!isBlank(bytes)) frames.push({ bytes, receivedAt: since })
    }
    if (at < chunk.length) {
      if (this.#pieces.length === 0) this.#heldSince = receivedAt
      this.#pieces.push(chunk.subarray(at))
      this.#held += chunk.length - at
      if (this.#held > LONGEST_MESSAGE) {
        throw new StreamError(
          'malformed',
          `a watch message is longer than ${LONGEST_MESSAGE} bytes`,
        )
      }
    }
    return frames
  }

  end(): void {
    if (!this.#pieces.every(isBlank)) {
      throw new StreamError('truncated', 'the watch ended inside a message')
    }
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)
}
