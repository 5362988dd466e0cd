import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kpFrontend, kpService } from '#abi'
import { serviceChecksum } from '../../../control/mode/ebpf/checksum.ts'
import * as records from '../../../control/mode/ebpf/records.ts'

const range = fc.record({
  base: fc.nat(0xffffffff),
  active: fc.nat(0xffff),
  terminating: fc.nat(0xffff),
})

const record = fc.record({
  serviceId: fc.nat(0xffffffff),
  generation: fc.nat(0xffffffff),
  flags: fc.nat(15),
  internal: range,
  cluster: range,
  external: range,
  affinitySeconds: fc.nat(86400),
  algorithm: fc.nat(255),
  frontendClass: fc.nat(255),
})

function written(value: records.ServiceRecord): { key: DataView; bytes: DataView } {
  const key = new DataView(new ArrayBuffer(kpFrontend.size))
  const bytes = new DataView(new ArrayBuffer(kpService.size))
  const words = new Uint32Array(4)
  const { port, protocol } = records.parseFrontend('10.96.0.1:443/TCP', words)
  records.writeFrontend(key, 0, words, port, protocol)
  records.writeService(key, 0, bytes, 0, value)
  return { key, bytes }
}

describe('service records', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(record, (value) => {
        const { key, bytes } = written(value)
        expect(records.readService(key, 0, bytes, 0)).toEqual(value)
        expect(records.readFrontend(key, 0)).toBe('10.96.0.1:443/TCP')
      }),
    )
  })

  it('are torn when any byte of key or value differs', () => {
    fc.assert(
      fc.property(
        record,
        fc.nat(kpService.size - 1),
        fc.integer({ min: 1, max: 255 }),
        (value, at, bits) => {
          const { key, bytes } = written(value)
          bytes.setUint8(at, bytes.getUint8(at) ^ bits)
          expect(records.readService(key, 0, bytes, 0)).toBeUndefined()
          const other = written(value)
          other.key.setUint8(at % kpFrontend.size, other.key.getUint8(at % kpFrontend.size) ^ bits)
          expect(records.readService(other.key, 0, other.bytes, 0)).toBeUndefined()
        },
      ),
    )
  })

  it('have the checksum that the programs compute', () => {
    const key = new DataView(new ArrayBuffer(kpFrontend.size))
    const value = new DataView(new ArrayBuffer(kpService.size))
    for (let at = 0; at < kpFrontend.size; at++) key.setUint8(at, at + 1)
    for (let at = 0; at < kpService.size; at++) value.setUint8(at, 255 - at)
    expect(serviceChecksum(key, 0, value, 0)).toBe(0xecd550e1)
  })

  it('name IPv6 frontends with brackets and read the names back', () => {
    const words = new Uint32Array(4)
    expect(records.parseFrontend('[fd00::1]:53/UDP', words)).toEqual({ port: 53, protocol: 17 })
    expect(records.frontendText(words, 0, 53, 17)).toBe('[fd00::1]:53/UDP')
  })
})
