import { expect, it } from 'vitest'
import { kpStalePeer } from '#abi'
import { readStalePeers } from '../../../../control/mode/ebpf/lifetime/stale-peer.ts'
import { writeFrontend, writeMember } from '../../../../control/mode/ebpf/records.ts'
import { parseAddress } from '../../../../control/model/address.ts'

function written(frontend: string, backend: string, family: number): Uint8Array {
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
  bytes.fill(0xaa, kpStalePeer.local.offset, kpStalePeer.local.offset + 16)
  view.setUint16(kpStalePeer.localPort.offset, 40_000)
  view.setUint32(kpStalePeer.family.offset, family, true)
  view.setBigUint64(kpStalePeer.socketCookie.offset, 77n, true)
  return bytes
}

it('stale peers are read as the iterators write them', () => {
  const both = Buffer.concat([
    written('10.96.0.10', '10.0.0.1', 2),
    written('fd00:10:96::10', 'fd00::1', 10),
  ])
  const ids = { netns: 0x1_0000_0002n, serviceId: 3, backendId: 7 }
  const socket = { protocol: 17, localPort: 40_000, remotePort: 8053, cookie: 77n }
  expect(readStalePeers(both)).toEqual([
    {
      ...ids,
      frontend: '10.96.0.10:53/UDP',
      backend: '10.0.0.1:8053',
      socket: {
        ...socket,
        localAddress: new Uint8Array(4).fill(0xaa),
        remoteAddress: Uint8Array.of(10, 0, 0, 1),
      },
    },
    {
      ...ids,
      frontend: '[fd00:10:96::10]:53/UDP',
      backend: '[fd00::1]:8053',
      socket: {
        ...socket,
        localAddress: new Uint8Array(16).fill(0xaa),
        remoteAddress: Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
      },
    },
  ])
  expect(readStalePeers(new Uint8Array())).toEqual([])
})

it('half a stale peer is none', () => {
  expect(() => readStalePeers(new Uint8Array(kpStalePeer.size + 8))).toThrow(
    new RangeError('an iterator wrote 96 bytes, no multiple of 88'),
  )
})
