import { expect, it } from 'vitest'
import { kpStalePeer } from '#abi'
import { readStalePeers } from '../../../../control/mode/ebpf/lifetime/stale-peer.ts'
import { writeFrontend, writeMember } from '../../../../control/mode/ebpf/records.ts'
import { parseAddress } from '../../../../control/model/address.ts'

function written(frontend: string, backend: string): Uint8Array {
  const bytes = new Uint8Array(kpStalePeer.size)
  const view = new DataView(bytes.buffer)
  const words = new Uint32Array(4)
  view.setBigUint64(kpStalePeer.netnsCookie.offset, 0x1_0000_0002n, true)
  writeMember(view, kpStalePeer.member.offset, 3, 7)
  parseAddress(frontend, words)
  writeFrontend(view, kpStalePeer.frontend.offset, words, 53, 17)
  parseAddress(backend, words)
  for (const [at, word] of words.entries()) {
    view.setUint32(kpStalePeer.backend.offset + at * 4, word, true)
  }
  view.setUint16(kpStalePeer.backendPort.offset, 8053)
  return bytes
}

it('stale peers are read as the iterators write them', () => {
  const both = Buffer.concat([
    written('10.96.0.10', '10.0.0.1'),
    written('fd00:10:96::10', 'fd00::1'),
  ])
  const ids = { netns: 0x1_0000_0002n, serviceId: 3, backendId: 7 }
  expect(readStalePeers(both)).toEqual([
    { ...ids, frontend: '10.96.0.10:53/UDP', backend: '10.0.0.1:8053' },
    { ...ids, frontend: '[fd00:10:96::10]:53/UDP', backend: '[fd00::1]:8053' },
  ])
  expect(readStalePeers(new Uint8Array())).toEqual([])
})

it('half a stale peer is none', () => {
  expect(() => readStalePeers(new Uint8Array(kpStalePeer.size + 8))).toThrow(
    new RangeError('an iterator wrote 64 bytes, no multiple of 56'),
  )
})
