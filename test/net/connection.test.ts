import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, connectOnce, type Place, serve, service, stream } from '../lab/index.ts'
import { clusterIPs, Stage } from './stage.ts'

const ports = [
  { name: 'http', port: 80, targetPort: 8080 },
  { name: 'dns', protocol: 'UDP', port: 53, targetPort: 8080 },
]

let stage: Stage

beforeAll(async () => {
  stage = await Stage.build()
})

afterAll(() => stage?.[Symbol.asyncDispose]())

/** The address of "address:port". */
const hostOf = (endpoint: string) =>
  endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/^\[|\]$/g, '')

/** Writes a Service whose endpoints are these places, pods or not, and waits for it. */
async function applyPlaces(name: string, host: number, places: readonly Place[]) {
  const spec = { name, clusterIPs: clusterIPs(host), ports }
  const slices = (['ipv4', 'ipv6'] as const).map((family) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${family}`,
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: family === 'ipv4' ? 'IPv4' : 'IPv6',
    ports: [
      { name: 'http', protocol: 'TCP', port: 8080 },
      { name: 'dns', protocol: 'UDP', port: 8080 },
    ],
    endpoints: places.map(({ addresses }) => ({ addresses: [addresses[family]] })),
  }))
  stage.manifests.put(name, [service(spec), ...slices])
  const wanted = places.length * 2 * ports.length
  await stage.agent.programmed(`default/${name}`, (found) => found?.endpoints.length === wanted)
  return spec
}

describe('an endpoint', () => {
  test('may be this node, another one, or a machine outside of the cluster (TR-5)', async () => {
    const outside = stage.lab.machine('control')
    const places = [stage.n1, stage.n2, outside]
    for (const place of places) await serve(place, { ports: [8080] })
    const { clusterIPs: addresses } = await applyPlaces('anywhere', 10, places)
    for (const client of stage.clients) {
      for (const address of addresses) {
        for (const [port, transport] of [
          [80, 'tcp'],
          [53, 'udp'],
          [53, 'udp-connected'],
        ] as const) {
          const tries = await connect(client, address, port, { transport, count: 60 })
          expect(tries.filter(({ ok }) => !ok)).toEqual([])
          const met = new Set(tries.map(({ server }) => server))
          expect(met).toEqual(new Set(['n1', 'n2', 'control']))
        }
      }
    }
  })

  test('that does not answer is not replaced by another one (TR-4)', async () => {
    const silent = stage.n1.pod('client-2')
    const { clusterIPs: addresses } = await applyPlaces('half', 11, [silent, stage.web(1)])
    for (const address of addresses) {
      const tries = await connect(stage.client, address, 80, { count: 40 })
      const outcomes = new Set(tries.map(({ ok, server, errno }) => (ok ? server : errno)))
      expect(outcomes).toEqual(new Set(['web-1', 'ECONNREFUSED']))
    }
  })
})

describe('the source of a connection', () => {
  test('from the node is an address of the node, here and on another node (M3)', async () => {
    const spec = { name: 'seen', clusterIPs: clusterIPs(20), ports }
    await stage.apply(spec, [stage.web(1), stage.web(3)])
    const { stdout } = await stage.n1.exec(['ip', '-json', 'address'])
    const own = (JSON.parse(stdout) as { addr_info: { local: string }[] }[]).flatMap((link) =>
      link.addr_info.map(({ local }) => local),
    )
    for (const address of spec.clusterIPs) {
      const tries = await connect(stage.n1, address, 80, { count: 40 })
      expect(new Set(tries.map(({ server }) => server))).toEqual(new Set(['web-1', 'web-3']))
      for (const { seen } of tries) expect(own).toContain(hostOf(seen))
    }
  })
})

describe('a connection that is established', () => {
  test('is not refused when the last endpoint leaves the Service; new ones are (TR-25)', async () => {
    const spec = { name: 'leaving', clusterIPs: clusterIPs(30), ports }
    await stage.apply(spec, [stage.web(3)])
    const streams = stage.clients.flatMap((client) =>
      spec.clusterIPs.map((address) => stream(client, address, 80)),
    )
    for (const one of streams) await one.met('web-3')
    await stage.apply(spec, [])
    for (const client of stage.clients) {
      for (const address of spec.clusterIPs) {
        expect(await connectOnce(client, address, 80)).toMatchObject({ errno: 'ECONNREFUSED' })
      }
    }
    for (const one of streams) {
      const { error, server, exchanges } = await one.stop()
      expect({ error, server }).toEqual({ error: '', server: 'web-3' })
      expect(exchanges).toBeGreaterThan(1)
    }
  })
})

describe('an address that two Services claim', () => {
  test('serves one of them, and what is not in dispute of both (TR-6)', async () => {
    const [port, other] = [
      { name: 'http', port: 80, targetPort: 8080 },
      { name: 'alt', port: 81, targetPort: 8080 },
    ] as const
    const first = { name: 'claim-a', clusterIPs: clusterIPs(40), ports: [port] }
    const second = { name: 'claim-b', clusterIPs: clusterIPs(40), ports: [port, other] }
    await stage.apply(first, [stage.web(1)])
    await stage.apply(second, [stage.web(3)])
    for (const address of first.clusterIPs) {
      const tries = await connect(stage.client, address, 80, { count: 20 })
      expect(new Set(tries.map(({ server }) => server))).toEqual(new Set(['web-1']))
      expect(await connectOnce(stage.client, address, 81)).toMatchObject({ server: 'web-3' })
    }
    const { refused, problems } = await stage.agent.status()
    expect(JSON.stringify([refused, problems])).toContain('claim-b')
    stage.manifests.delete('claim-a')
    await stage.agent.forgets('default/claim-a')
    for (const address of second.clusterIPs) {
      await stage.agent.until('the other has it', async () => {
        return (await connectOnce(stage.client, address, 80)).server === 'web-3'
      })
    }
  })
})
