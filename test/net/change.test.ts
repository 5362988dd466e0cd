import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect, connectOnce, probe } from '../lab/index.ts'
import { clusterIPs, Stage } from './stage.ts'

const web = { name: 'web', clusterIPs: clusterIPs(10), ports: [{ port: 80, targetPort: 8080 }] }

let stage: Stage

beforeAll(async () => {
  stage = await Stage.build((put, lab) => put(web, [lab.node('n1').pod('web-1')]))
})

afterAll(() => stage?.[Symbol.asyncDispose]())

describe('endpoints change while clients connect', () => {
  test('scaling up and down loses no connection, and each new endpoint is used', async () => {
    const probers = web.clusterIPs.map((address) => probe(stage.client, address, 80, { rate: 500 }))
    for (const prober of probers) await prober.met('web-1')
    await stage.apply(web, stage.webs)
    for (const prober of probers) {
      for (const pod of stage.webs) await prober.met(pod.name)
    }
    await stage.apply(web, [stage.web(4)])
    await stage.apply(web, [stage.web(2), stage.web(3)])
    await stage.apply(web, [stage.web(1)])
    for (const prober of probers) {
      const { tries, ok, errors } = await prober.stop()
      expect({ ok, errors }).toEqual({ ok: tries, errors: {} })
    }
    const tries = await connect(stage.client, web.clusterIPs[0], 80, { count: 40 })
    expect(new Set(tries.map((one) => one.server))).toEqual(new Set(['web-1']))
  })

  test('an endpoint that terminates serves on while no other is ready, and then no more (EP-2)', async () => {
    const spec = { ...web, name: 'draining', clusterIPs: clusterIPs(20) }
    const leaving = { pod: stage.web(1), ready: false, serving: true, terminating: true }
    stage.put(spec, [leaving])
    await stage.agent.programmed('default/draining', (service) => service?.totalEndpoints === 1)
    const alone = await connectOnce(stage.client, spec.clusterIPs[0], 80)
    expect(alone).toMatchObject({ server: 'web-1' })
    await stage.apply(spec, [leaving, stage.web(3)])
    const tries = await connect(stage.client, spec.clusterIPs[0], 80, { count: 30 })
    expect(new Set(tries.map((one) => one.server))).toEqual(new Set(['web-3']))
  })

  test('the last endpoint goes: refused; it comes back: served (TR-23)', async () => {
    const spec = { ...web, name: 'flapping', clusterIPs: clusterIPs(21) }
    await stage.apply(spec, [stage.web(2)])
    const prober = probe(stage.client, spec.clusterIPs[1], 80)
    await prober.met('web-2')
    stage.put(spec, [])
    await prober.failed('ECONNREFUSED')
    stage.put(spec, [stage.web(3)])
    await prober.met('web-3')
    const { errors } = await prober.stop()
    expect(Object.keys(errors)).toEqual(['ECONNREFUSED'])
  })

  test('an unconnected UDP socket moves on when its backend goes', async () => {
    const ports = [{ protocol: 'UDP', port: 53, targetPort: 8080 }]
    const spec = { name: 'moving', clusterIPs: clusterIPs(22), ports }
    await stage.apply(spec, [stage.web(1)])
    const tries = connect(stage.client, spec.clusterIPs[0], 53, {
      transport: 'udp',
      oneSocket: true,
      count: 200,
      interval: 5,
    })
    await stage.apply(spec, [stage.web(3)])
    const servers = (await tries).map((one) => one.server)
    expect((await tries).filter((one) => !one.ok)).toEqual([])
    expect(servers.at(-1)).toBe('web-3')
  })
})

describe('Services change', () => {
  test('a Service that appears is served, and one that vanishes is not', async () => {
    const spec = { ...web, name: 'brief', clusterIPs: clusterIPs(30) }
    await stage.apply(spec, [stage.web(1)])
    expect(await connectOnce(stage.client, spec.clusterIPs[0], 80)).toMatchObject({ ok: true })
    stage.manifests.delete('brief')
    await stage.agent.forgets('default/brief')
    for (const address of spec.clusterIPs) {
      expect(await connectOnce(stage.client, address, 80, { timeout: 200 })).toMatchObject({
        ok: false,
      })
    }
    expect(await connectOnce(stage.client, web.clusterIPs[0], 80)).toMatchObject({ ok: true })
  })

  test('a port and a ClusterIP that change take effect, and the old ones end (IN-12)', async () => {
    const spec = { ...web, name: 'moved', clusterIPs: clusterIPs(31) }
    await stage.apply(spec, [stage.web(1)])
    const moved = { ...spec, clusterIPs: clusterIPs(32), ports: [{ port: 81, targetPort: 8080 }] }
    stage.put(moved, [stage.web(2)])
    await stage.agent.programmed('default/moved', (service) => service?.ports[0]?.port === 81)
    for (const address of moved.clusterIPs) {
      expect(await connectOnce(stage.client, address, 81)).toMatchObject({ server: 'web-2' })
    }
    for (const [address, port] of [
      [spec.clusterIPs[0], 80],
      [spec.clusterIPs[0], 81],
      [moved.clusterIPs[0], 80],
    ] as const) {
      const one = await connectOnce(stage.client, address, port, { timeout: 200 })
      expect(one).toMatchObject({ ok: false })
    }
  })

  test('a single-stack Service serves its family alone (IN-7)', async () => {
    const [ipv4, ipv6] = clusterIPs(33)
    await stage.apply({ ...web, name: 'old', clusterIPs: [ipv4] }, [stage.web(3)])
    await stage.apply({ ...web, name: 'new', clusterIPs: [clusterIPs(34)[1]] }, [stage.web(4)])
    expect(await connectOnce(stage.client, ipv4, 80)).toMatchObject({ server: 'web-3' })
    expect(await connectOnce(stage.client, clusterIPs(34)[1], 80)).toMatchObject({
      server: 'web-4',
    })
    const other = await connectOnce(stage.client, ipv6, 80, { timeout: 200 })
    expect(other).toMatchObject({ ok: false })
  })

  test('one that comes and goes while a client connects shows no one else, and nothing torn (S14)', async () => {
    const ports = [{ port: 80, targetPort: 8080 }]
    const spec = { name: 'flapping', clusterIPs: clusterIPs(90), ports }
    const other = { name: 'steady', clusterIPs: clusterIPs(91), ports }
    await stage.apply(other, [stage.web(3)])
    await stage.apply(spec, [stage.web(1)])
    const options = { rate: 500, timeout: 200 }
    const running = probe(stage.client, spec.clusterIPs[0], 80, options)
    const steady = probe(stage.client, other.clusterIPs[0], 80, options)
    await running.met('web-1')
    for (let turn = 0; turn < 10; turn++) {
      stage.manifests.delete('flapping')
      await stage.agent.forgets('default/flapping')
      await stage.apply(spec, [stage.web(1)])
    }
    const { servers } = await running.stop()
    expect(Object.keys(servers)).toEqual(['web-1'])
    expect(await steady.stop()).toMatchObject({ errors: {} })
    expect((await stage.agent.status()).reasons).toMatchObject({ TORN_RECORD: 0, EMPTY_SLOT: 0 })
  })
})
