/**
 * Small values as the bytes of one string: 16 bytes of overhead for any length, immutable, and compared
 * by the engine. A writer reuses one buffer, so nothing else may be written meanwhile.
 */

const UUID_LENGTH = 36
const HYPHENS = [8, 13, 18, 23]
const HYPHEN = 45
const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

/** Value of each lower-case hexadecimal digit by character code; 255: none. */
const DIGITS = new Uint8Array(256).fill(255)
HEX.forEach((code, digit) => {
  DIGITS[code] = digit
})

/** Puts values one after another. */
export class ByteWriter {
  #buffer = Buffer.alloc(4096)
  #at = 0

  reset(): void {
    this.#at = 0
  }

  /** What was written since {@link reset}. */
  finish(): string {
    return this.#buffer.toString('latin1', 0, this.#at)
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#at++] = value
  }

  /** A whole number from 0; seven bits to a byte. */
  number(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 128)
    }
    this.#buffer[this.#at++] = rest
  }

  /** Text: twice its length in bytes, one more where it is not ASCII, then the bytes. */
  text(value: string): void {
    this.#reserve(value.length * 3 + 8)
    if (value.length < 64 && this.#ascii(value, this.#at + 1)) {
      this.#buffer[this.#at] = value.length * 2
      this.#at += value.length + 1
      return
    }
    this.number(Buffer.byteLength(value) * 2 + 1)
    this.#at += this.#buffer.write(value, this.#at)
  }

  /** A UUID for which {@link isUuid} holds. */
  uuid(value: string): void {
    this.#reserve(16)
    for (let i = 0; i < UUID_LENGTH; i += 2) {
      if (value.charCodeAt(i) === HYPHEN) i++
      const high = DIGITS[value.charCodeAt(i)] as number
      this.#buffer[this.#at++] = (high << 4) | (DIGITS[value.charCodeAt(i + 1)] as number)
    }
  }

  /** Whether this is a UUID as Kubernetes writes them. */
  static isUuid(value: string): boolean {
    if (value.length !== UUID_LENGTH) return false
    for (let i = 0; i < UUID_LENGTH; i++) {
      const code = value.charCodeAt(i)
      const isHyphen = i === 8 || i === 13 || i === 18 || i === 23
      if (isHyphen ? code !== HYPHEN : code > 255 || DIGITS[code] === 255) return false
    }
    return true
  }

  /** Most text is short and ASCII, for which a loop is faster than a call of the buffer's. */
  #ascii(value: string, at: number): boolean {
    const buffer = this.#buffer
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) return false
      buffer[at + i] = code
    }
    return true
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#buffer.length) return
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#at + length))
    this.#buffer.copy(larger)
    this.#buffer = larger
  }
}

/** Takes values in the order in which they were put. */
export class ByteReader {
  #bytes = ''
  #at = 0
  readonly #uuid = Buffer.alloc(UUID_LENGTH)

  constructor() {
    for (const at of HYPHENS) this.#uuid[at] = HYPHEN
  }

  open(bytes: string): void {
    this.#bytes = bytes
    this.#at = 0
  }

  byte(): number {
    return this.#bytes.charCodeAt(this.#at++)
  }

  number(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
  }

  /** ASCII comes as a part of the string that is read: a copy would take a call out of JavaScript. */
  text(): string {
    const head = this.number()
    const start = this.#at
    this.#at += head >>> 1
    const text = this.#bytes.slice(start, this.#at)
    return head & 1 ? Buffer.from(text, 'latin1').toString() : text
  }

  uuid(): string {
    for (let i = 0; i < UUID_LENGTH; i += 2) {
      if (this.#uuid[i] === HYPHEN) i++
      const byte = this.byte()
      this.#uuid[i] = HEX[byte >>> 4] as number
      this.#uuid[i + 1] = HEX[byte & 15] as number
    }
    return this.#uuid.toString('latin1')
  }
}
