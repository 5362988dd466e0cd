import { DecodeError } from '../decode-error.ts'
import { checkEnd, messageEnd, type Reader } from './reader.ts'

/** `k8s\0`, in front of every message but a watch frame (AP-10, AP-12). */
export const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00])

/** Enters an envelope that ends at `end`, and says where its `raw` message begins and ends (AP-10). */
export function openEnvelope(reader: Reader, end: number): { start: number; end: number } {
  const { pos, buf } = reader
  if (end - pos < MAGIC.length || MAGIC.compare(buf, pos, pos + MAGIC.length) !== 0) {
    throw new DecodeError('the message does not begin with the protobuf mark of Kubernetes')
  }
  reader.pos += MAGIC.length
  const raw = { start: end, end }
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 18) {
      raw.end = messageEnd(reader)
      raw.start = reader.pos
      reader.pos = raw.end
    } else {
      reader.skipType(tag & 7)
    }
  }
  checkEnd(reader, end)
  return raw
}
