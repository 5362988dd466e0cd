import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { kpBackendStats, kpServiceStats } from '#abi'
import { INTERNAL_DROP } from '../../../control/mode/ebpf/records.ts'
import type { TemporaryDirectory } from '../addon/fixture.ts'
import { range, TCP, UDP, viewOf } from '../tables.ts'
import { BACKENDS, buildSockets, SocketPlane, VIPS } from './plane.ts'

let programs: TemporaryDirectory
let plane: SocketPlane

beforeAll(() => {
  programs = buildSockets()
})
afterAll(() => programs.remove())

async function prepare(constants?: Record<string, boolean | number>): Promise<void> {
  plane = new SocketPlane(programs, constants)
  for (const [base, family] of [[0, 'ipv4'] as const, [8, 'ipv6'] as const]) {
    for (const [at, address] of BACKENDS[family].entries()) {
      plane.tables.slot(base + at, address, base + at + 1)
      plane.tables.member(1, base + at + 1, 1)
    }
  }
  await plane.all('open t tcp6', 'bind t :: 8080', 'open u udp6', 'bind u :: 8080')
}

/** A Service of one endpoint, or of none, at a VIP's port 80. */
function serve(vip: string, protocol: number, slot: number | 'empty' | 'drop', serviceId = 1) {
  plane.tables.publish(plane.tables.frontend(vip, 80, protocol), {
    serviceId,
    internal: typeof slot === 'number' ? range(slot, 1) : range(0, 0),
    flags: slot === 'drop' ? INTERNAL_DROP : 0,
  })
}

const connections = (id: number) =>
  plane.tables.counter('backend_stats', id, kpBackendStats, kpBackendStats.connections)
const active = (id: number) =>
  plane.tables.counter('backend_stats', id, kpBackendStats, kpBackendStats.active)
const ofService = (member: 'connections' | 'refused' | 'dropped') =>
  plane.tables.counter('service_stats', 1, kpServiceStats, kpServiceStats[member])

/** What a client's socket, the VIP that it names and the first backend's slot are. */
const CLIENTS = [
  { what: 'IPv4', socket: '4', vip: VIPS.ipv4[0], other: VIPS.ipv4[1], slot: 0, shown: '' },
  { what: 'IPv6', socket: '6', vip: VIPS.ipv6[0], other: VIPS.ipv6[1], slot: 8, shown: '' },
  {
    what: 'v4-mapped',
    socket: '6',
    vip: VIPS.ipv4[0],
    other: VIPS.ipv4[1],
    slot: 0,
    shown: '::ffff:',
  },
] as const
const KINDS = [
  ['tcp', TCP],
  ['udp', UDP],
] as const
const CASES = CLIENTS.flatMap((client) =>
  KINDS.map(([kind, protocol]) => ({ ...client, kind: `${kind}${client.socket}`, protocol })),
)

describe.each(CASES)(
  'connect() over $what, $kind',
  ({ kind, vip, other, slot, shown, protocol }) => {
    beforeEach(() => prepare())
    afterEach(() => plane.close())

    const direct = slot === 0 ? BACKENDS.ipv4[0] : BACKENDS.ipv6[0]

    it('reaches the backend, and getpeername() shows the VIP (TR-1)', async () => {
      serve(vip, protocol, slot)
      await plane.all(`open c ${kind}`, `connect c ${vip} 80`)
      expect(await plane.do('peer c')).toBe(`${shown}${vip} 80`)
      expect([ofService('connections'), connections(slot + 1)]).toEqual([1, 1])
    })

    it('counts a socket as active until it is closed', async () => {
      serve(vip, protocol, slot)
      await plane.all(`open a ${kind}`, `open b ${kind}`)
      await plane.all(`connect a ${vip} 80`, `connect b ${vip} 80`)
      expect(active(slot + 1)).toBe(2)
      await plane.all('close a')
      expect(active(slot + 1)).toBe(1)
      await plane.all('close b')
      expect(active(slot + 1)).toBe(0)
    })

    it('does not bring back the counters of a backend that is gone', async () => {
      serve(vip, protocol, slot)
      await plane.all(`open c ${kind}`, `connect c ${vip} 80`)
      plane.tables.map('backend_stats').delete(new Uint8Array(Uint32Array.of(slot + 1).buffer))
      await plane.all('close c')
      expect(active(slot + 1)).toBeUndefined()
    })

    it('leaves other ports, and other protocols of the same port, alone (TR-1, S2)', async () => {
      serve(vip, protocol === TCP ? UDP : TCP, slot)
      await plane.all('open own tcp6', 'bind own :: 80', 'open udp udp6', 'bind udp :: 80')
      await plane.all(`open c ${kind}`, `connect c ${vip} 80`, `open d ${kind}`)
      await plane.all(`connect d ${direct} 8080`)
      expect(await plane.do('peer c')).toBe(`${shown}${vip} 80`)
      expect(await plane.do('peer d')).toBe(`${shown}${direct} 8080`)
      expect([ofService('connections'), connections(slot + 1)]).toEqual([undefined, undefined])
    })

    it('is refused in the call itself where no endpoint exists (TR-23, S3)', async () => {
      serve(vip, protocol, 'empty')
      await plane.all(`open c ${kind}`)
      expect(await plane.do(`connect c ${vip} 80`)).toBe('ECONNREFUSED')
      expect([ofService('refused'), plane.tables.reason('NO_ENDPOINT')]).toEqual([1, 1])
    })

    it('fails as unreachable where local policy has no local endpoint (TR-22)', async () => {
      serve(vip, protocol, 'drop')
      await plane.all(`open c ${kind}`)
      expect(await plane.do(`connect c ${vip} 80`)).toBe('EHOSTUNREACH')
      expect([ofService('dropped'), plane.tables.reason('NO_LOCAL_ENDPOINT')]).toEqual([1, 1])
    })

    it('fails for now when the record cannot be read', async () => {
      plane.tables.publish(
        plane.tables.frontend(vip, 80, protocol),
        { internal: range(slot, 1) },
        true,
      )
      await plane.all(`open c ${kind}`)
      expect(await plane.do(`connect c ${vip} 80`)).toBe('EAGAIN')
      expect(plane.tables.reason('TORN_RECORD')).toBe(1)
    })

    if (protocol === UDP) {
      it('takes a connected socket from one backend to the next', async () => {
        serve(vip, protocol, slot)
        serve(other, protocol, slot + 1)
        await plane.all(`open c ${kind}`, `connect c ${vip} 80`, `connect c ${other} 80`)
        expect(await plane.do('peer c')).toBe(`${shown}${other} 80`)
        expect([active(slot + 1), active(slot + 2)]).toEqual([0, 1])
      })

      it('to the backend itself shows no VIP that was used before (S8)', async () => {
        serve(vip, protocol, slot)
        await plane.all(`open c ${kind}`, `connect c ${vip} 80`, `connect c ${direct} 8080`)
        expect(await plane.do('peer c')).toBe(`${shown}${direct} 8080`)
        await plane.all('send c', 'answer u')
        expect(await plane.do('recv c')).toBe(`${shown}${direct} 8080`)
        expect(active(slot + 1)).toBe(0)
      })

      it('leaves the socket where it was when it is refused', async () => {
        serve(vip, protocol, slot)
        serve(other, protocol, 'empty')
        await plane.all(`open c ${kind}`, `connect c ${vip} 80`)
        expect(await plane.do(`connect c ${other} 80`)).toBe('ECONNREFUSED')
        expect(await plane.do('peer c')).toBe(`${shown}${vip} 80`)
        await plane.all('send c', 'answer u')
        expect(await plane.do('recv c')).toBe(`${shown}${vip} 80`)
        expect(active(slot + 1)).toBe(1)
      })
    } else {
      it('is also what MSG_FASTOPEN does', async () => {
        serve(vip, protocol, slot)
        await plane.all(`open c ${kind}`, `fastopen c ${vip} 80`)
        expect(await plane.do('peer c')).toBe(`${shown}${vip} 80`)
        expect(connections(slot + 1)).toBe(1)
      })
    }
  },
)

describe.each(CASES)('on a kernel without bpf_set_retval(), $what, $kind', (client) => {
  const { kind, vip, slot, protocol } = client
  beforeEach(() => prepare({ can_set_retval: false }))
  afterEach(() => plane.close())

  it('the stack refuses where no endpoint exists (TR-23)', async () => {
    serve(vip, protocol, 'empty')
    await plane.all(`open c ${kind}`)
    if (kind === 'udp6' && slot === 0) {
      // The stack would let a v4-mapped socket connect, and then fail its send() with EINVAL.
      expect(await plane.do(`connect c ${vip} 80`)).toBe('EPERM')
    } else if (protocol === UDP) {
      await plane.all(`connect c ${vip} 80`)
      expect(await plane.do('send c')).toBe('ok')
      expect(await plane.do('recv c')).toBe('ECONNREFUSED')
    } else {
      expect(await plane.do(`connect c ${vip} 80`)).toBe('ECONNREFUSED')
    }
    expect(ofService('refused')).toBe(1)
  })

  it('local policy without a local endpoint is not permitted (TR-22)', async () => {
    serve(vip, protocol, 'drop')
    await plane.all(`open c ${kind}`)
    expect(await plane.do(`connect c ${vip} 80`)).toBe('EPERM')
  })

  it('a Service with an endpoint works as ever', async () => {
    serve(vip, protocol, slot)
    await plane.all(`open c ${kind}`, `connect c ${vip} 80`)
    expect(connections(slot + 1)).toBe(1)
  })
})

describe.each(CASES.filter(({ protocol }) => protocol === TCP))(
  'TCP sockets that want the same place, $what',
  ({ kind, vip, other, slot, shown, protocol }) => {
    /* With this mask every socket wants place 0. */
    beforeEach(async () => {
      await prepare({ tcp_peer_mask: 0 })
      serve(vip, protocol, slot)
      serve(other, protocol, slot + 1)
    })
    afterEach(() => plane.close())

    const holder = () => {
      const place = plane.tables.map('tcp_peers').lookup(new Uint8Array(4))
      return viewOf(place ?? new Uint8Array(8)).getBigUint64(0, true)
    }

    it('each show the VIP that they asked for, and are counted', async () => {
      await plane.all(`open a ${kind}`, `open b ${kind}`, `open c ${kind}`)
      await plane.all(`connect a ${vip} 80`, `connect b ${other} 80`, `connect c ${vip} 80`)
      expect(await plane.do('peer a')).toBe(`${shown}${vip} 80`)
      expect(await plane.do('peer b')).toBe(`${shown}${other} 80`)
      expect(await plane.do('peer c')).toBe(`${shown}${vip} 80`)
      expect([active(slot + 1), active(slot + 2)]).toEqual([2, 1])
    })

    it('leave it to the next one, in any order of closing', async () => {
      await plane.all(`open a ${kind}`, `open b ${kind}`)
      await plane.all(`connect a ${vip} 80`, `connect b ${other} 80`)
      const first = holder()
      expect(first).not.toBe(0n)
      await plane.all('close b')
      expect([holder(), active(slot + 1), active(slot + 2)]).toEqual([first, 1, 0])
      await plane.all('close a')
      expect([holder(), active(slot + 1)]).toEqual([0n, 0])
      await plane.all(`open c ${kind}`, `connect c ${other} 80`)
      expect([0n, first]).not.toContain(holder())
      expect(await plane.do('peer c')).toBe(`${shown}${other} 80`)
    })

    it('keep it when a connect() failed and the next one works', async () => {
      await plane.all('close t', `open c ${kind}`)
      expect(await plane.do(`connect c ${vip} 80`)).toBe('ECONNREFUSED')
      expect([ofService('connections'), active(slot + 1)]).toEqual([1, 1])
      await plane.all('open t tcp6', 'bind t :: 8080', `connect c ${other} 80`)
      expect(await plane.do('peer c')).toBe(`${shown}${other} 80`)
      expect([active(slot + 1), active(slot + 2)]).toEqual([0, 1])
      await plane.all('close c')
      expect([holder(), active(slot + 2)]).toEqual([0n, 0])
    })
  },
)

describe('without counting', () => {
  beforeEach(() => prepare({ count_stats: false }))
  afterEach(() => plane.close())

  it('connections work and no counter is made', async () => {
    serve(VIPS.ipv4[0], TCP, 0)
    await plane.all('open c tcp4', `connect c ${VIPS.ipv4[0]} 80`)
    expect(await plane.do('peer c')).toBe(`${VIPS.ipv4[0]} 80`)
    await plane.all('close c')
    expect([ofService('connections'), active(1)]).toEqual([undefined, undefined])
  })
})
