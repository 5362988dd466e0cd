import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StreamError } from '../../../control/source/kubernetes/api-error.ts'
import { JsonLines } from '../../../control/source/kubernetes/json-lines.ts'
import { type Framer, ProtobufFramer } from '../../../control/source/kubernetes/watch-frames.ts'

const messages = ['', 'a', 'bc', 'x'.repeat(300), 'end']

function lengthPrefixed(text: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text)])
}

const framings = [
  {
    name: 'protobuf',
    make: () => new ProtobufFramer(),
    messages,
    stream: Buffer.concat(messages.map(lengthPrefixed)),
  },
  {
    name: 'JSON',
    make: () => new JsonLines(),
    messages: messages.slice(1),
    stream: Buffer.from(`${messages.slice(1).join('\n')}\n\r\n`),
  },
]

/** Pushes pieces, the n-th at time n, and copies what comes out. */
function cut(framer: Framer, pieces: readonly Buffer[]): { text: string; receivedAt: number }[] {
  return pieces.flatMap((piece, time) =>
    framer
      .push(piece, time)
      .map(({ bytes, receivedAt }) => ({ text: bytes.toString(), receivedAt })),
  )
}

describe.each(framings)('framing of a $name watch', ({ make, messages, stream }) => {
  it('gives the same messages wherever the stream is split (AP-14)', () => {
    for (let at = 0; at <= stream.length; at++) {
      const framer = make()
      const found = cut(framer, [stream.subarray(0, at), stream.subarray(at)])
      expect(found.map(({ text }) => text)).toEqual(messages)
      framer.end()
    }
    const bytes = Array.from(stream, (_, at) => stream.subarray(at, at + 1))
    expect(cut(make(), bytes).map(({ text }) => text)).toEqual(messages)
  })

  it('gives the same messages for any split into pieces (AP-14)', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), stream.length]
        const pieces = edges.slice(1).map((end, index) => stream.subarray(edges[index], end))
        expect(cut(make(), pieces).map(({ text }) => text)).toEqual(messages)
      }),
    )
  })

  it('dates a message by its first byte', () => {
    const first = stream.indexOf('bc')
    const found = cut(make(), [stream.subarray(0, first + 1), stream.subarray(first + 1)])
    expect(found.find(({ text }) => text === 'bc')?.receivedAt).toBe(0)
    expect(found.at(-1)?.receivedAt).toBe(1)
  })

  it('calls an end inside a message an error, and an end between two the end (AP-14)', () => {
    const framer = make()
    framer.end()
    framer.push(stream, 0)
    framer.end()
    framer.push(stream.subarray(0, stream.indexOf('bc') + 1), 0)
    expect(() => framer.end()).toThrow(StreamError)
  })
})

describe('a frame length', () => {
  it('of gigabytes means that the stream is not a watch', () => {
    expect(() => new ProtobufFramer().push(Buffer.from('HTTP/1.1'), 0)).toThrow(/is announced/)
  })
})
