import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, connectOnce, type Place, serve, type Transport } from '../lab/index.ts'
import { clusterIPs, endpoint, type Family, families, Stage } from './stage.ts'

const web = clusterIPs(10)
const dns = clusterIPs(53)
const empty = clusterIPs(11)
const mixed = clusterIPs(12)
const hairpin = clusterIPs(13)

let stage: Stage

beforeAll(async () => {
  stage = await Stage.build((put, lab) => {
    const pod1 = lab.node('n1').pod('web-1')
    const pod3 = lab.node('n2').pod('web-3')
    const http = { name: 'http', port: 80, targetPort: 8080 }
    const udp = { name: 'dns', protocol: 'UDP', port: 53, targetPort: 8080 }
    put({ name: 'web', clusterIPs: web, ports: [http] }, [pod1, pod3])
    put({ name: 'dns', clusterIPs: dns, ports: [udp] }, [pod1, pod3])
    put({ name: 'empty', clusterIPs: empty, ports: [http, udp] }, [])
    put({ name: 'mixed', clusterIPs: mixed, ports: [http] }, [pod1])
    put({ name: 'hairpin', clusterIPs: hairpin, ports: [http, udp] }, [pod1])
  })
})

afterAll(() => stage?.[Symbol.asyncDispose]())

const places: Record<string, () => Place> = {
  'a pod': () => stage.client,
  'the node itself': () => stage.n1,
}

function eachPlaceAndFamily(
  name: string,
  body: (place: Place, family: Family) => Promise<void>,
): void {
  for (const [who, place] of Object.entries(places)) {
    for (const family of Object.keys(families) as Family[]) {
      test(`${name}: ${who}, ${family}`, () => body(place(), family))
    }
  }
}

describe('a ClusterIP is answered by all its endpoints, local and remote (S1, S12)', () => {
  const both = ['web-1', 'web-3']

  eachPlaceAndFamily('TCP (TR-2, TR-3)', async (place, family) => {
    const address = web[families[family]]
    const tries = await connect(place, address, 80, { count: 40 })
    expect([...new Set(tries.map((one) => one.server))].sort()).toEqual(both)
    expect(new Set(tries.map((one) => one.peername))).toEqual(new Set([endpoint(address, 80)]))
  })

  for (const transport of ['udp', 'udp-connected'] as const) {
    eachPlaceAndFamily(`${transport} (TR-2, TR-3)`, async (place, family) => {
      const address = dns[families[family]]
      const tries = await connect(place, address, 53, { count: 40, transport })
      expect([...new Set(tries.map((one) => one.server))].sort()).toEqual(both)
      expect(new Set(tries.map((one) => one.from))).toEqual(new Set([endpoint(address, 53)]))
    })
  }

  test('connected UDP shows the ClusterIP as its peer', async () => {
    for (const address of dns) {
      const one = await connectOnce(stage.client, address, 53, { transport: 'udp-connected' })
      expect(one).toMatchObject({ ok: true, peername: endpoint(address, 53) })
    }
  })

  test('pods see the client pod as the source, in both families (M1)', async () => {
    for (const [address, own] of [
      [web[0], '10.244.1.2'],
      [web[1], '[fd00:10:244:1::2]'],
    ] as const) {
      const one = await connectOnce(stage.client, address, 80)
      expect(one.seen.slice(0, one.seen.lastIndexOf(':'))).toBe(own)
    }
  })

  test('an unconnected UDP socket stays with its backend while that lives', async () => {
    for (const address of dns) {
      const options = { transport: 'udp', oneSocket: true, count: 30 } as const
      const tries = await connect(stage.client, address, 53, options)
      expect(tries.every((one) => one.ok)).toBe(true)
      expect(new Set(tries.map((one) => one.server)).size).toBe(1)
    }
  })

  test('a pod reaches itself through its own Service (M9)', async () => {
    const pod = stage.web(1)
    for (const address of hairpin) {
      expect(await connectOnce(pod, address, 80)).toMatchObject({ server: 'web-1' })
      for (const transport of ['udp', 'udp-connected'] as const) {
        const one = await connectOnce(pod, address, 53, { transport })
        expect(one).toMatchObject({ server: 'web-1', from: endpoint(address, 53) })
      }
    }
  })
})

describe('v4-mapped sockets', () => {
  const mapped = (address: string) => `::ffff:${address}`

  for (const [who, place] of Object.entries(places)) {
    test(`TCP and UDP reach the IPv4 Service and show its mapped address: ${who}`, async () => {
      const tcp = await connectOnce(place(), mapped(web[0]), 80)
      expect(tcp).toMatchObject({ ok: true, peername: endpoint(mapped(web[0]), 80) })
      for (const transport of ['udp', 'udp-connected'] as const) {
        const udp = await connectOnce(place(), mapped(dns[0]), 53, { transport })
        expect(udp).toMatchObject({ ok: true, from: endpoint(mapped(dns[0]), 53) })
      }
    })
  }

  test('no endpoints: refused', async () => {
    const one = await connectOnce(stage.client, mapped(empty[0]), 80)
    expect(one).toMatchObject({ errno: 'ECONNREFUSED', stage: 'connect' })
  })
})

describe('a Service without endpoints refuses in the call itself (TR-23, TR-24)', () => {
  const expected: [Transport, number, string][] = [
    ['tcp', 80, 'connect'],
    ['udp-connected', 53, 'connect'],
    ['udp', 53, 'send'],
  ]
  for (const [transport, port, call] of expected) {
    eachPlaceAndFamily(`${transport}: ECONNREFUSED from ${call}`, async (place, family) => {
      // Were it left to the network, the error would come later: from receive, or as a timeout.
      const one = await connectOnce(place, empty[families[family]], port, { transport })
      expect(one).toMatchObject({ ok: false, errno: 'ECONNREFUSED', stage: call })
    })
  }
})

describe('what is not a Service is left alone', () => {
  test('other protocols and ports of an external IP go where the routes say (TR-1)', async () => {
    const externalIPs = ['198.51.100.9', '2001:db8:9::9']
    const spec = { name: 'external', clusterIPs: clusterIPs(99), spec: { externalIPs } }
    await stage.apply({ ...spec, ports: [{ port: 80, targetPort: 8080 }] }, [stage.web(1)])
    // The control machine takes the address itself, so that what is not translated arrives there.
    const control = stage.lab.machine('control')
    for (const address of externalIPs) {
      const prefix = address.includes(':') ? 128 : 32
      const next = address.includes(':') ? control.addresses.ipv6 : control.addresses.ipv4
      await control.exec(['ip', 'addr', 'add', `${address}/${prefix}`, 'dev', 'lo'])
      await stage.n1.exec(['ip', 'route', 'add', `${address}/${prefix}`, 'via', next])
    }
    const server = await serve(control, { ports: [80, 81] })
    for (const place of stage.clients) {
      for (const address of externalIPs) {
        expect(await connectOnce(place, address, 80)).toMatchObject({ server: 'web-1' })
        expect(await connectOnce(place, address, 81)).toMatchObject({ server: 'control' })
        for (const transport of ['udp', 'udp-connected'] as const) {
          const one = await connectOnce(place, address, 80, { transport })
          expect(one).toMatchObject({ server: 'control', from: endpoint(address, 80) })
        }
      }
    }
    await server.stop()
  })

  test('pod addresses are reached directly', async () => {
    for (const place of stage.clients) {
      for (const address of Object.values(stage.web(3).addresses)) {
        const one = await connectOnce(place, address, 8080)
        expect(one).toMatchObject({ server: 'web-3', peername: endpoint(address, 8080) })
      }
    }
  })

  test('the other node, which runs no agent, is not touched', async () => {
    const one = await connectOnce(stage.n2.pod('client-3'), web[0], 80, { timeout: 300 })
    expect(one.ok).toBe(false)
  })
})
