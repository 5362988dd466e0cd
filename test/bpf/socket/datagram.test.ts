import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { kpBackendStats, kpServiceStats } from '#abi'
import type { TemporaryDirectory } from '../addon/fixture.ts'
import { range, UDP } from '../tables.ts'
import { BACKENDS, buildSockets, SocketPlane, VIPS } from './plane.ts'

let programs: TemporaryDirectory
let plane: SocketPlane

beforeAll(() => {
  programs = buildSockets()
})
afterAll(() => programs.remove())

const CLIENTS = [
  { what: 'IPv4', socket: 'udp4', family: 'ipv4', shown: '' },
  { what: 'IPv6', socket: 'udp6', family: 'ipv6', shown: '' },
  { what: 'v4-mapped', socket: 'udp6', family: 'ipv4', shown: '::ffff:' },
] as const

/** Backends 1 to 5 in slots 0 to 4, each with a server b1 to b5 that is bound to its address. */
async function prepare(family: 'ipv4' | 'ipv6', constants?: Record<string, boolean>) {
  plane = new SocketPlane(programs, constants)
  for (const [at, address] of BACKENDS[family].entries()) {
    plane.tables.slot(at, address, at + 1)
    for (const service of VIPS[family].keys()) plane.tables.member(service + 1, at + 1, 1)
    const kind = family === 'ipv4' ? 'udp4' : 'udp6'
    await plane.all(`open b${at + 1} ${kind}`, `bind b${at + 1} ${address} 8080`)
  }
}

/** Publishes the range of slots `base`, ... at port 53 of a VIP, as the Service of that ordinal. */
function serve(family: 'ipv4' | 'ipv6', ordinal: number, base: number, active = 1, generation = 1) {
  const key = plane.tables.frontend(VIPS[family][ordinal] as string, 53, UDP)
  const record = { serviceId: ordinal + 1, generation, internal: range(base, active) }
  plane.tables.publish(key, record)
}

const datagrams = (backend: number) =>
  plane.tables.counter('backend_stats', backend, kpBackendStats, kpBackendStats.datagrams)
const ofService = (id: number, member: 'datagrams' | 'refused') =>
  plane.tables.counter('service_stats', id, kpServiceStats, kpServiceStats[member])
const reached = () => [1, 2, 3, 4, 5].filter((backend) => (datagrams(backend) ?? 0) > 0)

describe.each(CLIENTS)('sendto() on an unconnected socket, $what', ({ socket, family, shown }) => {
  beforeEach(() => prepare(family))
  afterEach(() => plane.close())

  const vip = VIPS[family]
  const direct = BACKENDS[family]
  const isFrom = (address: string, port: number) => `${shown}${address} ${port}`

  it('reaches the backend, and recvfrom() shows the VIP', async () => {
    serve(family, 0, 2)
    await plane.all(`open c ${socket}`, `sendto c ${vip[0]} 53`, 'answer b3')
    expect(await plane.do('recv c')).toBe(isFrom(vip[0], 53))
    expect([ofService(1, 'datagrams'), datagrams(3)]).toEqual([1, 1])
  })

  it('shows senders that are no backend of it as they are', async () => {
    serve(family, 0, 0)
    await plane.all(`open c ${socket}`, `sendto c ${direct[1]} 8080`, 'answer b2')
    expect(await plane.do('recv c')).toBe(isFrom(direct[1], 8080))
    await plane.all(`sendto c ${vip[0]} 53`, `sendto c ${direct[1]} 8080`, 'answer b2')
    expect(await plane.do('recv c')).toBe(isFrom(direct[1], 8080))
  })

  it('stays with its backend through every change that leaves this one in', async () => {
    serve(family, 0, 0, 5)
    await plane.all(`open c ${socket}`, `sendto c ${vip[0]} 53`)
    const [backend = 0] = reached()
    for (let generation = 1; generation <= 20; generation++) {
      serve(family, 0, 0, 5, generation)
      await plane.all(`sendto c ${vip[0]} 53`)
    }
    expect([reached(), datagrams(backend)]).toEqual([[backend], 21])
  })

  it('moves on when its backend left the Service', async () => {
    serve(family, 0, 0)
    await plane.all(`open c ${socket}`, `sendto c ${vip[0]} 53`)
    serve(family, 0, 1, 1, 2)
    plane.tables.member(1, 1, 0)
    await plane.all(`sendto c ${vip[0]} 53`, 'answer b2')
    expect(await plane.do('recv c')).toBe(isFrom(vip[0], 53))
    expect([datagrams(1), datagrams(2)]).toEqual([1, 1])
  })

  it('moves on when its backend is left to traffic from outside', async () => {
    serve(family, 0, 0)
    await plane.all(`open c ${socket}`, `sendto c ${vip[0]} 53`)
    plane.tables.member(1, 1, 0, 1)
    serve(family, 0, 1, 1, 2)
    await plane.all(`sendto c ${vip[0]} 53`)
    expect([datagrams(1), datagrams(2)]).toEqual([1, 1])
  })

  it('leaves a terminating backend for an active one', async () => {
    serve(family, 0, 0)
    await plane.all(`open c ${socket}`, `sendto c ${vip[0]} 53`)
    plane.tables.member(1, 1, 2)
    serve(family, 0, 1, 1, 2)
    await plane.all(`sendto c ${vip[0]} 53`)
    expect([datagrams(1), datagrams(2)]).toEqual([1, 1])
  })

  it('is refused when the last endpoint left, though its backend is a member for others', async () => {
    serve(family, 0, 0)
    await plane.all(`open c ${socket}`, `sendto c ${vip[0]} 53`)
    plane.tables.member(1, 1, 0, 1)
    serve(family, 0, 0, 0, 2)
    expect(await plane.do(`sendto c ${vip[0]} 53`)).toBe('ECONNREFUSED')
    expect([datagrams(1), ofService(1, 'refused')]).toEqual([1, 1])
  })

  it('to several VIPs gets each reply from the VIP that was asked, in any order (S6)', async () => {
    for (let ordinal = 0; ordinal < 4; ordinal++) serve(family, ordinal, ordinal)
    await plane.all(`open c ${socket}`)
    for (let ordinal = 0; ordinal < 4; ordinal++) await plane.all(`sendto c ${vip[ordinal]} 53`)
    for (const ordinal of [2, 0, 3, 1]) {
      await plane.all(`answer b${ordinal + 1}`)
      expect(await plane.do('recv c')).toBe(isFrom(vip[ordinal] as string, 53))
    }
  })

  it('to a fifth VIP forgets the oldest, whose replies then show their backend', async () => {
    for (let ordinal = 0; ordinal < 5; ordinal++) serve(family, ordinal, ordinal)
    await plane.all(`open c ${socket}`)
    for (let ordinal = 0; ordinal < 5; ordinal++) await plane.all(`sendto c ${vip[ordinal]} 53`)
    await plane.all('answer b5')
    expect(await plane.do('recv c')).toBe(isFrom(vip[4], 53))
    await plane.all('answer b2')
    expect(await plane.do('recv c')).toBe(isFrom(vip[1], 53))
    await plane.all('answer b1')
    expect(await plane.do('recv c')).toBe(isFrom(direct[0], 8080))
  })

  it('shows the VIP that was sent to latest where two lead to one backend', async () => {
    serve(family, 0, 0)
    serve(family, 1, 0)
    await plane.all(`open c ${socket}`)
    for (const ordinal of [0, 1, 0, 1] as const) {
      await plane.all(`sendto c ${vip[ordinal]} 53`, 'answer b1')
      expect(await plane.do('recv c')).toBe(isFrom(vip[ordinal], 53))
    }
  })

  it('leaves other ports alone', async () => {
    serve(family, 0, 0)
    const kind = family === 'ipv4' ? 'udp4' : 'udp6'
    await plane.all(`open own ${kind}`, `bind own ${vip[0]} 54`)
    await plane.all(`open c ${socket}`, `sendto c ${vip[0]} 54`, 'answer own')
    expect(await plane.do('recv c')).toBe(isFrom(vip[0], 54))
    expect(reached()).toEqual([])
  })

  it('is refused in the call itself where no endpoint exists (TR-23, S3)', async () => {
    serve(family, 0, 0, 0)
    await plane.all(`open c ${socket}`)
    expect(await plane.do(`sendto c ${vip[0]} 53`)).toBe('ECONNREFUSED')
    expect(ofService(1, 'refused')).toBe(1)
  })
})

describe.each(CLIENTS)('a connected socket, $what', ({ socket, family, shown }) => {
  beforeEach(() => prepare(family))
  afterEach(() => plane.close())

  const vip = VIPS[family]
  const direct = BACKENDS[family]

  it('gets its replies from the VIP', async () => {
    serve(family, 0, 0)
    await plane.all(`open c ${socket}`, `connect c ${vip[0]} 53`, 'send c', 'answer b1')
    expect(await plane.do('recv c')).toBe(`${shown}${vip[0]} 53`)
  })

  it('leaves behind what it sent to before it was connected', async () => {
    serve(family, 0, 0)
    await plane.all(`open c ${socket}`, `sendto c ${vip[0]} 53`, 'answer b1')
    expect(await plane.do('recv c')).toBe(`${shown}${vip[0]} 53`)
    await plane.all(`connect c ${direct[0]} 8080`, 'send c', 'answer b1')
    expect(await plane.do('recv c')).toBe(`${shown}${direct[0]} 8080`)
  })

  it('shows no VIP any more after connect(AF_UNSPEC)', async () => {
    serve(family, 0, 0)
    await plane.all(`open c ${socket}`, `connect c ${vip[0]} 53`, 'disconnect c')
    await plane.all(`sendto c ${direct[0]} 8080`, 'answer b1')
    expect(await plane.do('recv c')).toBe(`${shown}${direct[0]} 8080`)
    expect(await plane.do('peer c')).toBe('ENOTCONN')
  })
})

describe.each(CLIENTS)('sendto() without bpf_set_retval(), $what', ({ socket, family }) => {
  beforeEach(() => prepare(family, { can_set_retval: false }))
  afterEach(() => plane.close())

  it('is not permitted where no endpoint exists', async () => {
    serve(family, 0, 0, 0)
    await plane.all(`open c ${socket}`)
    expect(await plane.do(`sendto c ${VIPS[family][0]} 53`)).toBe('EPERM')
  })
})
