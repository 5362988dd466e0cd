import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DecodeError } from '../../../control/source/decode/decode-error.ts'
import { decodeObject } from '../../../control/source/decode/json.ts'
import { ProtobufListReader } from '../../../control/source/decode/protobuf/list-reader.ts'
import { ProtobufObject } from '../../../control/source/decode/protobuf/object.ts'
import { decodeWatchEvent } from '../../../control/source/decode/protobuf/watch-event.ts'
import { ProtobufFramer } from '../../../control/source/kubernetes/watch-frames.ts'
import type { Kind } from '../../../control/source/objects.ts'
import { StringPool } from '../../../control/source/string-pool.ts'
import {
  arbitraryEndpointSlice,
  arbitraryNode,
  arbitraryService,
  arbitraryServiceCIDR,
} from './arbitrary-objects.ts'
import { decodeMessage, encodeMessage, envelope, type Plain, watchFrame } from './protobuf-codec.ts'

const kinds: readonly (readonly [Kind, fc.Arbitrary<Plain>])[] = [
  ['Service', arbitraryService],
  ['EndpointSlice', arbitraryEndpointSlice],
  ['Node', arbitraryNode],
  ['ServiceCIDR', arbitraryServiceCIDR],
]

function select(kind: Kind, bytes: Buffer) {
  return new ProtobufObject(kind, bytes, 0, bytes.length, new StringPool()).decode()
}

const VECTOR = Buffer.from(
  '6b3873000a0d0a02763112075365727669636512240a0a0a01611a026e7332013712160a0a0a0170120354435018501a' +
    '0831302e302e302e311a002200',
  'hex',
)
const ADDED_VECTOR = Buffer.concat([Buffer.from('000000480a054144444544123f0a3d', 'hex'), VECTOR])

describe('the selective decoder', () => {
  it.each(kinds)(
    'reads a %s as a generic decoder followed by the JSON decoder does',
    (kind, arbitrary) => {
      fc.assert(
        fc.property(arbitrary, (plain) => {
          const bytes = encodeMessage(kind, plain)
          const generic = decodeObject(kind, decodeMessage(kind, bytes), new StringPool())
          expect(select(kind, bytes)).toEqual(generic)
        }),
        { numRuns: 300 },
      )
    },
  )

  it('reads the same object from an event as given in the test vectors (AP-10, AP-12)', () => {
    const [frame, ...more] = new ProtobufFramer().push(ADDED_VECTOR, 0)
    expect(more).toEqual([])
    const event = decodeWatchEvent('Service', frame?.bytes ?? Buffer.alloc(0), new StringPool())
    expect(event.type).toBe('ADDED')
    expect(event.type === 'ADDED' && event.object.decode()).toMatchObject({
      metadata: { namespace: 'ns', name: 'a', resourceVersion: '7' },
      clusterIP: '10.0.0.1',
      ports: [{ name: 'p', protocol: 'TCP', port: 80, nodePort: 0 }],
      type: 'ClusterIP',
      internalTrafficPolicy: 'Cluster',
    })
    const service = { metadata: { name: 'a', namespace: 'ns', resourceVersion: '7' } }
    const spec = { ports: [{ name: 'p', protocol: 'TCP', port: 80 }], clusterIP: '10.0.0.1' }
    const bytes = envelope('v1', 'Service', encodeMessage('Service', { ...service, spec }))
    expect(bytes).toEqual(VECTOR)
    expect(watchFrame('ADDED', bytes)).toEqual(ADDED_VECTOR)
  })

  it('keeps what is absent apart from what is empty (AP-15, IN-22, IN-25)', () => {
    const slice = select(
      'EndpointSlice',
      encodeMessage('EndpointSlice', {
        metadata: { name: 's', namespace: 'ns' },
        addressType: 'IPv4',
        ports: [{}, { name: '', port: 0 }],
        endpoints: [
          { addresses: ['10.0.0.1'] },
          { addresses: ['10.0.0.2'], conditions: { ready: false, serving: false }, nodeName: '' },
          { addresses: [] },
        ],
      }),
    )
    expect(slice).toMatchObject({
      ports: [
        { name: undefined, port: undefined },
        { name: '', port: 0 },
      ],
      endpoints: [
        {
          address: '10.0.0.1',
          ready: true,
          serving: true,
          terminating: false,
          nodeName: undefined,
        },
        { address: '10.0.0.2', ready: false, serving: false, terminating: false, nodeName: '' },
      ],
    })
  })

  it('knows when an object was created, and that an empty time is none', () => {
    const createdAt = (creationTimestamp: string) =>
      select('Service', encodeMessage('Service', { metadata: { name: 'a', creationTimestamp } }))
        .metadata.creationTimestamp
    expect(createdAt('2026-01-31T12:00:00Z')).toBe(1_769_860_800)
    // The server writes the time of an object that has none as an empty message.
    const empty = Buffer.from('0a050a01614200', 'hex')
    expect(select('Service', empty).metadata).toMatchObject({ name: 'a', creationTimestamp: 0 })
  })

  it('skips fields that it does not know, of every wire type (AP-15)', () => {
    const unknown = Buffer.from(
      'f8b601ac02' + // varint
        'f9b6010102030405060708' + // 64 bits
        'fab60103616263' + // bytes
        'fdb60101020304' + // 32 bits
        'fbb60108ac02fcb601', // a group
      'hex',
    )
    for (const [kind, arbitrary] of kinds) {
      fc.assert(
        fc.property(arbitrary, (plain) => {
          const bytes = encodeMessage(kind, plain)
          const expected = select(kind, bytes)
          expect(select(kind, Buffer.concat([bytes, unknown]))).toEqual(expected)
          expect(select(kind, Buffer.concat([unknown, bytes]))).toEqual(expected)
        }),
        { numRuns: 30 },
      )
    }
  })

  it.each(kinds)('throws a DecodeError, and nothing else, for a broken %s', (kind, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), fc.nat(), fc.nat(255), (plain, cut, at, byte) => {
        const bytes = encodeMessage(kind, plain)
        const truncated = bytes.subarray(0, cut % (bytes.length + 1))
        const flipped = Buffer.from(bytes)
        flipped[at % bytes.length] = byte
        for (const broken of [truncated, flipped]) {
          expect(() => {
            try {
              select(kind, broken)
            } catch (error) {
              if (!(error instanceof DecodeError)) throw error
            }
          }).not.toThrow()
        }
      }),
      { numRuns: 300 },
    )
  })

  it('gives out strings that share storage with nothing, and equal ones once', () => {
    const pool = new StringPool()
    const bytes = Buffer.from('zone-a zone-a zöne zöne')
    expect(pool.internBytes(bytes, 0, 6)).toBe('zone-a')
    expect(pool.internBytes(bytes, 7, 13)).toBe('zone-a')
    expect(pool.internBytes(bytes, 14, 19)).toBe('zöne')
    expect(pool.internBytes(bytes, 20, 25)).toBe('zöne')
  })
})

describe('a watch event in protobuf', () => {
  it('may be of a type that we do not know', () => {
    const frame = watchFrame('SOMETHING', VECTOR).subarray(4)
    expect(decodeWatchEvent('Service', frame, new StringPool())).toEqual({ type: 'UNKNOWN' })
  })

  it('tells the bookmark that ends the initial objects from others (AP-13, AP-21)', () => {
    const bookmark = (annotations?: Plain) => {
      const metadata = { resourceVersion: '9', ...(annotations && { annotations }) }
      const object = envelope('v1', 'Service', encodeMessage('Service', { metadata }))
      const frame = watchFrame('BOOKMARK', object).subarray(4)
      return decodeWatchEvent('Service', frame, new StringPool())
    }
    expect(bookmark()).toEqual({
      type: 'BOOKMARK',
      resourceVersion: '9',
      initialEventsEnd: false,
    })
    expect(bookmark({ 'k8s.io/initial-events-end': 'true' })).toMatchObject({
      initialEventsEnd: true,
    })
  })

  it('carries a Status when it is an error (AP-13)', () => {
    const status = {
      message: 'too old',
      reason: 'Expired',
      code: 410,
      details: { name: 'x', retryAfterSeconds: 3 },
    }
    const frame = watchFrame('ERROR', envelope('v1', 'Status', encodeMessage('Status', status)))
    expect(decodeWatchEvent('Service', frame.subarray(4), new StringPool())).toEqual({
      type: 'ERROR',
      status: { code: 410, reason: 'Expired', message: 'too old', retryAfterSeconds: 3 },
    })
  })
})

describe('a list in protobuf', () => {
  const names = ['a', 'b', 'c']
  const list = envelope(
    'v1',
    'ServiceList',
    encodeMessage('ServiceList', {
      metadata: { resourceVersion: '42', continue: 'next', remainingItemCount: 7 },
      items: names.map((name) => ({ metadata: { name, namespace: 'ns', resourceVersion: '1' } })),
    }),
  )

  function read(...pieces: Buffer[]) {
    const reader = new ProtobufListReader('Service', new StringPool())
    const found = pieces.flatMap((piece) =>
      reader.push(piece).map((object) => object.decode().metadata.name),
    )
    reader.end()
    return { found, version: reader.resourceVersion, token: reader.continueToken }
  }

  it('may arrive cut anywhere (AP-11)', () => {
    const whole = { found: names, version: '42', token: 'next' }
    expect(read(list)).toEqual(whole)
    for (let cut = 0; cut <= list.length; cut++) {
      expect(read(list.subarray(0, cut), list.subarray(cut))).toEqual(whole)
    }
    expect(
      read(
        ...list
          .toString('latin1')
          .split('')
          .map((byte) => Buffer.from(byte, 'latin1')),
      ),
    ).toEqual(whole)
  })

  it('is an error where it ends too early', () => {
    // The trailing empty strings of the envelope are not needed.
    const shortest = list.length - 4
    for (let cut = 0; cut < shortest; cut++) {
      expect(() => read(list.subarray(0, cut))).toThrow(DecodeError)
    }
    expect(() => read(Buffer.from('{"kind":"ServiceList"}'))).toThrow(/protobuf mark/)
  })

  it('may be empty', () => {
    const metadata = { resourceVersion: '1' }
    const empty = envelope('v1', 'ServiceList', encodeMessage('ServiceList', { metadata }))
    expect(read(empty)).toEqual({ found: [], version: '1', token: '' })
  })
})
