import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { kpClass, kpServiceStats } from '#abi'
import {
  EXTERNAL_DROP,
  type ServiceRecord,
  SOURCE_RANGES,
} from '../../../control/mode/ebpf/records.ts'
import { Rows } from '../../../control/mode/ebpf/rows.ts'
import { addSourceRange } from '../../../control/mode/ebpf/source-range-rows.ts'
import { range, TCP, UDP } from '../tables.ts'
import { Edge } from './edge.ts'
import { build, buildError, fragment, type Packet, parse, reassemble } from './packet.ts'

let edge: Edge

const families = {
  IPv4: {
    client: '192.0.2.7',
    node: '172.20.0.11',
    pod: '10.244.1.5',
    other: '10.244.1.6',
    vip: '203.0.113.1',
    any: '0.0.0.0',
  },
  IPv6: {
    client: '2001:db8::7',
    node: 'fd00:20::11',
    pod: 'fd00:10:244:1::5',
    other: 'fd00:10:244:1::6',
    vip: '2001:db8:1::1',
    any: '::',
  },
} as const
const protocols = { tcp: TCP, udp: UDP } as const

const cases = (['IPv4', 'IPv6'] as const).flatMap((family) =>
  (['tcp', 'udp'] as const).map((protocol) => ({ family, protocol, ...families[family] })),
)

const end = (address: string, port: number) =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

const ends = (from: string, fromPort: number, to: string, toPort: number) =>
  `${end(from, fromPort)} > ${end(to, toPort)}`

beforeEach(() => {
  edge = new Edge()
  edge.backend(0, 10, families.IPv4.pod, true)
  edge.backend(1, 11, families.IPv6.pod, true)
  edge.member(1, 10, 0, 0, 1)
  edge.member(1, 11, 0, 0, 1)
  edge.role(families.IPv4.node, 'NODE_PORTS')
  edge.role(families.IPv6.node, 'NODE_PORTS')
})

afterEach(() => edge.close())

type Class = keyof typeof kpClass

/** A Service whose external list is the family's pod, and the others nothing. */
function publish(
  family: keyof typeof families,
  protocol: number,
  frontendClass: Class,
  more: Partial<ServiceRecord> = {},
) {
  const { any, vip } = families[family]
  const [address, port] = frontendClass === 'NODE_PORT' ? [any, 30_080] : [vip, 80]
  edge.publish(edge.frontend(address, port, protocol), {
    external: range(family === 'IPv4' ? 0 : 1, 1),
    frontendClass: kpClass[frontendClass],
    ...more,
  })
}

const ask = (one: (typeof cases)[number], more: Partial<Packet> = {}): Packet => ({
  protocol: one.protocol,
  source: one.client,
  sourcePort: 40_000,
  destination: one.vip,
  destinationPort: 80,
  payload: one.protocol === 'udp' ? 'question' : '',
  ...more,
})

const answer = (one: (typeof cases)[number], more: Partial<Packet> = {}): Packet => ({
  protocol: one.protocol,
  source: one.pod,
  sourcePort: 8080,
  destination: one.client,
  destinationPort: 40_000,
  flags: 'SA',
  payload: one.protocol === 'udp' ? 'answer' : '',
  ...more,
})

describe.each(cases)('$family $protocol to a backend of this node', (one) => {
  const number = protocols[one.protocol]

  it('at a NodePort is given the pod, and keeps its client (E1, M8, TR-5, TR-40)', async () => {
    publish(one.family, number, 'NODE_PORT')
    const there = edge.in(ask(one, { destination: one.node, destinationPort: 30_080 }))
    expect(there.verdict).toBe('next')
    expect(there.seen).toEqual({
      ends: ends(one.client, 40_000, one.pod, 8080),
      ttl: 64,
      sums: true,
    })
    const back = edge.out(answer(one))
    expect(back.verdict).toBe('next')
    expect(back.seen).toEqual({
      ends: ends(one.node, 30_080, one.client, 40_000),
      ttl: 64,
      sums: true,
    })
    expect(edge.counter('service_stats', 1, kpServiceStats, kpServiceStats.connections)).toBe(1)
  })

  it.each(['EXTERNAL_IP', 'LOAD_BALANCER_IP'] as const)('at class %s as well', (frontendClass) => {
    publish(one.family, number, frontendClass)
    expect(edge.in(ask(one)).seen.ends).toBe(ends(one.client, 40_000, one.pod, 8080))
    expect(edge.out(answer(one)).seen.ends).toBe(ends(one.vip, 80, one.client, 40_000))
  })

  it('moves to the table of answered flows with the first answer', async () => {
    publish(one.family, number, 'EXTERNAL_IP')
    edge.in(ask(one))
    expect([await edge.entries('half_open'), await edge.entries('established')]).toEqual([2, 0])
    edge.out(answer(one))
    expect([await edge.entries('half_open'), await edge.entries('established')]).toEqual([0, 2])
    const later = edge.in(ask(one, { flags: 'A', payload: 'more' }))
    expect(later.seen.ends).toBe(ends(one.client, 40_000, one.pod, 8080))
  })

  it('finds its way back while one half of it is missing (E4, E5)', async () => {
    publish(one.family, number, 'EXTERNAL_IP')
    edge.in(ask(one))
    await edge.remove('half_open', 'reply')
    expect(edge.in(ask(one)).seen.ends).toBe(ends(one.client, 40_000, one.pod, 8080))
    await edge.remove('half_open', 'forward')
    expect(edge.out(answer(one)).seen.ends).toBe(ends(one.vip, 80, one.client, 40_000))
    expect(await edge.entries('established')).toBe(2)
  })

  it('keeps flows of two Services to one pod apart, from one client port (E6)', () => {
    publish(one.family, number, 'EXTERNAL_IP')
    publish(one.family, number, 'NODE_PORT')
    expect(edge.in(ask(one)).seen.ends).toBe(ends(one.client, 40_000, one.pod, 8080))
    const second = edge.in(ask(one, { destination: one.node, destinationPort: 30_080 }))
    const [, port] = /:(\d+) > /.exec(second.seen.ends) ?? []
    expect(Number(port)).not.toBe(40_000)
    expect(second.seen).toMatchObject({
      ends: ends(one.client, Number(port), one.pod, 8080),
      sums: true,
    })
    expect(edge.out(answer(one)).seen.ends).toBe(ends(one.vip, 80, one.client, 40_000))
    const reply = edge.out(answer(one, { destinationPort: Number(port) }))
    expect(reply.seen).toMatchObject({
      ends: ends(one.node, 30_080, one.client, 40_000),
      sums: true,
    })
  })

  it('leaves alone what concerns no Service, in both directions', () => {
    publish(one.family, number, 'EXTERNAL_IP')
    for (const packet of [
      ask(one, { destinationPort: 81 }),
      ask(one, { destination: one.other }),
    ]) {
      const { verdict, frame } = edge.in(packet)
      expect(verdict).toBe('next')
      expect(frame).toEqual(build(packet))
    }
    const packet = answer(one)
    expect(edge.out(packet)).toMatchObject({ verdict: 'next', frame: build(packet) })
    expect(edge.in(packet)).toMatchObject({ verdict: 'next', frame: build(packet) })
  })

  it('is refused with port unreachable where no endpoint is (TR-23, TR-24)', () => {
    publish(one.family, number, 'EXTERNAL_IP', { external: range(0, 0) })
    const packet = ask(one, { payload: 'x'.repeat(7) })
    const { verdict, seen } = edge.in(packet)
    expect(verdict).toBe('redirect')
    expect(seen).toMatchObject({
      ends: one.family === 'IPv4' ? `${one.vip} > ${one.client}` : `[${one.vip}] > [${one.client}]`,
      icmp: one.family === 'IPv4' ? '3/3' : '1/4',
      sums: true,
    })
    const sent = build(packet).subarray(14)
    expect(seen.inner).toEqual(sent.subarray(0, sent.length & ~3))
    expect(edge.reason('NO_ENDPOINT')).toBe(1)
    expect(edge.counter('service_stats', 1, kpServiceStats, kpServiceStats.refused)).toBe(1)
  })

  it('is dropped where externalTrafficPolicy is Local and no endpoint is here (E17, TR-21)', () => {
    publish(one.family, number, 'EXTERNAL_IP', { external: range(0, 0), flags: EXTERNAL_DROP })
    expect(edge.in(ask(one)).verdict).toBe('drop')
    expect(edge.reason('NO_LOCAL_ENDPOINT')).toBe(1)
  })

  it('gets the cluster list if it comes from a pod, the external one if not (M6, M8, TR-20)', () => {
    publish(one.family, number, 'EXTERNAL_IP', { cluster: range(2, 1) })
    edge.backend(2, 20, one.other, true)
    edge.cidr('pod_cidrs', one.family === 'IPv4' ? '10.244.0.0/16' : 'fd00:10:244::/48')
    expect(edge.in(ask(one)).seen.ends).toBe(ends(one.client, 40_000, one.pod, 8080))
    const source = one.family === 'IPv4' ? '10.244.2.9' : 'fd00:10:244:2::9'
    expect(edge.in(ask(one, { source })).seen.ends).toBe(ends(source, 40_000, one.other, 8080))
  })

  it('is let in by the source ranges of LoadBalancer IPs, or dropped (E14, TR-31, TR-32)', () => {
    publish(one.family, number, 'LOAD_BALANCER_IP', { flags: SOURCE_RANGES })
    const rows = new Rows('source_ranges')
    addSourceRange(rows, {
      serviceId: 1,
      cidr: one.family === 'IPv4' ? '192.0.2.0/29' : '2001:db8::/125',
    })
    edge.map('source_ranges').update(rows.keyBytes(), rows.valueBytes())
    expect(edge.in(ask(one)).seen.ends).toBe(ends(one.client, 40_000, one.pod, 8080))
    const source = one.family === 'IPv4' ? '192.0.2.8' : '2001:db8::8'
    expect(edge.in(ask(one, { source })).verdict).toBe('drop')
    expect(edge.reason('SOURCE_RANGE')).toBe(1)
  })

  it('remembers a client by its address (SA-1, SA-2)', () => {
    edge.fill(100, 16, 500)
    for (let i = 0; i < 16; i++) {
      edge.backend(
        100 + i,
        500 + i,
        one.family === 'IPv4' ? `10.244.1.${i + 1}` : `fd00:10:244:1::${i + 1}`,
        true,
      )
      edge.member(1, 500 + i, 1, 1, 1)
    }
    publish(one.family, number, 'EXTERNAL_IP', { external: range(100, 16), affinitySeconds: 600 })
    const backendOf = (source: string, sourcePort: number) =>
      edge.in(ask(one, { source, sourcePort })).seen.ends.split(' > ')[1]
    const sources =
      one.family === 'IPv4'
        ? ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5', '192.0.2.6']
        : ['2001:db8::1', '2001:db8::2', '2001:db8::3', '2001:db8::4', '2001:db8::5', '2001:db8::6']
    const chosen = sources.map((source) => {
      const all = new Set([1, 2, 3, 4, 5, 6, 7, 8].map((port) => backendOf(source, 40_000 + port)))
      expect(all.size).toBe(1)
      return [...all][0]
    })
    expect(new Set(chosen).size).toBeGreaterThan(1)
  })

  it('with options or extension headers is no other (E22, E30)', () => {
    publish(one.family, number, 'EXTERNAL_IP')
    const there = edge.in(ask(one, { extra: 2 }))
    expect(there.seen).toEqual({
      ends: ends(one.client, 40_000, one.pod, 8080),
      ttl: 64,
      sums: true,
    })
  })

  it('cut short anywhere is passed on as it is (E22)', () => {
    publish(one.family, number, 'EXTERNAL_IP')
    const whole = build(ask(one, { payload: '' }))
    // The kernel runs no program over less than a network header.
    const first = one.family === 'IPv4' ? 34 : 54
    for (let size = first; size < whole.length; size++) {
      const frame = whole.slice(0, size)
      expect(edge.in(frame)).toMatchObject({ verdict: 'next', frame })
      expect(edge.out(frame)).toMatchObject({ verdict: 'next', frame })
    }
  })
})

describe('TCP connections', () => {
  const one = cases[0] as (typeof cases)[number]

  beforeEach(() => {
    publish('IPv4', TCP, 'EXTERNAL_IP', { external: range(100, 64) })
    edge.fill(100, 64, 500)
    for (let i = 0; i < 64; i++) edge.backend(100 + i, 500 + i, `10.244.1.${i + 1}`, true)
  })

  const backendOf = (more: Partial<Packet> = {}) =>
    /> ([\d.]+):/.exec(edge.in(ask(one, more)).seen.ends)?.[1] as string

  it('keep their backend when the SYN comes again (E10)', () => {
    const first = backendOf()
    for (let i = 0; i < 10; i++) expect(backendOf()).toBe(first)
    edge.out(answer(one, { source: first }))
    for (let i = 0; i < 10; i++) expect(backendOf()).toBe(first)
  })

  it.each(['both have said that they end', 'one has reset'])(
    'choose anew where %s and the ports come again (E11)',
    (how) => {
      const chosen = new Set<string>()
      for (let i = 0; i < 12; i++) {
        const source = backendOf()
        chosen.add(source)
        edge.out(answer(one, { source, sequence: 5000 }))
        if (how === 'one has reset') {
          edge.in(ask(one, { flags: 'R', sequence: 1001 }))
        } else {
          edge.in(ask(one, { flags: 'FA', sequence: 1001 }))
          edge.out(answer(one, { source, flags: 'FA', sequence: 5001 }))
        }
      }
      expect(chosen.size).toBeGreaterThan(3)
    },
  )

  it('are not ended by a RST that does not belong to them (E12)', () => {
    const source = backendOf()
    edge.out(answer(one, { source, sequence: 5000 }))
    edge.in(ask(one, { flags: 'R', sequence: 1001 + 2_000_000 }))
    for (let i = 0; i < 10; i++) expect(backendOf()).toBe(source)
  })

  it("that began before us are the stack's (E25)", () => {
    for (const flags of ['A', 'SA', 'FA', 'R']) {
      const packet = ask(one, { flags, sourcePort: 41_000 })
      expect(edge.in(packet)).toMatchObject({ verdict: 'next', frame: build(packet) })
    }
  })
})

describe('UDP', () => {
  const one = cases[1] as (typeof cases)[number]

  it('without a checksum has none afterwards (E21)', () => {
    publish('IPv4', UDP, 'EXTERNAL_IP')
    const { seen, frame } = edge.in(ask(one, { unsummed: true }))
    expect(seen.ends).toBe(ends(one.client, 40_000, one.pod, 8080))
    expect(Buffer.from(frame).readUInt16BE(14 + 20 + 6)).toBe(0)
  })
})

describe('addresses without a frontend for the port', () => {
  it('a ClusterIP refuses, a range for Services drops (E15, TR-60, TR-61)', () => {
    edge.role('10.96.0.1', 'CLUSTER_IP')
    edge.cidr('service_cidrs', '10.96.0.0/12')
    const packet = ask(cases[0] as (typeof cases)[number], {
      destination: '10.96.0.1',
      destinationPort: 99,
    })
    expect(edge.in(packet).seen).toMatchObject({ icmp: '3/3', sums: true })
    expect(edge.in({ ...packet, destination: '10.96.0.2' }).verdict).toBe('drop')
    expect([edge.reason('UNKNOWN_PORT'), edge.reason('NO_SERVICE')]).toEqual([1, 1])
  })
})

describe('the table of answered flows', () => {
  it('when full leaves flows where they are, and says so', async () => {
    edge.close()
    edge = new Edge({ established: 1 })
    edge.backend(0, 10, families.IPv4.pod, true)
    publish('IPv4', TCP, 'EXTERNAL_IP')
    const one = cases[0] as (typeof cases)[number]
    edge.in(ask(one))
    expect(edge.out(answer(one)).seen.ends).toBe(ends(one.vip, 80, one.client, 40_000))
    expect(edge.reason('CONNTRACK_FULL')).toBe(1)
    expect(edge.in(ask(one, { flags: 'A' })).seen.ends).toBe(
      ends(one.client, 40_000, one.pod, 8080),
    )
    expect(await edge.entries('half_open')).toBe(2)
  })
})

describe('flows that nobody uses', () => {
  const seconds = { udp_answered_seconds: 0, udp_unanswered_seconds: 0, tcp_reset_seconds: 0 }

  it.each(cases)('$family $protocol leave the tables (E12)', async (one) => {
    edge.close()
    edge = new Edge({}, seconds)
    edge.backend(0, 10, families.IPv4.pod, true)
    edge.backend(1, 11, families.IPv6.pod, true)
    edge.member(1, 10, 0, 0, 1)
    edge.member(1, 11, 0, 0, 1)
    publish(one.family, protocols[one.protocol], 'EXTERNAL_IP')
    edge.in(ask(one))
    edge.out(answer(one, { sequence: 5000 }))
    edge.in(ask(one, { sourcePort: 40_001 }))
    const left = async () => [await edge.entries('established'), await edge.entries('half_open')]
    expect(await left()).toEqual([2, 2])
    const swept = await edge.sweep()
    expect(swept).toEqual(await left())
    const isTcp = one.protocol === 'tcp'
    expect(await left()).toEqual(isTcp ? [2, 2] : [0, 0])
    if (!isTcp) return
    edge.in(ask(one, { flags: 'R', sequence: 1001 }))
    await edge.sweep()
    expect(await left()).toEqual([0, 2])
  })
})

describe('UDP flows', () => {
  const udp = cases.filter(({ protocol }) => protocol === 'udp')

  it.each(udp)('$family choose anew when their endpoint is gone (TR-72)', (one) => {
    const slot = one.family === 'IPv4' ? 0 : 1
    publish(one.family, UDP, 'EXTERNAL_IP')
    edge.member(1, 10 + slot, 0, 0, 1)
    edge.in(ask(one))
    edge.out(answer(one))
    edge.backend(slot, 30, one.other, true)
    edge.member(1, 30, 0, 0, 1)
    expect(edge.in(ask(one)).seen.ends).toBe(ends(one.client, 40_000, one.pod, 8080))
    edge.member(1, 10 + slot, 0)
    expect(edge.in(ask(one)).seen.ends).toBe(ends(one.client, 40_000, one.other, 8080))
  })
})

describe('TCP flows', () => {
  it('stay with an endpoint that is gone (E13, TR-70)', () => {
    const one = cases[0] as (typeof cases)[number]
    publish('IPv4', TCP, 'EXTERNAL_IP')
    edge.in(ask(one))
    edge.out(answer(one))
    edge.backend(0, 30, one.other, true)
    const later = edge.in(ask(one, { flags: 'A', payload: 'more' }))
    expect(later.seen.ends).toBe(ends(one.client, 40_000, one.pod, 8080))
  })
})

describe.each(cases)('ICMP errors about $family $protocol', (one) => {
  const is4 = one.family === 'IPv4'
  const router = is4 ? '198.51.100.1' : '2001:db8:9::1'
  const unreachable = is4 ? { type: 3, code: 3 } : { type: 1, code: 4 }
  const tooBig = is4 ? { type: 3, code: 4, mtu: 1400 } : { type: 2, code: 0, mtu: 1400 }
  const plain = (address: string) => (is4 ? address : `[${address}]`)

  beforeEach(() => {
    publish(one.family, protocols[one.protocol], 'EXTERNAL_IP')
    edge.in(ask(one))
  })

  const seenInside = () =>
    build({ ...ask(one), destination: one.pod, destinationPort: 8080, payload: 'p'.repeat(30) })

  it('that a pod sends come from the frontend, about what the client sent (E20)', () => {
    const error = { source: one.pod, destination: one.client, ...unreachable, about: seenInside() }
    for (const bytes of [8, 20]) {
      const { verdict, seen } = edge.out(buildError({ ...error, bytes }))
      expect(verdict).toBe('next')
      expect(seen).toMatchObject({
        ends: `${plain(one.vip)} > ${plain(one.client)}`,
        icmp: `${unreachable.type}/${unreachable.code}`,
        innerEnds: ends(one.client, 40_000, one.vip, 80),
        innerSum: true,
        sums: true,
      })
    }
  })

  it('that the node sends keep its address and their MTU (E20, E24)', () => {
    const error = { source: one.node, destination: one.client, ...tooBig, about: seenInside() }
    expect(edge.out(buildError(error)).seen).toMatchObject({
      ends: `${plain(one.node)} > ${plain(one.client)}`,
      mtu: 1400,
      innerEnds: ends(one.client, 40_000, one.vip, 80),
      innerSum: true,
      sums: true,
    })
  })

  it('about answers reach the pod that sent them (E20, E24)', () => {
    const about = edge.out(answer(one, { payload: 'p'.repeat(30) })).frame
    const error = { source: router, destination: one.vip, ...tooBig, about }
    const { verdict, seen } = edge.in(buildError(error))
    expect(verdict).toBe('next')
    expect(seen).toMatchObject({
      ends: `${plain(router)} > ${plain(one.pod)}`,
      mtu: 1400,
      innerEnds: ends(one.pod, 8080, one.client, 40_000),
      innerSum: true,
      sums: true,
    })
  })

  it('that concern no flow, or are no errors, or are cut off are left alone (E20, E22)', () => {
    const stranger = build(ask(one, { destination: one.other, sourcePort: 41_000 }))
    const about = seenInside()
    const base = { source: one.pod, destination: one.client, ...unreachable }
    const frames = [
      buildError({ ...base, about: stranger }),
      buildError({ ...base, about, type: is4 ? 8 : 128 }),
      buildError({ ...base, about, bytes: 2 }),
      buildError({ ...base, about: about.slice(0, 30) }),
    ]
    for (const frame of frames) {
      expect(edge.out(frame)).toMatchObject({ verdict: 'next', frame })
      expect(edge.in(frame)).toMatchObject({ verdict: 'next', frame })
    }
  })
})

describe.each(cases)('fragments of $family $protocol', (one) => {
  const size = 32
  const payload = 'fragmented '.repeat(8)

  beforeEach(() => publish(one.family, protocols[one.protocol], 'EXTERNAL_IP'))

  it('follow the first one, both ways (E19)', () => {
    const [first, second] = fragment(build(ask(one, { payload })), size)
    const there = [edge.in(first), edge.in(second)] as const
    expect(there.map(({ verdict }) => verdict)).toEqual(['next', 'next'])
    expect(parse(reassemble(there[0].frame, there[1].frame))).toMatchObject({
      ends: ends(one.client, 40_000, one.pod, 8080),
      sums: true,
    })
    const [reply, rest] = fragment(build(answer(one, { payload })), size)
    const back = [edge.out(reply), edge.out(rest)] as const
    expect(parse(reassemble(back[0].frame, back[1].frame))).toMatchObject({
      ends: ends(one.vip, 80, one.client, 40_000),
      sums: true,
    })
  })

  it('without the first one are left alone (E19)', () => {
    const [, second] = fragment(build(ask(one, { payload })), size)
    expect(edge.in(second)).toMatchObject({ verdict: 'next', frame: second })
    expect(edge.out(second)).toMatchObject({ verdict: 'next', frame: second })
  })
})
