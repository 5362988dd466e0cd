import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import { MAGIC } from '../../../control/source/decode/protobuf/envelope.ts'

/** A Kubernetes object as plain data, with times as strings, the way JSON has it. */
export type Plain = Readonly<Record<string, unknown>>

const root = protobuf.loadSync(fileURLToPath(new URL('kubernetes.proto', import.meta.url)))

/** The encoding of a message, without envelope. */
export function encodeMessage(type: string, value: Plain): Buffer {
  const message = root.lookupType(type)
  return Buffer.from(message.encode(message.fromObject(timesToMessages(value))).finish())
}

/** What a generic decoder makes of a message. */
export function decodeMessage(type: string, bytes: Buffer): Plain {
  const message = root.lookupType(type)
  const plain = message.toObject(message.decode(bytes), { longs: Number })
  return messagesToTimes(plain)
}

/** AP-10: magic, then Unknown. */
export function envelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const typeMeta = { apiVersion, kind }
  const unknown = { typeMeta, raw, contentEncoding: '', contentType: '' }
  return Buffer.concat([MAGIC, encodeMessage('Unknown', unknown)])
}

/** AP-12: length, then a bare WatchEvent around an envelope. */
export function watchFrame(type: string, object: Buffer): Buffer {
  const event = encodeMessage('WatchEvent', { type, object: { raw: object } })
  const length = Buffer.alloc(4)
  length.writeUInt32BE(event.length)
  return Buffer.concat([length, event])
}

function timesToMessages(value: Plain): Plain {
  return mapTimes(value, (time) => ({ seconds: Date.parse(time as string) / 1e3, nanos: 0 }))
}

function messagesToTimes(value: Plain): Plain {
  return mapTimes(value, (time) => {
    const { seconds = 0 } = time as { seconds?: number }
    return new Date(seconds * 1e3).toISOString()
  })
}

/** With the times of its metadata, where it has some, in another form. */
function mapTimes(value: Plain, change: (time: unknown) => unknown): Plain {
  if (value.metadata === undefined) return value
  const metadata: Record<string, unknown> = { ...(value.metadata as Plain) }
  for (const key of ['creationTimestamp', 'deletionTimestamp']) {
    if (metadata[key] !== undefined) metadata[key] = change(metadata[key])
  }
  return { ...value, metadata }
}
