import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { kpAddressRole, kpBackendStats } from '#abi'
import { netnsCookieAt } from '#addon'
import { StaleSockets } from '../../../control/mode/ebpf/lifetime/stale-sockets.ts'
import { PINNED_MAPS, PinDirectory } from '../../../control/mode/ebpf/pins.ts'
import { EXTERNAL_DROP, INTERNAL_DROP } from '../../../control/mode/ebpf/records.ts'
import { mountBpf, type TemporaryDirectory } from '../addon/fixture.ts'
import { BACKENDS, buildSockets, SocketPlane, VIPS } from '../socket/plane.ts'
import { range, TCP, UDP, words } from '../tables.ts'

const OBJECT = join(import.meta.dirname, '../../../build/bpf/lifetime.bpf.o')

let programs: TemporaryDirectory
let bpffs: TemporaryDirectory
let pins: PinDirectory
let plane: SocketPlane
let sockets: StaleSockets

beforeAll(() => {
  programs = buildSockets()
})
afterAll(() => programs.remove())

beforeEach(() => {
  bpffs = mountBpf()
  pins = new PinDirectory(join(bpffs.path, 'node'))
  pins.create()
  const paths = Object.fromEntries(PINNED_MAPS.map((name) => [name, pins.map(name)]))
  plane = new SocketPlane(programs, {}, paths)
  sockets = StaleSockets.load(OBJECT, pins)
})
afterEach(async () => {
  sockets.close()
  await plane.close()
  bpffs.remove()
})

/** Backends 1 to 5 in slots 0 to 4, all of them members of Services 1 and 2. */
function fill(family: 'ipv4' | 'ipv6' = 'ipv4') {
  for (const [at, address] of BACKENDS[family].entries()) {
    plane.tables.slot(at, address, at + 1)
    for (const service of [1, 2]) plane.tables.member(service, at + 1, 1)
  }
}

/** Publishes slot `base`, or `active` of them, at port 53 of a VIP, as Service 1 or 2. */
function serve(
  vip: string,
  serviceId: number,
  base: number,
  { protocol = UDP, ...record }: { protocol?: number; active?: number; flags?: number } = {},
) {
  const { active = 1, flags = 0 } = record
  const key = plane.tables.frontend(vip, 53, protocol)
  plane.tables.publish(key, { serviceId, flags, internal: range(base, active) })
}

const seen = async () => (await sockets.find()).map(({ frontend, backend }) => [frontend, backend])
const active = (backend: number) =>
  plane.tables.counter('backend_stats', backend, kpBackendStats, kpBackendStats.active)

const KINDS = [
  { what: 'IPv4', kind: 'udp4', family: 'ipv4', shown: '' },
  { what: 'IPv6', kind: 'udp6', family: 'ipv6', shown: '' },
  { what: 'v4-mapped', kind: 'udp6', family: 'ipv4', shown: '::ffff:' },
] as const

const MEANS = ['iterator', 'sock_diag'] as const

describe.each(KINDS)('a connected UDP socket, $what', ({ kind, family, shown }) => {
  const vip = VIPS[family][0]
  const backend = BACKENDS[family][0]
  const text = (address: string, port: number) =>
    address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

  it.each(MEANS)(
    'is found and ended when its backend has left the Service, by %s (CT-3)',
    async (means) => {
      sockets.close()
      sockets = StaleSockets.load(OBJECT, pins, means)
      fill(family)
      serve(vip, 1, 0)
      await plane.all(`open c ${kind}`, `connect c ${vip} 53`)
      expect(await sockets.find()).toEqual([])
      serve(vip, 1, 1)
      plane.tables.member(1, 1, 0)
      const stale = {
        netns: await netnsCookieAt(plane.netns),
        frontend: `${text(vip, 53)}/UDP`,
        backend: text(backend, 8080),
        serviceId: 1,
        backendId: 1,
      }
      const found = await sockets.find()
      expect(found).toMatchObject([stale])
      await sockets.agree(found)
      expect(await sockets.end(found, plane.netns)).toEqual(found)
      expect(await plane.do('send c')).toBe('EDESTADDRREQ')
      expect(await plane.do('recv c')).toBe('ECONNABORTED')
      expect(await sockets.find()).toEqual([])
      expect(await sockets.end(found, plane.netns)).toEqual([])

      await plane.all(`connect c ${vip} 53`, 'send c')
      expect(await plane.do('peer c')).toBe(`${shown}${vip} 53`)
      expect([active(1), active(2)]).toEqual([0, 1])
      await plane.all('close c')
      expect([active(1), active(2)]).toEqual([0, 0])
    },
  )

  it('that has another peer by now is not ended one by one', async () => {
    sockets.close()
    sockets = StaleSockets.load(OBJECT, pins, 'sock_diag')
    fill(family)
    serve(vip, 1, 0)
    await plane.all(`open c ${kind}`, `connect c ${vip} 53`)
    serve(vip, 1, 1)
    plane.tables.member(1, 1, 0)
    const found = await sockets.find()
    expect(found).toHaveLength(1)
    await plane.all(`connect c ${vip} 53`)
    expect(await sockets.end(found, plane.netns)).toEqual([])
    expect(await plane.do('send c')).toBe('ok')
  })
})

describe('is stale', () => {
  const [vip, other] = VIPS.ipv4
  const gone = ['10.96.0.10:53/UDP', '10.244.0.1:8080']

  beforeEach(async () => {
    fill()
    serve(vip, 1, 0)
    await plane.all('open c udp4', `connect c ${vip} 53`)
  })

  it('a socket whose Service was made anew at the address, without its backend (CT-3)', async () => {
    plane.tables.map('services').delete(plane.tables.frontend(vip, 53, UDP))
    expect(await seen()).toEqual([])
    serve(vip, 2, 1)
    plane.tables.member(2, 1, 0)
    expect(await seen()).toEqual([gone])
  })

  it('a socket whose Service keeps its endpoints from this node (CT-1, TR-22)', async () => {
    plane.tables.member(1, 1, 0)
    for (const flags of [INTERNAL_DROP, EXTERNAL_DROP]) {
      serve(vip, 1, 0, { active: 0, flags })
      expect(await seen()).toEqual([gone])
    }
  })

  it.each([
    ['while its backend is active', 1, 0, 0],
    ['while its backend terminates (CT-1)', 2, 0, 0],
    ['while its backend serves the short-circuit (CT-1)', 0, 1, 0],
    ['while its backend serves traffic from outside (CT-1)', 0, 0, 1],
  ])('no socket %s', async (_, internal, cluster, external) => {
    serve(vip, 1, 1)
    plane.tables.member(1, 1, internal, cluster, external)
    expect(await seen()).toEqual([])
  })

  it('a socket of a NodePort, by the frontend that all addresses of the node share (CT-3)', async () => {
    const node = new Uint8Array(words(other).buffer)
    plane.tables.map('addresses').update(node, Uint8Array.of(kpAddressRole.NODE_PORTS, 0, 0, 0))
    serve('0.0.0.0', 2, 0)
    await plane.all('open d udp4', `connect d ${other} 53`)
    expect(await seen()).toEqual([])
    serve('0.0.0.0', 2, 1)
    plane.tables.member(2, 1, 0)
    expect(await seen()).toEqual([['0.0.0.0:53/UDP', '10.244.0.1:8080']])
  })

  it('no socket whose frontend is gone, and no such look is counted as a refusal', async () => {
    const address = new Uint8Array(words(vip).buffer)
    plane.tables.map('addresses').update(address, Uint8Array.of(kpAddressRole.CLUSTER_IP, 0, 0, 0))
    plane.tables.map('services').delete(plane.tables.frontend(vip, 53, UDP))
    plane.tables.member(1, 1, 0)
    expect(await seen()).toEqual([])
    expect(plane.tables.reason('UNKNOWN_PORT')).toBe(0)
  })

  it('no socket of a Service without endpoints, or that cannot be read (CT-2)', async () => {
    plane.tables.member(1, 1, 0)
    serve(vip, 1, 0, { active: 0 })
    expect(await seen()).toEqual([])
    const key = plane.tables.frontend(vip, 53, UDP)
    plane.tables.publish(key, { internal: range(1, 1) }, true)
    expect(await seen()).toEqual([])
  })

  it('no socket that is connected no more, or to something else now', async () => {
    await plane.all('open d udp4', `connect d ${vip} 53`)
    serve(vip, 1, 1)
    plane.tables.member(1, 1, 0)
    expect(await seen()).toEqual([gone, gone])
    await plane.all('disconnect c', `connect d ${other} 53`)
    expect(await seen()).toEqual([])
  })

  it('no unconnected socket, and no TCP connection (CT-6, TR-70)', async () => {
    serve(vip, 1, 0, { protocol: TCP })
    await plane.all(
      ...[`open s tcp4`, `bind s ${BACKENDS.ipv4[0]} 8080`],
      ...['open t tcp4', `connect t ${vip} 53`, 'open u udp4', `sendto u ${vip} 53`],
    )
    serve(vip, 1, 1, { protocol: TCP })
    serve(vip, 1, 1)
    plane.tables.member(1, 1, 0)
    expect(await seen()).toEqual([gone])
  })
})

describe('ends', () => {
  const [vip, other] = VIPS.ipv4
  const stale = { serviceId: 1, backendId: 1 }

  beforeEach(async () => {
    fill()
    serve(vip, 1, 0)
    serve(other, 2, 0)
    await plane.all('open c udp4', `connect c ${vip} 53`, 'open d udp4', `connect d ${other} 53`)
    for (const [at, address] of [vip, other].entries()) {
      serve(address, at + 1, 1)
      plane.tables.member(at + 1, 1, 0)
    }
  })

  it('what was agreed on, as it was said last, and nothing else', async () => {
    await sockets.agree([])
    expect(await sockets.end([], plane.netns)).toEqual([])
    await sockets.agree([{ serviceId: 1, backendId: 2 }])
    expect(await sockets.end([], plane.netns)).toEqual([])
    await sockets.agree([stale])
    expect(await sockets.end([], plane.netns)).toMatchObject([stale])
    expect(await plane.do('send d')).toBe('ok')
    expect(await sockets.end([], plane.netns)).toEqual([])
    await sockets.agree([{ serviceId: 2, backendId: 1 }])
    expect(await sockets.end([], plane.netns)).toMatchObject([{ serviceId: 2, backendId: 1 }])
  })

  it('nothing in another network namespace', async () => {
    await sockets.agree([stale])
    expect(await sockets.end([])).toEqual([])
    expect(await plane.do('send c')).toBe('ok')
  })

  it('nothing that came back in the meantime', async () => {
    await sockets.agree([stale])
    plane.tables.member(1, 1, 1)
    expect(await sockets.end([], plane.netns)).toEqual([])
    expect(await plane.do('send c')).toBe('ok')
  })

  it('the port of a socket that was bound to it stays with it', async () => {
    await plane.all('open e udp4', `bind e ${BACKENDS.ipv4[4]} 4444`)
    plane.tables.member(1, 1, 1)
    serve(vip, 1, 0)
    await plane.all(`connect e ${vip} 53`)
    serve(vip, 1, 1)
    plane.tables.member(1, 1, 0)
    await sockets.agree([stale])
    expect(await sockets.end([], plane.netns)).toHaveLength(2)
    await plane.all('open f udp4')
    expect(await plane.do(`bind f ${BACKENDS.ipv4[4]} 4444`)).toBe('EADDRINUSE')
  })
})

it('more stale sockets than one read of the kernel holds are found and ended, each once', async () => {
  const [vip] = VIPS.ipv4
  fill()
  serve(vip, 1, 0)
  const count = 2000
  await plane.all('open c udp4', `many c ${vip} 53 ${count}`)
  serve(vip, 1, 1)
  plane.tables.member(1, 1, 0)
  expect(await sockets.find()).toHaveLength(count)
  await sockets.agree([{ serviceId: 1, backendId: 1 }])
  expect(await sockets.end([], plane.netns)).toHaveLength(count)
  expect(await sockets.find()).toEqual([])
  expect(active(1)).toBe(0)
})
