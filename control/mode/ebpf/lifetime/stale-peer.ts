import { kpMember, kpStalePeer } from '#abi'
import type { SocketId } from '#addon'
import { addressPort, PROTOCOL_NUMBERS, readAddress, readFrontend, readMember } from '../records.ts'

/** A connected UDP socket whose backend its service no longer has. */
export interface StalePeer {
  /** Cookie of the socket's network namespace. */
  readonly netns: bigint
  /** "10.96.0.10:53/UDP": what the socket asked for. */
  readonly frontend: string
  /** "10.244.0.5:53": what it was given. */
  readonly backend: string
  /** The service that has the frontend now. */
  readonly serviceId: number
  readonly backendId: number
  readonly socket: SocketId
}

/** linux/socket.h */
const AF_INET = 2

const words = new Uint32Array(4)

/**
 * What the iterators of lifetime.bpf.c have written.
 *
 * @throws RangeError where it does not end with a whole struct
 */
export function readStalePeers(bytes: Uint8Array): StalePeer[] {
  if (bytes.byteLength % kpStalePeer.size !== 0) {
    throw new RangeError(
      `an iterator wrote ${bytes.byteLength} bytes, no multiple of ${kpStalePeer.size}`,
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const peers: StalePeer[] = []
  for (let at = 0; at < bytes.byteLength; at += kpStalePeer.size) {
    readAddress(view, at + kpStalePeer.backend.offset, words)
    peers.push({
      netns: view.getBigUint64(at + kpStalePeer.netnsCookie.offset, true),
      frontend: readFrontend(view, at + kpStalePeer.frontend.offset),
      backend: addressPort(words, 0, view.getUint16(at + kpStalePeer.backendPort.offset)),
      ...readMember(view, at + kpStalePeer.member.offset),
      socket: readSocket(view, at),
    })
  }
  return peers
}

function readSocket(view: DataView, at: number): SocketId {
  const isIPv4 = view.getUint32(at + kpStalePeer.family.offset, true) === AF_INET
  /** IPv4 is kept v4-mapped; a socket of that family knows but its last four bytes. */
  const address = ({ offset, size }: { readonly offset: number; readonly size: number }) => {
    const skip = isIPv4 ? size - 4 : 0
    return new Uint8Array(view.buffer, view.byteOffset + at + offset + skip, size - skip)
  }
  return {
    protocol: PROTOCOL_NUMBERS.UDP,
    localAddress: address(kpStalePeer.local),
    localPort: view.getUint16(at + kpStalePeer.localPort.offset),
    remoteAddress: address(kpStalePeer.backend),
    remotePort: view.getUint16(at + kpStalePeer.backendPort.offset),
    cookie: view.getBigUint64(at + kpStalePeer.socketCookie.offset, true),
  }
}

/** A service and a backend that it does not have. */
export type Ending = Pick<StalePeer, 'serviceId' | 'backendId'>

/** Bytes of a key of the map `endings`. */
export const ENDING_SIZE = kpMember.size
