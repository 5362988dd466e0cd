import { StreamError } from './api-error.ts'
import type { Frame, Framer } from './watch-frames.ts'

const NEWLINE = 0x0a

/** Messages of a JSON watch: one object on each line. */
export class JsonLines implements Framer {
  #pieces: Buffer[] = []
  #heldSince = 0

  push(chunk: Buffer, receivedAt: number): Frame[] {
    const frames: Frame[] = []
    let at = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      const since = this.#pieces.length > 0 ? this.#heldSince : receivedAt
      const line = chunk.subarray(at, end)
      const bytes = this.#pieces.length > 0 ? Buffer.concat([...this.#pieces, line]) : line
      this.#pieces = []
      at = end + 1
      if (!isBlank(bytes)) frames.push({ bytes, receivedAt: since })
    }
    if (at < chunk.length) {
      if (this.#pieces.length === 0) this.#heldSince = receivedAt
      this.#pieces.push(chunk.subarray(at))
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
