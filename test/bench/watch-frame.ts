/**
 * A frame of a protobuf watch, as the API server sends it: four bytes of length, then a WatchEvent
 * with a type and a RawExtension.
 *
 * @param object the object in its envelope, as a GET answers it
 */
export function watchFrame(type: string, object: Uint8Array): Buffer {
  const event = Buffer.concat([
    field(1, Buffer.from(type)),
    field(2, field(1, Buffer.from(object))),
  ])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(event.length)
  return Buffer.concat([length, event])
}

/** A length-delimited field of a protobuf message. */
function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(content.length)]), content])
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}
