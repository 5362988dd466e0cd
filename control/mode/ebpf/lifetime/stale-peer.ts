import { kpMember, kpStalePeer } from '#abi'
import { addressPort, readAddress, readFrontend, readMember } from '../records.ts'

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
}

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
    })
  }
  return peers
}

/** A service and a backend that it does not have. */
export type Ending = Pick<StalePeer, 'serviceId' | 'backendId'>

/** Bytes of a key of the map `endings`. */
export const ENDING_SIZE = kpMember.size
