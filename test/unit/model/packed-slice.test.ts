import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backendName, type Candidate, sortedOnce } from '../../../control/model/held-slice.ts'
import { isSameSlice, openSlice, packSlice } from '../../../control/model/packed-slice.ts'
import type { Endpoint, EndpointSlice } from '../../../control/source/objects.ts'
import { endpoint, slice } from './build.ts'

const someText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.uuid(),
  fc.constantFrom('', 'zone-a', 'n1', 'Zoë', '節点'),
)
const someName = fc.option(someText, { nil: undefined })
const someNames = fc.option(fc.array(someText, { maxLength: 3 }), { nil: undefined })

const someEndpoint: fc.Arbitrary<Endpoint> = fc.record({
  address: fc.oneof(fc.ipV4(), fc.constantFrom('010.0.0.1', '10.0.0.1', '10.0.0.10', 'none')),
  ready: fc.boolean(),
  serving: fc.boolean(),
  terminating: fc.boolean(),
  nodeName: someName,
  zone: someName,
  zoneHints: someNames,
  nodeHints: someNames,
  targetUid: someName,
  targetName: someName,
})

const someSlice = fc
  .record({
    endpoints: fc.array(someEndpoint, { maxLength: 20 }),
    ports: fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { maxLength: 3 }),
  })
  .map(({ endpoints, ports }) =>
    slice('s', 'web', endpoints, {
      ports: ports.map((port) => ({ name: `p${port}`, protocol: 'TCP', port })),
    }),
  )

const SPECIAL = /^(0\.0\.0\.0|(22[4-9]|23\d)\..*)$/

/** The candidates of one port, made without packing. */
function plainly(from: EndpointSlice, port: number): readonly Candidate[] {
  const candidates = from.endpoints.map((e) => ({
    address: e.address.replace(/^010/, '10'),
    port,
    local: e.nodeName === 'n1',
    targetUid: e.targetUid ?? '',
    targetName: e.targetName ?? '',
    zone: e.zone ?? '',
    ready: e.ready,
    serving: e.serving,
    terminating: e.terminating,
    zoneHints: e.zoneHints,
    nodeHints: e.nodeHints,
  }))
  const usable = candidates.filter((c) => c.address !== 'none' && !SPECIAL.test(c.address))
  return sortedOnce(usable, backendName)
}

describe('a packed slice', () => {
  it('opens to the candidates that were packed, sorted and once each (IN-29, IN-31)', () => {
    fc.assert(
      fc.property(someSlice, (given) => {
        const held = openSlice(packSlice(given, 'n1'))
        expect(held.ports).toEqual(
          given.ports.map(({ name, protocol, port }) => ({
            name,
            protocol,
            candidates: plainly(given, port ?? 0),
          })),
        )
        expect(held.total).toBe(given.endpoints.length)
        expect(held.ready).toBe(given.endpoints.filter((e) => e.ready).length)
      }),
    )
  })

  it('is the same only as one that says the same (IN-32)', () => {
    fc.assert(
      fc.property(someSlice, someSlice, (a, b) => {
        const [one, other] = [packSlice(a, 'n1'), packSlice(b, 'n1')]
        expect(isSameSlice(one, packSlice(structuredClone(a), 'n1'))).toBe(true)
        if (isSameSlice(one, other)) expect(openSlice(one)).toEqual(openSlice(other))
      }),
    )
  })

  it('is another one when a single thing changes', () => {
    const given = slice('s', 'web', [endpoint('10.0.0.1', { targetUid: 'a', zone: 'a' })])
    const changed: Partial<EndpointSlice>[] = [
      { endpoints: [endpoint('10.0.0.2', { targetUid: 'a', zone: 'a' })] },
      { endpoints: [endpoint('10.0.0.1', { targetUid: 'b', zone: 'a' })] },
      { endpoints: [endpoint('10.0.0.1', { targetUid: 'a', zone: 'b' })] },
      { endpoints: [endpoint('10.0.0.1', { targetUid: 'a', zone: 'a', serving: false })] },
      { endpoints: [endpoint('10.0.0.1', { targetUid: 'a', zone: 'a', nodeName: 'n1' })] },
      { endpoints: [...given.endpoints, endpoint('bad')] },
      { ports: [{ name: '', protocol: 'UDP', port: 8080 }] },
      { ports: [{ name: '', protocol: 'TCP', port: 8081 }] },
      { addressType: 'IPv6' },
    ]
    for (const change of changed) {
      const same = isSameSlice(packSlice(given, 'n1'), packSlice({ ...given, ...change }, 'n1'))
      expect([change, same]).toEqual([change, false])
    }
  })

  it('sorts IPv6 endpoints by "[address]:port" (IN-29)', () => {
    const texts = ['fd00::a', 'fd00::1', 'fd00:0::1:0', 'fd00::10']
    const six = texts.map((text) => endpoint(text))
    const held = openSlice(packSlice(slice('s', 'web', six, { addressType: 'IPv6' }), 'n1'))
    const names = held.ports[0]?.candidates.map(({ address }) => `[${address}]:8080`)
    expect(names).toEqual([...(names ?? [])].sort())
    expect(names).toHaveLength(4)
  })

  it('holds a slice far beyond what the API allows', () => {
    const many = Array.from({ length: 20_000 }, (_, i) =>
      endpoint(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, { zone: `zone-${i}` }),
    )
    const held = openSlice(packSlice(slice('s', 'web', many), 'n1'))
    expect(new Set(held.ports[0]?.candidates.map(({ zone }) => zone)).size).toBe(20_000)
  })
})
