import { words } from '../tables.ts'

/** An Ethernet frame with TCP or UDP over IP, in words that tests use. */
export interface Packet {
  readonly protocol: 'tcp' | 'udp'
  readonly source: string
  readonly destination: string
  readonly sourcePort: number
  readonly destinationPort: number
  /** TCP: letters of S, A, F, R; "S" unless given. */
  readonly flags?: string
  readonly sequence?: number
  readonly payload?: string
  readonly ttl?: number
  /** UDP over IPv4: no checksum. */
  readonly unsummed?: boolean
  /** IPv4: options; IPv6: extension headers of destination options. In units of 4 and 8 bytes. */
  readonly extra?: number
}

export const clientMac = '02:00:00:00:00:01'
export const nodeMac = '02:00:00:00:00:02'

const ETHERNET = 14
const PROTOCOL = { tcp: 6, udp: 17 } as const
const FLAGS = { F: 1, S: 2, R: 4, A: 16 } as const

/** RFC 1071. */
export function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) {
      sum += ((part[i] as number) << 8) | (part[i + 1] ?? 0)
    }
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

const isIPv6 = (address: string) => address.includes(':')

/** The 4 or 16 bytes of an address as a packet carries them. */
function addressBytes(address: string): Uint8Array {
  const bytes = new Uint8Array(words(address).buffer)
  return isIPv6(address) ? bytes : bytes.slice(12)
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

const u16 = (value: number) => Uint8Array.of(value >>> 8, value & 0xff)
const u32 = (value: number) => join(u16(value >>> 16), u16(value & 0xffff))

function pseudoHeader(source: Uint8Array, destination: Uint8Array, protocol: number, size: number) {
  return join(source, destination, u32(size), u32(protocol))
}

function transport(packet: Packet, source: Uint8Array, destination: Uint8Array): Uint8Array {
  const { protocol, sourcePort, destinationPort, sequence = 1000, flags = 'S' } = packet
  const payload = new TextEncoder().encode(packet.payload ?? '')
  const ports = join(u16(sourcePort), u16(destinationPort))
  const bits = [...flags].reduce((sum, letter) => sum | FLAGS[letter as keyof typeof FLAGS], 0)
  const segment =
    protocol === 'tcp'
      ? join(ports, u32(sequence), u32(0), Uint8Array.of(5 << 4, bits, 1, 0, 0, 0, 0, 0), payload)
      : join(ports, u16(8 + payload.length), u16(0), payload)
  if (packet.unsummed) return segment
  const pseudo = pseudoHeader(source, destination, PROTOCOL[protocol], segment.length)
  const sum = checksum(pseudo, segment) || (protocol === 'udp' ? 0xffff : 0)
  segment.set(u16(sum), protocol === 'tcp' ? 16 : 6)
  return segment
}

export function build(packet: Packet): Uint8Array {
  const source = addressBytes(packet.source)
  const destination = addressBytes(packet.destination)
  const segment = transport(packet, source, destination)
  const { ttl = 64, extra = 0 } = packet
  const macs = Buffer.from(`${nodeMac}${clientMac}`.replaceAll(':', ''), 'hex')
  const protocol = PROTOCOL[packet.protocol]
  if (isIPv6(packet.source)) {
    const length = segment.length + 8 * extra
    const next = extra > 0 ? 60 : protocol
    const head = join(u32(6 << 28), u16(length), Uint8Array.of(next, ttl), source, destination)
    const options = Array.from({ length: extra }, (_, index) =>
      Uint8Array.of(index + 1 < extra ? 60 : protocol, 0, 1, 4, 0, 0, 0, 0),
    )
    return join(macs, u16(0x86dd), head, ...options, segment)
  }
  const ihl = 5 + extra
  const head = join(
    ...[Uint8Array.of(0x40 | ihl, 0), u16(4 * ihl + segment.length), u16(7)],
    ...[u16(0x4000), Uint8Array.of(ttl, protocol, 0, 0), source, destination],
    new Uint8Array(4 * extra).fill(1),
  )
  head.set(u16(checksum(head)), 10)
  return join(macs, u16(0x0800), head, segment)
}

/** The frame in two fragments, cut after `size` bytes behind its network header; a multiple of 8. */
export function fragment(frame: Uint8Array, size: number): [Uint8Array, Uint8Array] {
  const is6 = frame[12] === 0x86
  const body = ETHERNET + (is6 ? 40 : 20)
  const parts = [frame.slice(body, body + size), frame.slice(body + size)] as const
  const head = frame.slice(0, body)
  const make = (part: Uint8Array, offset: number, more: number) => {
    const copy = head.slice()
    if (is6) {
      const header = join(
        Uint8Array.of(copy[ETHERNET + 6] as number, 0),
        u16(offset | more),
        u32(0x1234_5678),
      )
      copy[ETHERNET + 6] = 44
      copy.set(u16(8 + part.length), ETHERNET + 4)
      return join(copy, header, part)
    }
    copy.set(u16(20 + part.length), ETHERNET + 2)
    copy.set(u16((more << 13) | (offset / 8)), ETHERNET + 6)
    copy.set(u16(0), ETHERNET + 10)
    copy.set(u16(checksum(copy.subarray(ETHERNET))), ETHERNET + 10)
    return join(copy, part)
  }
  return [make(parts[0], 0, 1), make(parts[1], size, 0)]
}

/** The frame that two fragments were. @throws Error where they do not belong together */
export function reassemble(first: Uint8Array, second: Uint8Array): Uint8Array {
  const is6 = first[12] === 0x86
  const body = ETHERNET + (is6 ? 48 : 20)
  const identity = (part: Uint8Array) =>
    is6
      ? Buffer.from([...part.subarray(ETHERNET + 8, ETHERNET + 40), ...part.subarray(58, 62)])
      : Buffer.from([...part.subarray(ETHERNET + 4, ETHERNET + 6), ...part.subarray(26, 34)])
  if (!identity(first).equals(identity(second))) throw new Error('fragments of two packets')
  const payload = join(first.subarray(body), second.subarray(body))
  const head = first.slice(0, ETHERNET + (is6 ? 40 : 20))
  if (is6) {
    head[ETHERNET + 6] = first[ETHERNET + 40] as number
    head.set(u16(payload.length), ETHERNET + 4)
  } else {
    head.set(u16(20 + payload.length), ETHERNET + 2)
    head.set(u16(0), ETHERNET + 6)
    head.set(u16(0), ETHERNET + 10)
    head.set(u16(checksum(head.subarray(ETHERNET))), ETHERNET + 10)
  }
  return join(head, payload)
}

/** An ICMP error about a packet that somebody saw. */
export interface IcmpError {
  readonly source: string
  readonly destination: string
  readonly type: number
  readonly code: number
  readonly mtu?: number
  /** A frame; what of it is inside is cut off after this many bytes of its transport header. */
  readonly about: Uint8Array
  readonly bytes?: number
}

export function buildError(error: IcmpError): Uint8Array {
  const { about, bytes = 8, type, code, mtu = 0 } = error
  const source = addressBytes(error.source)
  const destination = addressBytes(error.destination)
  const is6 = isIPv6(error.source)
  const inner = about.slice(ETHERNET, ETHERNET + (is6 ? 40 : 20) + bytes)
  const message = join(Uint8Array.of(type, code), u16(0), u32(mtu), inner)
  const protocol = is6 ? 58 : 1
  const pseudo = pseudoHeader(source, destination, protocol, message.length)
  message.set(u16(is6 ? checksum(pseudo, message) : checksum(message)), 2)
  const macs = about.slice(0, 12)
  if (is6) {
    const head = join(u32(6 << 28), u16(message.length), Uint8Array.of(58, 64), source, destination)
    return join(macs, u16(0x86dd), head, message)
  }
  const head = join(
    ...[Uint8Array.of(0x45, 0), u16(20 + message.length), u16(9), u16(0)],
    ...[Uint8Array.of(64, 1, 0, 0), source, destination],
  )
  head.set(u16(checksum(head)), 10)
  return join(macs, u16(0x0800), head, message)
}

const text4 = (bytes: Uint8Array) => bytes.join('.')
function text6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => Buffer.from(bytes).readUInt16BE(2 * i))
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(':')}]`).hostname.slice(
    1,
    -1,
  )
}

/** What tests say of a frame that came out. */
export interface Seen {
  /** "source:port > destination:port"; ICMP has no ports. */
  readonly ends: string
  readonly ttl: number
  /** All of them are right. */
  readonly sums: boolean
  /** "type/code" of an ICMP error. */
  readonly icmp?: string
  /** The last 16 bits of an ICMP header: the MTU, in those that have one. */
  readonly mtu?: number
  /** "source:port > destination:port" of the packet inside an ICMP error, and its header's checksum. */
  readonly innerEnds?: string
  readonly innerSum?: boolean
  /** The packet inside an ICMP error, from its network header on; cut off it may be. */
  readonly inner?: Uint8Array
}

function innerOf(packet: Uint8Array): Pick<Seen, 'innerEnds' | 'innerSum'> {
  const is6 = (packet[0] as number) >>> 4 === 6
  const [from, to, size, head] = is6 ? [8, 24, 16, 40] : [12, 16, 4, 20]
  const text = is6 ? text6 : text4
  const end = (at: number, port: number) => {
    const address = text(packet.subarray(at, at + size))
    return `${is6 ? `[${address}]` : address}:${Buffer.from(packet).readUInt16BE(head + port)}`
  }
  return {
    innerEnds: `${end(from, 0)} > ${end(to, 2)}`,
    innerSum: is6 || checksum(packet.subarray(0, head)) === 0,
  }
}

/** @throws Error for what is no TCP, UDP or ICMP over IP */
export function parse(frame: Uint8Array): Seen {
  const network = frame.subarray(ETHERNET)
  const view = Buffer.from(network)
  const is6 = view.readUInt16BE(0) >>> 12 === 6
  const ihl = is6 ? 40 : 4 * ((network[0] as number) & 15)
  const total = is6 ? 40 + view.readUInt16BE(4) : view.readUInt16BE(2)
  if (total !== network.length) throw new Error(`length ${total} in ${network.length} bytes`)
  const source = network.subarray(is6 ? 8 : 12, is6 ? 24 : 16)
  const destination = network.subarray(is6 ? 24 : 16, is6 ? 40 : 20)
  let protocol = network[is6 ? 6 : 9] as number
  let start = ihl
  while (protocol === 60) {
    protocol = network[start] as number
    start += 8 * ((network[start + 1] as number) + 1)
  }
  const segment = network.subarray(start)
  const headSum = is6 || checksum(network.subarray(0, ihl)) === 0
  const ttl = network[is6 ? 7 : 8] as number
  const text = is6 ? text6 : text4
  const name = (address: Uint8Array) => (is6 ? `[${text(address)}]` : text(address))
  const pseudo = pseudoHeader(source, destination, protocol, segment.length)
  if (protocol === 1 || protocol === 58) {
    const sum = protocol === 1 ? checksum(segment) : checksum(pseudo, segment)
    return {
      ends: `${name(source)} > ${name(destination)}`,
      ttl,
      sums: headSum && sum === 0,
      icmp: `${segment[0]}/${segment[1]}`,
      mtu: Buffer.from(segment).readUInt16BE(6),
      inner: segment.subarray(8),
      ...innerOf(segment.subarray(8)),
    }
  }
  if (protocol !== 6 && protocol !== 17) throw new Error(`protocol ${protocol}`)
  const ports = Buffer.from(segment)
  const [from, to] = [ports.readUInt16BE(0), ports.readUInt16BE(2)]
  const unsummed = protocol === 17 && ports.readUInt16BE(6) === 0
  return {
    ends: `${name(source)}:${from} > ${name(destination)}:${to}`,
    ttl,
    sums: headSum && (unsummed || checksum(pseudo, segment) === 0),
  }
}
