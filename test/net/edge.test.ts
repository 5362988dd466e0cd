import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  connect,
  connectOnce,
  kproxy,
  type LabNode,
  type Machine,
  type Manifest,
  type ServiceSpec,
  startKproxy,
  stream,
} from '../lab/index.ts'
import { clusterIPs, endpoint, type Family, families, Stage } from './stage.ts'

const POD_CIDRS = '10.244.0.0/16,fd00:10:244::/48'
const FAMILIES = Object.keys(families) as Family[]
const TRANSPORTS = ['tcp', 'udp'] as const

let stage: Stage
let client: Machine

beforeAll(async () => {
  stage = await Stage.build(undefined, ['--cluster-cidr', POD_CIDRS, '--uplinks', 'auto'], true)
  client = stage.lab.outside
  // As a load balancer's router would, by the node with the agent.
  await client.shell(
    [
      `ip route add 203.0.113.0/24 via ${stage.n1.addresses.ipv4}`,
      `ip route add 10.96.0.0/16 via ${stage.n1.addresses.ipv4}`,
      `ip route add 2001:db8:1::/64 via ${stage.n1.addresses.ipv6}`,
      `ip route add fd00:10:96::/112 via ${stage.n1.addresses.ipv6}`,
    ].join('\n'),
  )
})

afterAll(() => stage?.[Symbol.asyncDispose]())

const outside = (host: number) => ({ ipv4: `203.0.113.${host}`, ipv6: `2001:db8:1::${host}` })

const ports = (nodePort: number) => [
  { name: 'tcp', port: 80, targetPort: 8080, nodePort },
  { name: 'udp', protocol: 'UDP', port: 80, targetPort: 8080, nodePort },
]

const spec = (host: number, more: Manifest = {}): ServiceSpec => ({
  name: `edge-${host}`,
  clusterIPs: clusterIPs(host),
  ports: ports(30_000 + host),
  spec: { type: 'LoadBalancer', externalIPs: Object.values(outside(host + 100)), ...more },
  status: {
    loadBalancer: { ingress: Object.values(outside(host)).map((ip) => ({ ip, ipMode: 'VIP' })) },
  },
})

/** The addresses and ports of a Service, as a client outside sees them. */
function places(host: number, family: Family): [string, number][] {
  return [
    [stage.n1.addresses[family], 30_000 + host],
    [outside(host)[family], 80],
    [outside(host + 100)[family], 80],
    [clusterIPs(host)[families[family]] as string, 80],
  ]
}

async function servers(address: string, port: number, transport: 'tcp' | 'udp', count = 30) {
  const tries = await connect(client, address, port, { count, transport })
  expect(tries.filter((one) => !one.ok)).toEqual([])
  return [...new Set(tries.map((one) => one.server))].sort()
}

/**
 * For refusals. The first ICMPv6 error arrives while connect() still holds its socket, and the kernel
 * hands on that of the second SYN alone, a second later; so it is with kube-proxy.
 */
const patient = { timeout: 5_000 } as const

const addressOf = (text: string) => text.slice(0, text.lastIndexOf(':')).replace(/^\[|\]$/g, '')

describe.each(FAMILIES)('over %s', (family) => {
  test.each(TRANSPORTS)(
    'pods of this node answer at every kind of address, and see the client, %s (E1, E16, M8, TR-2)',
    async (transport) => {
      await stage.apply(spec(10), [stage.web(1), stage.web(2)])
      for (const [address, port] of places(10, family)) {
        expect(await servers(address, port, transport)).toEqual(['web-1', 'web-2'])
        const one = await connectOnce(client, address, port, { transport })
        expect(addressOf(one.seen)).toBe(client.addresses[family])
        expect(one.from || one.peername).toBe(endpoint(address, port))
      }
    },
  )

  test.each(TRANSPORTS)(
    'pods of another node answer through this one, %s (E2, E7, M5)',
    async (transport) => {
      await stage.apply(spec(11), [stage.web(3), stage.web(4)])
      for (const [address, port] of places(11, family)) {
        expect(await servers(address, port, transport)).toEqual(['web-3', 'web-4'])
        const one = await connectOnce(client, address, port, { transport })
        expect(addressOf(one.seen)).toBe(stage.n1.addresses[family])
      }
    },
  )

  test('externalTrafficPolicy Local takes the pods of this node alone (E17, M8)', async () => {
    await stage.apply(spec(12, { externalTrafficPolicy: 'Local' }), stage.webs)
    for (const [address, port] of places(12, family).slice(0, 3)) {
      for (const transport of TRANSPORTS) {
        expect(await servers(address, port, transport)).toEqual(['web-1', 'web-2'])
      }
    }
  })

  test('and drops without one, so that a client hears nothing (E17, TR-21)', async () => {
    await stage.apply(spec(13, { externalTrafficPolicy: 'Local' }), [stage.web(3)])
    for (const [address, port] of places(13, family).slice(0, 3)) {
      const one = await connectOnce(client, address, port, { timeout: 300 })
      expect(one).toMatchObject({ ok: false, errno: 'ETIMEDOUT' })
    }
  })

  test('a pod elsewhere gets all endpoints in spite of Local, and itself as well (E18, M6, M9, TR-20)', async () => {
    const host = family === 'ipv4' ? 20 : 21
    await stage.apply(spec(host, { externalTrafficPolicy: 'Local' }), [stage.web(3)])
    const address = stage.n1.addresses[family]
    for (const pod of [stage.n2.pod('client-3'), stage.web(3)]) {
      for (const transport of TRANSPORTS) {
        const one = await connectOnce(pod, address, 30_000 + host, { transport })
        expect(one).toMatchObject({ ok: true, server: 'web-3' })
        expect(addressOf(one.seen)).toBe(address)
      }
    }
  })

  test('without endpoints a client is refused at once, by port unreachable (TR-23, TR-24)', async () => {
    await stage.apply(spec(14), [])
    for (const [address, port] of places(14, family)) {
      for (const transport of ['tcp', 'udp-connected'] as const) {
        const one = await connectOnce(client, address, port, { transport, ...patient })
        expect(one).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
      }
    }
  })

  test('source ranges let a client in or drop it (E14, TR-30, TR-31)', async () => {
    const own = `${client.addresses[family]}/${family === 'ipv4' ? 32 : 128}`
    // Hosts of their own, for to have the same endpoints says nothing of the ranges.
    const [inside, beyond] = family === 'ipv4' ? [15, 16] : [25, 26]
    const open = spec(inside, { loadBalancerSourceRanges: [own] })
    await stage.apply(open, stage.webs)
    expect(await servers(outside(inside)[family], 80, 'tcp')).toHaveLength(4)
    const none = family === 'ipv4' ? '192.0.2.0/24' : '2001:db8:2::/64'
    await stage.apply(spec(beyond, { loadBalancerSourceRanges: [none] }), stage.webs)
    expect(await connectOnce(client, outside(beyond)[family], 80, { timeout: 300 })).toMatchObject({
      ok: false,
    })
    expect(await servers(stage.n1.addresses[family], 30_000 + beyond, 'tcp')).toHaveLength(4)
  })

  test.each(TRANSPORTS)('a client keeps its endpoint by affinity, %s (SA-1)', async (transport) => {
    await stage.apply({ ...spec(17), affinity: 600 }, stage.webs)
    const chosen = new Set<string>()
    for (const [address, port] of places(17, family)) {
      for (const name of await servers(address, port, transport)) chosen.add(name)
    }
    expect(chosen.size).toBe(1)
  })

  test('a connection outlives its endpoint and the agent (TR-70, TR-74)', async () => {
    await stage.apply(spec(18), stage.webs)
    const running = stream(client, outside(18)[family], 80)
    const pods = stage.webs.map((pod) => pod.name)
    await Promise.race(pods.map((name) => running.met(name)))
    await stage.agent.kill()
    await stage.agent.restart()
    await stage.apply(spec(18), [])
    const refused = await connectOnce(client, outside(18)[family], 80, patient)
    expect(refused.errno).toBe('ECONNREFUSED')
    const summary = await running.stop()
    expect(summary).toMatchObject({ error: '' })
    expect(summary.exchanges).toBeGreaterThan(0)
  })
})

/** A counter of the outside client, of both families' ICMP. */
async function icmp(family: Family, name: 'InTimeExcds' | 'InErrors' | 'InDestUnreachs') {
  if (family === 'ipv6') {
    const { stdout } = await client.exec(['cat', '/proc/net/snmp6'])
    return Number(new RegExp(`^Icmp6${name}\\s+(\\d+)$`, 'm').exec(stdout)?.[1])
  }
  const { stdout } = await client.exec(['cat', '/proc/net/snmp'])
  const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Icmp: '))
  const at = names?.split(' ').indexOf(name) ?? -1
  return Number(values?.split(' ')[at])
}

/** One datagram of so many bytes from outside, not to be fragmented. */
const send = (address: string, port: number, bytes: number) =>
  client.exec(['bash', '-c', `head -c ${bytes} /dev/zero >/dev/udp/${address}/${port}`], {
    check: false,
  })

const nodeOf = (where: string) => (where === 'this node' ? 'n1' : 'n2')

describe.each(FAMILIES)('ICMP errors over %s', (family) => {
  test.each(['this node', 'another node'])(
    'a port that a pod of %s has closed is refused by it (E20)',
    async (where) => {
      const host = where === 'this node' ? 40 : 41
      const closed = ports(30_000 + host).map((port) => ({ ...port, targetPort: 9_999 }))
      const pod = where === 'this node' ? stage.web(1) : stage.web(3)
      await stage.apply({ ...spec(host), ports: closed }, [pod])
      for (const [address, port] of places(host, family)) {
        for (const transport of ['tcp', 'udp-connected'] as const) {
          const one = await connectOnce(client, address, port, { transport })
          expect(one).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
        }
      }
    },
  )

  test.each(['this node', 'another node'])(
    'a client learns the MTU of the way to a pod of %s (E20, E24)',
    async (where) => {
      const host = (where === 'this node' ? 42 : 43) + (family === 'ipv4' ? 0 : 10)
      const name = nodeOf(where) === 'n1' ? 'web-1' : 'web-3'
      const pod = stage.lab.node(nodeOf(where)).pod(name)
      const other = stage.lab.node('n2')
      const [from, to] = [other.podCidrs[family], other.addresses[family]]
      const narrow =
        where === 'this node'
          ? `ip link set $(ip -o route get ${pod.addresses.ipv4} | sed 's/.* dev \\([^ ]*\\).*/\\1/') mtu`
          : `ip route replace ${from} via ${to} mtu lock`
      await stage.apply(spec(host), [pod])
      await stage.n1.shell(`${narrow} 1300`)
      const address = outside(host)[family]
      await send(address, 80, 1_400)
      const { stdout } = await client.exec(['ip', 'route', 'get', address])
      await stage.n1.shell(`${narrow} 1500`)
      expect(stdout).toContain(' mtu 1300')
      expect((await connectOnce(client, address, 80, { transport: 'udp' })).ok).toBe(true)
    },
  )

  test.each(['this node', 'another node'])(
    'a client with no hops left on the way to a pod of %s hears of it (E23)',
    async (where) => {
      const host = where === 'this node' ? 44 : 45
      await stage.apply(spec(host), [where === 'this node' ? stage.web(1) : stage.web(3)])
      const before = [await icmp(family, 'InTimeExcds'), await icmp(family, 'InErrors')]
      const setting = family === 'ipv4' ? 'net/ipv4/ip_default_ttl' : 'net/ipv6/conf/eth0/hop_limit'
      await client.shell(`echo 1 >/proc/sys/${setting}`)
      await send(outside(host)[family], 80, 100)
      await client.shell(`echo 64 >/proc/sys/${setting}`)
      expect(await icmp(family, 'InTimeExcds')).toBe((before[0] as number) + 1)
      // The kernel counts errors here that name no socket of its own.
      expect(await icmp(family, 'InErrors')).toBe(before[1])
    },
  )
})

describe.each(FAMILIES)('fragments over %s', (family) => {
  test.each(['this node', 'another node'])(
    'of a large datagram reach a pod of %s, which answers (E19)',
    async (where) => {
      const host = where === 'this node' ? 60 : 61
      const pod = where === 'this node' ? stage.web(1) : stage.web(3)
      await stage.apply(spec(host), [pod])
      const talk = 'exec 3<>"$0"; head -c 4000 /dev/zero >&3; timeout 5 head -c 5 <&3'
      const path = `/dev/udp/${outside(host)[family]}/80`
      const { stdout } = await client.exec(['bash', '-c', talk, path])
      expect(stdout).toContain(pod.name)
    },
  )
})

test('a node that changes its MAC address and tells nobody is found again (E2)', async () => {
  const address = outside(62).ipv4
  await stage.apply(spec(62), [stage.web(3)])
  expect((await connectOnce(client, address, 80)).ok).toBe(true)
  await stage.n2.shell('ip link set eth0 address 02:00:00:00:77:77')
  // What was heard of it lately is believed for up to 45 s more; this is as if they were over.
  await stage.n1.shell(`
    echo 1 >/proc/sys/net/ipv4/neigh/eth0/delay_first_probe_time
    old=$(ip neigh show ${stage.n2.addresses.ipv4} dev eth0 | sed 's/.*lladdr \\([^ ]*\\).*/\\1/')
    ip neigh change ${stage.n2.addresses.ipv4} dev eth0 lladdr $old nud stale`)
  expect((await connectOnce(client, address, 80, { timeout: 300 })).ok).toBe(false)
  const tries = { timeout: 300 }
  await expect
    .poll(async () => (await connectOnce(client, address, 80, tries)).ok, { timeout: 30_000 })
    .toBe(true)
})

test('other ports of the node are left alone', async () => {
  expect(await connectOnce(client, stage.n1.addresses.ipv4, 31_999)).toMatchObject({
    errno: 'ECONNREFUSED',
  })
})

test('status says where traffic from outside is served, and why', async () => {
  const status = await stage.agent.status()
  const edge = status.hooks.filter(({ device }) => device !== undefined)
  expect(edge.map(({ name, device, why, attached }) => ({ name, device, why, attached }))).toEqual([
    { name: 'tcx_egress', device: 'eth0', why: 'default route', attached: true },
    { name: 'tcx_ingress', device: 'eth0', why: 'default route', attached: true },
  ])
  const { stdout } = await kproxy(stage.n1, 'status')
  expect(stdout).toMatch(/^Hooks: +9\/9 attached to .*, 2\/2 to eth0$/m)
  expect(stdout).toContain('edge traffic from outside at eth0 (default route)')
})

test('uplinks are followed as they come, go and are made anew, and a missing one is named (E26)', async () => {
  await stage.agent.kill()
  const args = ['--uplinks', 'eth0,late*,absent']
  const agent = await startKproxy(stage.n1, { manifests: stage.manifests.path, args })
  const devices = async () => {
    const { hooks } = await agent.status()
    const all = hooks.filter(({ attached }) => attached).flatMap(({ device }) => device ?? [])
    return [...new Set(all)].sort()
  }
  expect(await devices()).toEqual(['eth0'])
  const make = 'ip link add late.1 type veth peer name far; ip addr add 192.0.2.1/24 dev late.1'
  for (let round = 0; round < 2; round++) {
    await stage.n1.shell(make)
    await expect.poll(devices).toEqual(['eth0', 'late.1'])
    await stage.n1.shell('ip link del late.1')
    await expect.poll(devices).toEqual(['eth0'])
  }
  const { checks, health } = await agent.status()
  expect(health).toBe('degraded')
  expect(checks).toContainEqual(
    expect.objectContaining({
      name: 'edge',
      ok: false,
      message: expect.stringMatching(/^uplink "absent": there is no such interface/),
    }),
  )
  await agent.kill()
  await stage.agent.restart()
})

test('a tunnel to another node is an uplink like others, once it is named (E2, E24)', async () => {
  const tunnel = (from: LabNode, to: LabNode) =>
    from.shell(`
      ip link add vx0 type vxlan id 7 dstport 4789 dev eth0 \\
        local ${from.addresses.ipv4} remote ${to.addresses.ipv4}
      ip addr add 10.99.0.${from.index}/24 dev vx0
      ip addr add fd00:99::${from.index}/64 dev vx0 nodad
      ip link set vx0 up
      ip route replace ${to.podCidrs.ipv4} via 10.99.0.${to.index}
      ip route replace ${to.podCidrs.ipv6} via fd00:99::${to.index}`)
  await stage.agent.kill()
  await tunnel(stage.n1, stage.n2)
  await tunnel(stage.n2, stage.n1)
  const named = await startKproxy(stage.n1, {
    manifests: stage.manifests.path,
    args: ['--uplinks', 'eth0,vx0'],
  })
  stage.put(spec(63), [stage.web(3)])
  await named.serves('default/edge-63', [stage.web(3)])
  for (const family of FAMILIES) {
    for (const transport of TRANSPORTS) {
      expect(await servers(outside(63)[family], 80, transport)).toEqual(['web-3'])
    }
    await send(outside(63)[family], 80, 1_450)
    const { stdout } = await client.exec(['ip', 'route', 'get', outside(63)[family]])
    expect(stdout).toContain(' mtu 1450')
  }
  await named.kill()
  await stage.n1.shell(`
    ip link del vx0
    ip route replace ${stage.n2.podCidrs.ipv4} via ${stage.n2.addresses.ipv4}
    ip route replace ${stage.n2.podCidrs.ipv6} via ${stage.n2.addresses.ipv6}`)
  await stage.n2.shell(`
    ip link del vx0
    ip route replace ${stage.n1.podCidrs.ipv4} via ${stage.n1.addresses.ipv4}
    ip route replace ${stage.n1.podCidrs.ipv6} via ${stage.n1.addresses.ipv6}`)
  await stage.agent.restart()
})

test('none can be told to be an uplink, and cleanup leaves no program behind', async () => {
  const address = stage.n1.addresses.ipv4
  await stage.apply(spec(19), stage.webs)
  expect(await servers(address, 30_019, 'tcp')).toHaveLength(4)
  await stage.agent.kill()
  expect(await servers(address, 30_019, 'tcp')).toHaveLength(4)
  const none = await startKproxy(stage.n1, {
    manifests: stage.manifests.path,
    args: ['--uplinks', 'none'],
  })
  expect(await connectOnce(client, address, 30_019)).toMatchObject({ errno: 'ECONNREFUSED' })
  expect((await none.status()).checks).toContainEqual(
    expect.objectContaining({ name: 'edge', ok: true, message: expect.stringMatching(/^off: /) }),
  )
  await none.kill()
  await stage.agent.restart()
  expect(await servers(address, 30_019, 'tcp')).toHaveLength(4)
  await stage.agent.kill()
  const exit = await kproxy(stage.n1, 'cleanup', '-o', 'json')
  expect(JSON.parse(exit.stdout)).toMatchObject({ left: [] })
  expect(await connectOnce(client, address, 30_019)).toMatchObject({ errno: 'ECONNREFUSED' })
  await stage.agent.restart()
})
