import type { Random } from './random.ts'

/** A field of a protobuf message; `body` is the content of one with a length, else the bytes as they are. */
interface Field {
  tag: number
  body: Buffer
  /** Instead of the length of the content: a lie. */
  length?: number
}

const LENGTH_DELIMITED = 2
const GROUP_BEGIN = 3
const GROUP_END = 4

/** Lengths that are no length of anything here: beyond all buffers, and where 31 and 32 bits end. */
const LIES = [0, 1, 0x7f, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

/** Most bytes that repetition adds to a message: an API server takes no larger objects. */
const LARGEST = 4 << 20

const HUGE_VARINT = Buffer.from([...new Array(9).fill(0xff), 0x01])
const ENDLESS_VARINT = Buffer.alloc(14, 0xff)
const NOT_UTF8 = Buffer.from([0xc3, 0x28, 0xff, 0xed, 0xa0, 0x80, 0xf8, 0x00])

/** Breaks a protobuf message somewhere: at any depth, in its structure or in its bytes. */
export function mutateMessage(bytes: Buffer, random: Random): Buffer {
  const fields = random.oneIn(8) ? undefined : parse(bytes)
  if (fields === undefined || fields.length === 0) return mutateBytes(bytes, random)
  const at = random.below(fields.length)
  const field = fields[at] as Field
  if ((field.tag & 7) === LENGTH_DELIMITED && field.body.length > 0 && !random.oneIn(4)) {
    field.body = mutateMessage(field.body, random)
    return Buffer.concat(fields.map(write))
  }
  const pieces = fields.map(write)
  pieces.splice(at, 1, ...mutateField(field, random))
  return Buffer.concat(pieces)
}

/** What takes the place of a field. */
function mutateField(field: Field, random: Random): Buffer[] {
  const whole = write(field)
  switch (random.below(12)) {
    case 0:
      return []
    case 1:
      return [whole, whole]
    case 2:
      return repeated(whole, random)
    case 3:
      return [write({ ...field, tag: (field.tag & ~7) | random.below(8) })]
    case 4:
      return [write({ ...field, tag: (random.below(40) << 3) | (field.tag & 7) })]
    case 5:
      return [write({ ...field, length: random.pick(LIES) })]
    case 6:
      return [write({ ...field, length: Math.max(field.body.length + random.below(7) - 3, 0) })]
    case 7:
      return [varint((field.tag & ~7) >>> 0), random.pick([HUGE_VARINT, ENDLESS_VARINT])]
    case 8:
      return [whole, write({ tag: (1_000 << 3) | 2, body: NOT_UTF8 })]
    case 9:
      return [write({ tag: field.tag | LENGTH_DELIMITED, body: NOT_UTF8 })]
    case 10:
      return [groups(random.pick([1, 10, 1_000, 50_000]), random)]
    default:
      return [nested(field.tag, random.pick([2, 50, 2_000]))]
  }
}

/** So often that it is absurd, and not so often that it is gigabytes. */
function repeated(piece: Buffer, random: Random): Buffer[] {
  const most = Math.ceil(LARGEST / Math.max(piece.length, 1))
  return new Array(Math.min(random.below(200), most)).fill(piece)
}

/** Groups within groups, closed or not. */
function groups(depth: number, random: Random): Buffer {
  const begin = Buffer.alloc(depth, (1 << 3) | GROUP_BEGIN)
  return random.oneIn(2) ? begin : Buffer.concat([begin, Buffer.alloc(depth, (1 << 3) | GROUP_END)])
}

/** A message in a message, so many times. */
function nested(tag: number, depth: number): Buffer {
  let body: Buffer = Buffer.alloc(0)
  for (let level = 0; level < depth; level++) {
    body = write({ tag: (tag & ~7) | LENGTH_DELIMITED, body })
  }
  return body
}

/** Flips bits, cuts, doubles and overwrites, whatever the bytes mean. */
export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length + 1)
  switch (random.below(6)) {
    case 0:
      return bytes.subarray(0, at)
    case 1:
      return bytes.subarray(at)
    case 2:
      return Buffer.concat([bytes.subarray(0, at), noise(random), bytes.subarray(at)])
    case 3: {
      const end = Math.min(at + random.below(40), bytes.length)
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
    }
    case 4: {
      const end = Math.min(at + random.below(40), bytes.length)
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
    }
    default: {
      const flipped = Buffer.from(bytes)
      for (let left = 1 + random.below(8); left > 0 && flipped.length > 0; left--) {
        const index = random.below(flipped.length)
        flipped[index] = (flipped[index] as number) ^ (1 << random.below(8))
      }
      return flipped
    }
  }
}

function noise(random: Random): Buffer {
  return Buffer.from(random.some(30, () => random.below(256)))
}

/** undefined for what cannot be a message. */
function parse(bytes: Buffer): Field[] | undefined {
  const fields: Field[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = readVarint(bytes, at)
    if (tag === undefined || tag.value >>> 3 === 0) return undefined
    at = tag.end
    const type = tag.value & 7
    let end = at
    if (type === 0) end = readVarint(bytes, at)?.end ?? Infinity
    else if (type === 1) end = at + 8
    else if (type === 5) end = at + 4
    else if (type === LENGTH_DELIMITED) {
      const length = readVarint(bytes, at)
      if (length === undefined) return undefined
      at = length.end
      end = at + length.value
    } else return undefined
    if (end > bytes.length) return undefined
    fields.push({ tag: tag.value, body: bytes.subarray(at, end) })
    at = end
  }
  return fields
}

function readVarint(bytes: Buffer, from: number): { value: number; end: number } | undefined {
  let value = 0
  for (let at = from; at < bytes.length && at < from + 5; at++) {
    const byte = bytes[at] as number
    value += (byte & 0x7f) * 128 ** (at - from)
    if (byte < 0x80) return value > 0xffffffff ? undefined : { value, end: at + 1 }
  }
  return undefined
}

function write({ tag, body, length = body.length }: Field): Buffer {
  const head = varint(tag >>> 0)
  if ((tag & 7) !== LENGTH_DELIMITED) return Buffer.concat([head, body])
  return Buffer.concat([head, varint(length), body])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  return Buffer.from([...bytes, rest])
}
