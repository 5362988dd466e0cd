import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  connect,
  connectOnce,
  kproxy,
  type Manifest,
  type Place,
  type Pod,
  type Running,
  type ServiceSpec,
  type StreamSummary,
  serve,
  stream,
} from '../lab/index.ts'
import { clusterIPs, endpoint, families, Stage } from './stage.ts'

const POD_CIDRS = '10.244.0.0/16,fd00:10:244::/48'

let stage: Stage

beforeAll(async () => {
  stage = await Stage.build(undefined, ['--cluster-cidr', POD_CIDRS])
})

afterAll(() => stage?.[Symbol.asyncDispose]())

const portsWith = (nodePort: number) => [
  { name: 'http', port: 80, targetPort: 8080, nodePort },
  { name: 'dns', protocol: 'UDP', port: 53, targetPort: 8080, nodePort },
]
const ports = [
  { name: 'http', port: 80, targetPort: 8080 },
  { name: 'dns', protocol: 'UDP', port: 53, targetPort: 8080 },
]

async function servers(place: Place, address: string, port = 80, count = 30): Promise<string[]> {
  const tries = await connect(place, address, port, { count })
  expect(tries.filter((one) => !one.ok)).toEqual([])
  return [...new Set(tries.map((one) => one.server))].sort()
}

/** External addresses number `host` of both families. */
const outside = (host: number): [string, string] => [`203.0.113.${host}`, `2001:db8:1::${host}`]

const balanced = (addresses: readonly string[], more: Manifest = {}): Manifest => ({
  loadBalancer: { ingress: addresses.map((ip) => ({ ip, ipMode: 'VIP', ...more })) },
})

const ALL = ['web-1', 'web-2', 'web-3', 'web-4']

describe('NodePorts', () => {
  const spec: ServiceSpec = {
    name: 'node-port',
    clusterIPs: clusterIPs(10),
    ports: portsWith(30_080),
    spec: { type: 'NodePort' },
  }

  beforeAll(() => stage.apply(spec, stage.webs))

  test.each(Object.keys(families) as (keyof typeof families)[])(
    'answer at the address of the node, for pods and for the node, %s (TR-2, TR-40)',
    async (family) => {
      const address = stage.n1.addresses[family]
      for (const place of stage.clients) {
        expect(await servers(place, address, 30_080)).toEqual(ALL)
        const datagram = await connectOnce(place, address, 30_080, { transport: 'udp' })
        expect(datagram).toMatchObject({ ok: true, from: endpoint(address, 30_080) })
      }
    },
  )

  test('show their own address as the peer (S9)', async () => {
    const address = stage.n1.addresses.ipv4
    const one = await connectOnce(stage.client, address, 30_080)
    expect(one).toMatchObject({ ok: true, peername: endpoint(address, 30_080) })
  })

  test('answer at the addresses of pod interfaces and at ones that appear later (TR-40, TR-43)', async () => {
    expect(await servers(stage.client, '10.244.1.1', 30_080)).toEqual(ALL)
    const late = '172.20.0.77'
    await stage.n1.shell(`ip addr add ${late}/32 dev eth0`)
    await expect.poll(async () => (await connectOnce(stage.n1, late, 30_080)).ok).toBe(true)
    await stage.n1.shell(`ip addr del ${late}/32 dev eth0`)
    await expect
      .poll(async () => (await connectOnce(stage.n1, late, 30_080, { timeout: 200 })).ok)
      .toBe(false)
  })

  test('answer the node alone at 127.0.0.1, and nobody at ::1 (TR-44, TR-45, S4)', async () => {
    expect(await servers(stage.n1, '127.0.0.1', 30_080)).toEqual(ALL)
    expect(await connectOnce(stage.client, '127.0.0.1', 30_080)).toMatchObject({
      ok: false,
      errno: 'ECONNREFUSED',
    })
    for (const place of stage.clients) {
      expect(await connectOnce(place, '::1', 30_080)).toMatchObject({ errno: 'ECONNREFUSED' })
    }
  })

  test('go before a process of the node that listens on the port (TR-46)', async () => {
    const server = await serve(stage.n1, { name: 'squatter', ports: [30_080] })
    for (const place of stage.clients) {
      expect(await servers(place, stage.n1.addresses.ipv4, 30_080)).toEqual(ALL)
    }
    await server.stop()
  })

  test('leave other ports of the node alone', async () => {
    expect(await connectOnce(stage.n1, stage.n1.addresses.ipv4, 30_081)).toMatchObject({
      errno: 'ECONNREFUSED',
    })
  })
})

describe('external and LoadBalancer IPs', () => {
  test('external IPs answer for pods and for the node (S5)', async () => {
    const externalIPs = outside(20)
    const spec = { name: 'external', clusterIPs: clusterIPs(20), ports, spec: { externalIPs } }
    await stage.apply(spec, stage.webs)
    for (const place of stage.clients) {
      for (const address of externalIPs) expect(await servers(place, address)).toEqual(ALL)
    }
  })

  test('LoadBalancer IPs answer, but for those of a proxy', async () => {
    const [vip, vip6] = outside(21)
    const spec: ServiceSpec = {
      name: 'balanced',
      clusterIPs: clusterIPs(21),
      ports: portsWith(30_021),
      spec: { type: 'LoadBalancer' },
      status: balanced([vip, vip6]),
    }
    await stage.apply(spec, stage.webs)
    for (const place of stage.clients) {
      expect(await servers(place, vip)).toEqual(ALL)
      expect(await servers(place, vip6)).toEqual(ALL)
    }
    stage.put({ ...spec, status: balanced([vip, vip6], { ipMode: 'Proxy' }) }, stage.webs)
    await expect
      .poll(async () => (await connectOnce(stage.client, vip, 80, { timeout: 200 })).ok)
      .toBe(false)
    expect(await servers(stage.n1, stage.n1.addresses.ipv4, 30_021)).toEqual(ALL)
  })
})

describe('externalTrafficPolicy Local', () => {
  const spec = (host: number): ServiceSpec => ({
    name: `local-${host}`,
    clusterIPs: clusterIPs(host),
    ports: portsWith(30_000 + host),
    spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
    status: balanced(outside(host)),
  })

  test('gives clients of this node all endpoints, as from outside and back (TR-20, M6, M7)', async () => {
    await stage.apply(spec(30), stage.webs)
    for (const place of stage.clients) {
      expect(await servers(place, outside(30)[0])).toEqual(ALL)
      expect(await servers(place, stage.n1.addresses.ipv4, 30_030)).toEqual(ALL)
    }
  })

  test('works on a node without local endpoints (TR-20)', async () => {
    await stage.apply(spec(31), [stage.web(3), stage.web(4)])
    for (const place of stage.clients) {
      expect(await servers(place, outside(31)[1])).toEqual(['web-3', 'web-4'])
      expect(await servers(place, stage.n1.addresses.ipv6, 30_031)).toEqual(['web-3', 'web-4'])
    }
  })

  test('does not touch the ClusterIP, nor internalTrafficPolicy the others (TR-12)', async () => {
    const both = { ...spec(32), internalTrafficPolicy: 'Local' as const }
    await stage.apply(both, stage.webs)
    expect(await servers(stage.client, both.clusterIPs[0] ?? '')).toEqual(['web-1', 'web-2'])
    expect(await servers(stage.client, outside(32)[0])).toEqual(ALL)
  })

  test('without endpoints everything is refused at once (TR-23)', async () => {
    await stage.apply(spec(33), [])
    for (const place of stage.clients) {
      for (const address of [outside(33)[0], stage.n1.addresses.ipv4]) {
        const port = address === outside(33)[0] ? 80 : 30_033
        expect(await connectOnce(place, address, port)).toMatchObject({ errno: 'ECONNREFUSED' })
      }
    }
  })
})

describe('loadBalancerSourceRanges', () => {
  const limited = (ranges: readonly string[], host: number): ServiceSpec => ({
    name: `limited-${host}`,
    clusterIPs: clusterIPs(host),
    ports: portsWith(30_000 + host),
    spec: { type: 'LoadBalancer', loadBalancerSourceRanges: ranges },
    status: balanced(outside(host)),
  })
  const other = () => stage.n1.pod('client-2')
  const cidrsOf = (pod: Pod) => [`${pod.addresses.ipv4}/32`, `${pod.addresses.ipv6}/128`]
  const denied = { ok: false, errno: 'EHOSTUNREACH' }

  test('let in those pods that are in one, over both families and protocols (TR-31, TR-32)', async () => {
    await stage.apply(limited(cidrsOf(stage.client), 40), stage.webs)
    for (const address of outside(40)) {
      expect(await servers(stage.client, address)).toEqual(ALL)
      expect(await connectOnce(other(), address, 80)).toMatchObject(denied)
      expect(await connectOnce(stage.n1, address, 80)).toMatchObject(denied)
      for (const transport of ['udp', 'udp-connected'] as const) {
        expect(await connectOnce(stage.client, address, 53, { transport })).toMatchObject({
          ok: true,
        })
        expect(await connectOnce(other(), address, 53, { transport })).toMatchObject(denied)
      }
    }
  })

  test('concern no other address of the Service (TR-30)', async () => {
    await stage.apply(limited(['192.0.2.0/24', '2001:db8:2::/64'], 41), stage.webs)
    expect(await connectOnce(stage.client, outside(41)[0], 80)).toMatchObject(denied)
    for (const place of [...stage.clients, other()]) {
      expect(await servers(place, clusterIPs(41)[0])).toEqual(ALL)
      expect(await servers(place, stage.n1.addresses.ipv4, 30_041)).toEqual(ALL)
    }
  })

  test('let the node in by its own address (TR-33)', async () => {
    const { ipv4, ipv6 } = stage.n1.addresses
    await stage.apply(limited([`${ipv4}/32`, `${ipv6}/128`], 42), stage.webs)
    for (const address of outside(42)) {
      expect(await servers(stage.n1, address)).toEqual(ALL)
      expect(await connectOnce(stage.client, address, 80)).toMatchObject(denied)
    }
  })

  test('may change and vanish while it runs', async () => {
    await stage.apply(limited(cidrsOf(stage.client), 43), stage.webs)
    const [address] = outside(43)
    const reaches = async (place: Place) => (await connectOnce(place, address, 80)).ok
    await expect.poll(() => reaches(stage.client)).toBe(true)
    await stage.apply(limited(cidrsOf(other()), 43), stage.webs)
    await expect.poll(() => reaches(stage.client)).toBe(false)
    await expect.poll(() => reaches(other())).toBe(true)
    await stage.apply(limited([], 43), stage.webs)
    await expect.poll(() => reaches(stage.client)).toBe(true)
  })
})

describe('ports that no Service has', () => {
  test('are refused at once at a ClusterIP (TR-1, TR-60)', async () => {
    const spec = { name: 'guarded', clusterIPs: clusterIPs(50), ports }
    await stage.apply(spec, stage.webs)
    for (const place of stage.clients) {
      for (const address of spec.clusterIPs) {
        const refused = { ok: false, errno: 'ECONNREFUSED' }
        await expect.poll(() => connectOnce(place, address, 81)).toMatchObject(refused)
        expect(await connectOnce(place, address, 80, { transport: 'udp' })).toMatchObject(refused)
      }
    }
  })

  test('are left alone once the Service is gone', async () => {
    const spec = { name: 'fleeting', clusterIPs: clusterIPs(51), ports }
    await stage.apply(spec, stage.webs)
    const errno = async () =>
      (await connectOnce(stage.client, spec.clusterIPs[0], 81, { timeout: 200 })).errno
    await expect.poll(errno).toBe('ECONNREFUSED')
    stage.manifests.delete('fleeting')
    await stage.agent.forgets('default/fleeting')
    await expect.poll(errno).not.toBe('ECONNREFUSED')
  })
})

describe('schedulers', () => {
  const scheduled = (scheduler: string, host: number): ServiceSpec => ({
    name: `scheduled-${scheduler}`,
    clusterIPs: clusterIPs(host),
    ports,
    annotations: { 'kproxy.dev/scheduler': scheduler },
  })

  test('rr takes turns over all clients', async () => {
    const spec = scheduled('rr', 60)
    await stage.apply(spec, stage.webs)
    const tries = await connect(stage.client, spec.clusterIPs[0] ?? '', 80, { count: 40 })
    for (const name of ALL) expect(tries.filter((one) => one.server === name)).toHaveLength(10)
  })

  test.each([
    ['sh', 61],
    ['dh', 62],
  ] as const)('%s keeps a client, or an address, to one endpoint', async (scheduler, host) => {
    const spec = scheduled(scheduler, host)
    await stage.apply(spec, stage.webs)
    const [first, ...others] = await servers(stage.client, spec.clusterIPs[0] ?? '')
    expect(others).toEqual([])
    expect(await servers(stage.client, spec.clusterIPs[0] ?? '')).toEqual([first])
  })

  test('mh spreads connections', async () => {
    const spec = scheduled('mh', 63)
    await stage.apply(spec, stage.webs)
    expect(await servers(stage.client, spec.clusterIPs[0] ?? '', 80, 60)).toEqual(ALL)
  })

  test('lc avoids endpoints that have connections, as long as they last', async () => {
    const spec = scheduled('lc', 64)
    await stage.apply(spec, stage.webs)
    const address = spec.clusterIPs[0] ?? ''
    const streams: Running<StreamSummary>[] = []
    for (let n = 1; n <= 3; n++) {
      streams.push(stream(stage.client, address, 80))
      await expect.poll(async () => (await busy(spec)).length).toBe(n)
    }
    const names = await busy(spec)
    const idle = ALL.filter((name) => !names.includes(name))
    // One after another: each connection is over when the next one is made.
    expect(await servers(stage.n1, address)).toEqual(idle)
    await Promise.all(streams.map((one) => one.stop()))
    await expect.poll(() => servers(stage.n1, address, 80, 60)).toEqual(ALL)
  })

  /** Pods with connections that last. */
  async function busy(spec: ServiceSpec): Promise<string[]> {
    const service = await stage.agent.service(`default/${spec.name}`)
    const endpoints = service?.endpoints.filter(({ active }) => active > 0) ?? []
    const addresses = endpoints.map(({ address }) => address)
    return stage.webs
      .filter((pod) => addresses.includes(pod.addresses.ipv4))
      .map(({ name }) => name)
  }
})

test('status refuses nothing of all that, and dump shows it', async () => {
  const { refused } = await stage.agent.status()
  expect(refused).toEqual([])
  const exit = await kproxy(stage.n1, 'dump', 'services', '-o', 'json')
  expect(exit.code).toBe(0)
  expect(JSON.parse(exit.stdout).maps.services).toContainEqual(
    expect.objectContaining({ frontend: '0.0.0.0:30080/TCP', class: 'NODE_PORT' }),
  )
})

test('svc shows what is served beside the ClusterIP', async () => {
  const list = await kproxy(stage.n1, 'svc')
  expect(list.stdout).toMatch(/^NAMESPACE +NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\)/)
  expect(list.stdout).toMatch(/ node-port +NodePort .* <none> +80:30080\/TCP,53:30080\/UDP /)
  const one = await kproxy(stage.n1, 'svc', 'limited-40')
  expect(one.stdout).toMatch(/^External IPs: +203\.0\.113\.40, 2001:db8:1::40$/m)
  expect(one.stdout).toMatch(/^Source ranges: +10\.244\.1\.2\/32, fd00:10:244:1::2\/128$/m)
  expect((await kproxy(stage.n1, 'svc', 'scheduled-rr')).stdout).toMatch(/^Scheduler: +rr$/m)
})
