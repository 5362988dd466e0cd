import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, connectOnce, type Place, type Pod, type ServiceSpec } from '../lab/index.ts'
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

async function servers(place: Place, address: string, count = 30): Promise<string[]> {
  const tries = await connect(place, address, 80, { count })
  expect(tries.filter((one) => !one.ok)).toEqual([])
  return [...new Set(tries.map((one) => one.server))].sort()
}

describe('ClientIP affinity', () => {
  test('each client keeps to one endpoint, over both TCP and time (SA-2)', async () => {
    const spec = { name: 'sticky', clusterIPs: clusterIPs(10), ports, affinity: 600 }
    await stage.apply(spec, stage.webs)
    for (const place of [stage.client, stage.n1.pod('client-2'), stage.n1]) {
      for (const address of spec.clusterIPs) {
        const first = await servers(place, address)
        expect(first).toHaveLength(1)
        expect(await servers(place, address)).toEqual(first)
      }
    }
  })

  test('UDP datagrams of different sockets go to one endpoint', async () => {
    const spec = { name: 'sticky-udp', clusterIPs: clusterIPs(11), ports, affinity: 600 }
    await stage.apply(spec, stage.webs)
    for (const transport of ['udp', 'udp-connected'] as const) {
      const options = { transport, count: 30 } as const
      const tries = await connect(stage.client, spec.clusterIPs[0], 53, options)
      expect(new Set(tries.map((one) => one.server)).size).toBe(1)
    }
  })

  test('a client whose endpoint goes gets another, and keeps to that (SA-3)', async () => {
    const spec = { name: 'bereaved', clusterIPs: clusterIPs(12), ports, affinity: 600 }
    await stage.apply(spec, stage.webs)
    const [first] = await servers(stage.client, spec.clusterIPs[0])
    const rest = stage.webs.filter((pod) => pod.name !== first)
    await stage.apply(spec, rest)
    const [second, ...others] = await servers(stage.client, spec.clusterIPs[0])
    expect(others).toEqual([])
    expect(rest.map((pod) => pod.name)).toContain(second)
  })

  test('it ends when the client was away for longer than the timeout (SA-2)', async () => {
    // Twelve Services, so that chance could hardly send all of them to the same endpoint again.
    const specs = Array.from({ length: 12 }, (_, index) => ({
      name: `short-${index}`,
      clusterIPs: clusterIPs(100 + index),
      ports,
      affinity: 1,
    }))
    for (const spec of specs) stage.put(spec, stage.webs)
    for (const spec of specs) await stage.agent.serves(`default/${spec.name}`, stage.webs)
    const visit = () =>
      Promise.all(specs.map((spec) => servers(stage.client, spec.clusterIPs[0], 3)))
    const before = await visit()
    expect(before.every((names) => names.length === 1)).toBe(true)
    await sleep(2_100)
    expect(await visit()).not.toEqual(before)
  })
})

describe('internalTrafficPolicy Local', () => {
  const local = { ports, internalTrafficPolicy: 'Local' } as const

  test('only endpoints of this node are used (IN-26, M2)', async () => {
    const spec = { ...local, name: 'local', clusterIPs: clusterIPs(20) }
    await stage.apply(spec, stage.webs)
    for (const place of stage.clients) {
      for (const address of spec.clusterIPs) {
        expect(await servers(place, address)).toEqual(['web-1', 'web-2'])
      }
    }
  })

  test('without one on this node traffic is dropped, not sent elsewhere (TR-22)', async () => {
    const spec = { ...local, name: 'elsewhere', clusterIPs: clusterIPs(21) }
    await stage.apply(spec, [stage.web(3), stage.web(4)])
    for (const place of stage.clients) {
      for (const address of spec.clusterIPs) {
        expect(await connectOnce(place, address, 80)).toMatchObject({
          ok: false,
          errno: 'EHOSTUNREACH',
        })
        const datagram = await connectOnce(place, address, 53, { transport: 'udp' })
        expect(datagram).toMatchObject({ ok: false, errno: 'EHOSTUNREACH', stage: 'send' })
      }
    }
  })
})

describe('internalTrafficPolicy that becomes Local while traffic from outside keeps all endpoints', () => {
  /** External addresses give the Service endpoints for traffic from outside, which stay as they are. */
  const exposed = (name: string, host: number) => ({
    name,
    clusterIPs: clusterIPs(host),
    ports,
    spec: { externalIPs: [`192.0.2.${host}`, `2001:db8::${host}`] },
  })
  const remote = () => [stage.web(3), stage.web(4)]

  async function becomeLocal(spec: ServiceSpec, endpoints: readonly Pod[]): Promise<void> {
    stage.put({ ...spec, internalTrafficPolicy: 'Local' }, endpoints)
    await stage.agent.programmed(`default/${spec.name}`, (service) => {
      const elsewhere = service?.endpoints.filter(({ local }) => !local) ?? []
      return elsewhere.length > 0 && elsewhere.every(({ state }) => state !== 'ready')
    })
  }

  test('affinity to an endpoint of another node ends (IN-26)', async () => {
    const spec = { ...exposed('homing', 30), affinity: 600 }
    await stage.apply(spec, remote())
    const [first] = await servers(stage.client, spec.clusterIPs[0])
    await stage.apply(spec, [stage.web(1), ...remote()])
    expect(await servers(stage.client, spec.clusterIPs[0])).toEqual([first])
    await becomeLocal(spec, [stage.web(1), ...remote()])
    expect(await servers(stage.client, spec.clusterIPs[0])).toEqual(['web-1'])
  })

  test('and where this node has no endpoint, its connections are dropped (IN-26)', async () => {
    const spec = { ...exposed('homeless', 31), affinity: 600 }
    await stage.apply(spec, remote())
    await servers(stage.client, spec.clusterIPs[1])
    await becomeLocal(spec, remote())
    expect(await connectOnce(stage.client, spec.clusterIPs[1], 80)).toMatchObject({
      ok: false,
      errno: 'EHOSTUNREACH',
    })
  })

  test('an unconnected UDP socket leaves its endpoint on another node (IN-26)', async () => {
    const spec = exposed('homing-udp', 32)
    await stage.apply(spec, remote())
    const running = connect(stage.client, spec.clusterIPs[0], 53, {
      transport: 'udp',
      oneSocket: true,
      count: 300,
      interval: 10,
    })
    await stage.agent.until('a datagram has left', async () => {
      return ((await stage.agent.service('default/homing-udp'))?.datagrams ?? 0) > 0
    })
    await becomeLocal(spec, [stage.web(1), ...remote()])
    const tries = await running
    expect(tries.filter((one) => !one.ok)).toEqual([])
    expect(['web-3', 'web-4']).toContain(tries[0]?.server)
    expect(tries.at(-1)?.server).toBe('web-1')
  })
})
