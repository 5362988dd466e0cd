import {
  checkBytes,
  checkInteger,
  checkKeys,
  checkPath,
  checkRecord,
  checkSize,
  describe,
} from './check.ts'
import { native } from './native.ts'

/** A connected socket, by what sock_diag(7) tells it from all others. */
export interface SocketId {
  /** IP protocol number, such as 17. */
  readonly protocol: number
  /** Network byte order, 4 or 16 bytes: the family of the socket, whose addresses may be v4-mapped. */
  readonly localAddress: Uint8Array
  readonly localPort: number
  /** As long as the local one. */
  readonly remoteAddress: Uint8Array
  readonly remotePort: number
  /** As SO_COOKIE has it; all ones for whichever socket it is (INET_DIAG_NOCOOKIE). */
  readonly cookie: bigint
}

const FIELDS: readonly (keyof SocketId)[] = [
  'protocol',
  'localAddress',
  'localPort',
  'remoteAddress',
  'remotePort',
  'cookie',
]

/** struct inet_diag_req_v2 of linux/inet_diag.h, whose end is struct inet_diag_sockid. */
const REQUEST = { size: 56, source: 12, destination: 28, cookie: 48 } as const
const AF_INET = 2
const AF_INET6 = 10

/**
 * Ends sockets: their users get ECONNABORTED (SOCK_DESTROY, since 4.5, for UDP since 4.9; takes
 * CAP_NET_ADMIN and a kernel with CONFIG_INET_DIAG_DESTROY). Works on another thread.
 * @param options.netns path of the sockets' network namespace, as for `runIterator`
 * @returns for each socket whether it was ended; false for one that is gone, or has another peer now
 * @throws BpfError EOPNOTSUPP where the kernel cannot; EPERM; those that were before are ended then
 */
export async function destroySockets(
  sockets: readonly SocketId[],
  options: { readonly netns?: string } = {},
): Promise<boolean[]> {
  if (!Array.isArray(sockets)) {
    throw new TypeError(`sockets must be an array, got ${describe(sockets)}`)
  }
  checkRecord('options', options)
  checkKeys('options', options, ['netns'])
  const { netns } = options
  if (netns !== undefined) checkPath('options.netns', netns)
  const requests = new Uint8Array(sockets.length * REQUEST.size)
  for (const [at, socket] of sockets.entries()) {
    write(requests.subarray(at * REQUEST.size), `sockets[${at}]`, socket)
  }
  return [...(await native.destroySockets(requests, netns ?? ''))].map((byte) => byte === 1)
}

function write(row: Uint8Array, name: string, socket: SocketId): void {
  checkRecord(name, socket)
  checkKeys(name, socket, FIELDS)
  const { protocol, localAddress, localPort, remoteAddress, remotePort, cookie } = socket
  checkInteger(`${name}.protocol`, protocol, 0, 255)
  checkBytes(`${name}.localAddress`, localAddress)
  const size = localAddress.byteLength
  if (size !== 4 && size !== 16) {
    throw new TypeError(`${name}.localAddress must be 4 or 16 bytes, got ${size}`)
  }
  checkSize(`${name}.remoteAddress`, remoteAddress, size)
  checkInteger(`${name}.localPort`, localPort, 0, 65_535)
  checkInteger(`${name}.remotePort`, remotePort, 0, 65_535)
  if (typeof cookie !== 'bigint' || cookie < 0n || cookie >= 1n << 64n) {
    throw new TypeError(`${name}.cookie must be a bigint of 64 bits, got ${describe(cookie)}`)
  }
  const view = new DataView(row.buffer, row.byteOffset)
  row[0] = size === 4 ? AF_INET : AF_INET6
  row[1] = protocol
  view.setUint16(8, localPort)
  view.setUint16(10, remotePort)
  row.set(localAddress, REQUEST.source)
  row.set(remoteAddress, REQUEST.destination)
  view.setBigUint64(REQUEST.cookie, cookie, true)
}
