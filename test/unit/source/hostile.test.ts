import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { JsonListReader } from '../../../control/source/decode/json/list-reader.ts'
import { JsonObject } from '../../../control/source/decode/json/object.ts'
import { LONGEST_LIST, LONGEST_MESSAGE } from '../../../control/source/decode/limits.ts'
import { MAGIC } from '../../../control/source/decode/protobuf/envelope.ts'
import { ProtobufListReader } from '../../../control/source/decode/protobuf/list-reader.ts'
import { ProtobufObject } from '../../../control/source/decode/protobuf/object.ts'
import type { RawObject } from '../../../control/source/decode/raw-object.ts'
import { encodingOf } from '../../../control/source/kubernetes/encoding.ts'
import { Intake } from '../../../control/source/kubernetes/intake.ts'
import type { SourceEvent } from '../../../control/source/source.ts'
import { StringPool } from '../../../control/source/string-pool.ts'
import { encodeMessage, envelope, type Plain } from './protobuf-codec.ts'
import { describeEvent } from './recorder.ts'

/** What the fuzzer and reading like an attacker have found. */

const pool = new StringPool()

const readers: Readonly<Record<string, (object: Plain) => RawObject>> = {
  protobuf: (object) => {
    const bytes = encodeMessage('Service', object)
    return new ProtobufObject('Service', bytes, 0, bytes.length, pool)
  },
  JSON: (object) => new JsonObject('Service', object, pool),
}

describe.each(Object.entries(readers))('an object in %s whose name has a slash', (_, read) => {
  it.each([
    ['name', { name: 'default/web' }],
    ['namespace', { name: 'web', namespace: 'default/x' }],
  ])('in its %s is rejected, and the one that it looks like is left alone', (field, metadata) => {
    const events: SourceEvent[] = []
    const intake = new Intake('Service', 'n1', (batch) => events.push(...batch))
    const victim = { metadata: { name: 'web', namespace: 'default', resourceVersion: '1' } }
    intake.set(read(victim), 0)
    intake.set(read({ metadata }), 0)
    intake.delete(read({ metadata }), 0)
    intake.flush()
    const reason = `metadata.${field} is "${Object.values(metadata).find((text) => text.includes('/'))}": write a name without "/"`
    expect(events.map(describeEvent)).toEqual([
      'set Service default/web',
      `rejected Service without a name: ${reason}`,
      `rejected Service without a name: ${reason}`,
    ])
    expect(intake.objects).toBe(1)
  })
})

describe('an object of a kind without namespaces that has one', () => {
  it.each(['Node', 'ServiceCIDR'] as const)('%s is found again when it is deleted', (kind) => {
    const object = { metadata: { name: 'n1', namespace: 'default' } }
    const bytes = encodeMessage(kind, object)
    const raws = [
      new ProtobufObject(kind, bytes, 0, bytes.length, pool),
      new JsonObject(kind, object, pool),
    ]
    for (const raw of raws) {
      const events: SourceEvent[] = []
      const intake = new Intake(kind, 'n1', (batch) => events.push(...batch))
      intake.set(raw, 0)
      intake.delete(raw, 0)
      intake.flush()
      expect(events).toMatchObject([
        { type: 'set', object: { metadata: { name: 'n1', namespace: '' } } },
        { type: 'delete', kind, name: 'n1', namespace: '' },
      ])
    }
  })
})

describe('strings longer than a name can be', () => {
  it('are not kept for others: thousands of them would be gigabytes', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const used = () => {
      collect()
      return process.memoryUsage().heapUsed
    }
    const strings = new StringPool()
    const before = used()
    for (let index = 0; index < 500; index++) strings.intern(`${index}`.padEnd(200_000, 'x'))
    expect(used() - before).toBeLessThan(20 << 20)
    expect(strings.intern('short')).toBe('short')
  })
})

const metadata = { resourceVersion: '9' }

/** The body of a list in both encodings. */
const bodies = (kind: string, list: Plain) => ({
  protobuf: envelope('v1', kind, encodeMessage('ServiceList', list)),
  JSON: Buffer.from(JSON.stringify({ kind, apiVersion: 'v1', ...list })),
})

function readList(body: Buffer, encoding: string): number {
  const reader =
    encoding === 'JSON'
      ? new JsonListReader('Service', pool)
      : new ProtobufListReader('Service', pool)
  return reader.push(body).length + reader.end().length
}

describe.each(['protobuf', 'JSON'] as const)('an answer in %s', (encoding) => {
  it('that is no list of the kind is not taken for an empty one', () => {
    for (const kind of ['Status', 'NodeList', 'Service', '']) {
      const body = bodies(kind, { metadata })[encoding]
      expect(() => readList(body, encoding)).toThrow(
        `the answer is of kind ${kind || '(none)'}, not ServiceList`,
      )
    }
    expect(readList(bodies('ServiceList', { metadata })[encoding], encoding)).toBe(0)
  })

  it('that ends with objects missing is not taken for the whole list', () => {
    const items = [{ metadata: { name: 'a' } }]
    const more = (change: Plain) =>
      bodies('ServiceList', { metadata: { ...metadata, remainingItemCount: 5, ...change }, items })
    expect(() => readList(more({})[encoding], encoding)).toThrow(
      'the list ends, and 5 more objects should follow',
    )
    expect(readList(more({ continue: 'next' })[encoding], encoding)).toBe(1)
  })
})

describe('bytes that never end', () => {
  it('are given up: a list whose item is announced with gigabytes', () => {
    const typeMeta = encodeMessage('TypeMeta', { apiVersion: 'v1', kind: 'ServiceList' })
    // The list may be that long as a whole; none of its items may.
    const list = [0x12, 0xff, 0xff, 0xff, 0xff, 0x0f]
    const item = [0x12, 0xff, 0xff, 0xff, 0xff, 0x07]
    const body = Buffer.from([...MAGIC, 0x0a, typeMeta.length, ...typeMeta, ...list, ...item])
    expect(() => readList(body, 'protobuf')).toThrow('a field of 2147483647 bytes is announced')
  })

  it('are given up: a JSON list, and a line of a JSON watch', () => {
    const chunk = Buffer.alloc(32 << 20, ' ')
    const reader = new JsonListReader('Service', pool)
    const framer = encodingOf('application/json').framer()
    const pushAll = (most: number, push: () => void) => {
      for (let pushed = 0; pushed <= most; pushed += chunk.length) push()
    }
    expect(() => pushAll(LONGEST_LIST, () => reader.push(chunk))).toThrow('the list is longer than')
    expect(() => pushAll(LONGEST_MESSAGE, () => framer.push(chunk, 0))).toThrow(
      'a watch message is longer than',
    )
  })
})
