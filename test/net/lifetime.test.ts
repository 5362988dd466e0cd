import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  kproxyProgram,
  type Place,
  type Pod,
  probe,
  serve,
  startKproxy,
  stream,
} from '../lab/index.ts'
import { clusterIPs, families, Stage } from './stage.ts'

/** What a connected UDP socket that was ended says: to a reader, and to a writer. */
const ENDED = ['ECONNABORTED', 'EDESTADDRREQ']

let stage: Stage
let host = 10

beforeAll(async () => {
  stage = await Stage.build()
})

afterAll(() => stage?.[Symbol.asyncDispose]())

type Endpoints = Parameters<Stage['apply']>[1]

/** A UDP Service of its own, port 53 to 8080. */
async function dns(name: string, endpoints: Endpoints, protocol = 'UDP') {
  const ports = [{ protocol, port: 53, targetPort: 8080 }]
  const spec = { name, clusterIPs: clusterIPs(host++), ports }
  await stage.apply(spec, endpoints)
  return spec
}

/** One connected UDP socket that exchanges datagrams, and has met a server. */
async function connected(place: Place, address: string, server?: Pod) {
  const socket = stream(place, address, 53, { transport: 'udp-connected' })
  await socket.met(server?.name ?? 'web-.')
  return socket
}

let fences = 0

/** Waits until sockets were ended for a change that is later than all before this call. */
async function fence() {
  const spec = await dns(`fence-${fences++}`, [stage.web(1)])
  const socket = await connected(stage.client, spec.clusterIPs[0], stage.web(1))
  await stage.apply(spec, [stage.web(2)])
  expect(ENDED).toContain((await socket.ended()).error)
}

const endedSockets = async () => (await stage.agent.status()).udpSocketsEnded

describe.each(Object.keys(families) as (keyof typeof families)[])(
  'the endpoint of a connected UDP socket goes, %s',
  (family) => {
    test.each(['a pod', 'the host'])(
      'its user, in %s, gets an error and reaches the next endpoint (CT-3, CT-8, TR-72)',
      async (where) => {
        const place = where === 'a pod' ? stage.client : stage.n1
        const spec = await dns(`gone-${families[family]}-${where.length}`, [stage.web(1)])
        const address = spec.clusterIPs[families[family]]
        const before = await endedSockets()
        const socket = await connected(place, address, stage.web(1))
        await stage.apply(spec, [stage.web(3)])
        expect(await socket.ended()).toMatchObject({
          server: 'web-1',
          error: expect.toBeOneOf(ENDED),
        })
        const next = await connected(place, address, stage.web(3))
        await fence()
        expect((await next.stop()).error).toBe('')
        await stage.agent.until(
          'both are counted',
          async () => (await endedSockets()) === before + 2,
        )
      },
    )

    test('a v4-mapped or IPv6 socket is found as well (CT-3)', async () => {
      const spec = await dns(`mapped-${families[family]}`, [stage.web(1)])
      const address = spec.clusterIPs[families[family]]
      const text = address.includes(':') ? address : `::ffff:${address}`
      const socket = await connected(stage.client, text, stage.web(1))
      await stage.apply(spec, [stage.web(4)])
      expect(ENDED).toContain((await socket.ended()).error)
    })
  },
)

test('sockets at NodePorts are found, at whatever address of the node (CT-3, TR-40)', async () => {
  const spec = {
    name: 'node-port',
    clusterIPs: clusterIPs(host++),
    ports: [{ protocol: 'UDP', port: 53, targetPort: 8080, nodePort: 30_053 }],
    spec: { type: 'NodePort' },
  }
  await stage.apply(spec, [stage.web(1)])
  const { ipv4, ipv6 } = stage.n1.addresses
  const sockets = []
  for (const address of [ipv4, ipv6]) {
    for (const place of stage.clients) {
      const socket = stream(place, address, 30_053, { transport: 'udp-connected' })
      await socket.met('web-1')
      sockets.push(socket)
    }
  }
  await stage.apply(spec, [stage.web(3)])
  for (const socket of sockets) expect(ENDED).toContain((await socket.ended()).error)
})

describe('a client that keeps one socket, as resolvers do', () => {
  test('recovers by itself when the pod of its server has gone (CT-8, S7)', async () => {
    const pod = await stage.n2.addPod('dns-1')
    await serve(pod, { ports: [8080] })
    const spec = await dns('resolver', [pod])
    const clients = spec.clusterIPs.map((address) =>
      probe(stage.client, address, 53, {
        transport: 'udp-connected',
        keep: true,
        rate: 50,
        timeout: 200,
      }),
    )
    for (const client of clients) await client.met('dns-1')
    await stage.n2.removePod('dns-1')
    await stage.apply(spec, [stage.web(2)])
    for (const client of clients) {
      await client.met('web-2')
      const { errors } = await client.stop()
      expect(Object.keys(errors)).toContain('ECONNABORTED')
    }
  })

  test('whose target port changes moves to the new one (CT-5)', async () => {
    const spec = await dns('target', [stage.web(1)])
    const server = await serve(stage.web(1), { ports: [8053], name: 'moved', protocol: 'UDP' })
    const [address] = spec.clusterIPs
    const client = probe(stage.client, address, 53, { transport: 'udp-connected', keep: true })
    await client.met('web-1')
    stage.put({ ...spec, ports: [{ protocol: 'UDP', port: 53, targetPort: 8053 }] }, [stage.web(1)])
    await client.met('moved')
    const { errors } = await client.stop()
    expect(Object.keys(errors)).toEqual([expect.toBeOneOf(ENDED)])
    await server.stop('SIGTERM')
  })
})

describe('what must not be touched', () => {
  test('unconnected sockets keep their port and go on with another endpoint (CT-8)', async () => {
    const spec = await dns('sibling', [stage.web(1)])
    const clients = spec.clusterIPs.map((address) =>
      probe(stage.client, address, 53, { transport: 'udp', keep: true }),
    )
    for (const client of clients) await client.met('web-1')
    await stage.apply(spec, [stage.web(3)])
    for (const client of clients) {
      await client.met('web-3')
      expect(await client.stop()).toMatchObject({ errors: {}, sockets: 1 })
    }
  })

  test('sockets of other endpoints, other Services, other namespaces; TCP (CT-6, TR-70)', async () => {
    const spec = await dns('many', [stage.web(1), stage.web(2)])
    const other = await dns('other', [stage.web(1)])
    const tcp = await dns('tcp', [stage.web(1)], 'TCP')
    const places = [stage.client, stage.n1, stage.n1.pod('client-2')]
    const keeping = [
      ...(await Promise.all(places.map((place) => connected(place, other.clusterIPs[0])))),
      ...(await Promise.all(places.map((place) => connected(place, other.clusterIPs[1])))),
    ]
    const connection = stream(stage.client, tcp.clusterIPs[0], 53)
    await connection.met('web-1')
    const sockets = []
    for (let n = 0; n < 12; n++) {
      sockets.push(await connected(places[n % 3] as Place, spec.clusterIPs[n % 2] as string))
    }
    await stage.apply(spec, [stage.web(2)])
    await stage.apply(tcp, [stage.web(2)])
    await fence()
    const results = await Promise.all(sockets.map((socket) => socket.stop()))
    for (const { server, error } of results) {
      if (server === 'web-1') expect(ENDED).toContain(error)
      else expect(error).toBe('')
    }
    for (const one of [...keeping, connection]) expect((await one.stop()).error).toBe('')
  })

  test.each([
    ['terminates and serves, while others are ready', { ready: false, terminating: true }],
    ['is not ready, but serves', { ready: false, terminating: false }],
  ])('an endpoint that %s (CT-1)', async (what, conditions) => {
    const spec = await dns(`serving-${what.length}`, [stage.web(1)])
    const socket = await connected(stage.client, spec.clusterIPs[0], stage.web(1))
    await stage.apply(spec, [{ pod: stage.web(1), serving: true, ...conditions }, stage.web(3)])
    await fence()
    expect((await socket.stop()).error).toBe('')
    const fresh = await connected(stage.client, spec.clusterIPs[0], stage.web(3))
    await fresh.stop()
  })

  test('an endpoint that a traffic policy keeps new flows from (CT-1)', async () => {
    const spec = await dns('policy', [stage.web(3)])
    const socket = await connected(stage.client, spec.clusterIPs[0], stage.web(3))
    const local = { ...spec, internalTrafficPolicy: 'Local' as const }
    await stage.apply(local, [stage.web(1), stage.web(3)])
    await fence()
    expect((await socket.stop()).error).toBe('')
    const late = await connected(stage.client, spec.clusterIPs[0], stage.web(1))
    await stage.apply(local, [stage.web(2), stage.web(3)])
    expect(ENDED).toContain((await late.ended()).error)
  })

  test('flows of a Service that has no endpoint, or is gone (CT-2)', async () => {
    const spec = await dns('empty', [stage.web(1)])
    const deleted = await dns('deleted', [stage.web(1)])
    const sockets = [
      await connected(stage.client, spec.clusterIPs[0], stage.web(1)),
      await connected(stage.client, deleted.clusterIPs[0], stage.web(1)),
    ]
    await stage.apply(spec, [])
    stage.manifests.delete('deleted')
    await stage.agent.forgets('default/deleted')
    await fence()
    for (const socket of sockets) expect((await socket.stop()).error).toBe('')
  })
})

test('a Service that is made anew at the ClusterIP ends what it does not serve (CT-3)', async () => {
  const spec = await dns('first', [stage.web(1)])
  const sockets = [
    await connected(stage.client, spec.clusterIPs[0], stage.web(1)),
    await connected(stage.client, spec.clusterIPs[1], stage.web(1)),
  ]
  stage.manifests.delete('first')
  await stage.agent.forgets('default/first')
  await stage.apply({ ...spec, name: 'second' }, [stage.web(2)])
  for (const socket of sockets) expect(ENDED).toContain((await socket.ended()).error)
})

test('sockets of namespaces that came later are found, and those that went do no harm', async () => {
  const spec = await dns('late', [stage.web(1)])
  for (let round = 0; round < 3; round++) {
    const pod = await stage.n1.addPod('late')
    const [from, to] = round % 2 === 0 ? [1, 2] : [2, 1]
    const socket = await connected(pod, spec.clusterIPs[0], stage.web(from as 1 | 2))
    await stage.apply(spec, [stage.web(to as 1 | 2)])
    expect(ENDED).toContain((await socket.ended()).error)
    await stage.n1.removePod('late')
  }
})

test('what went while no agent ran is ended by the next, and valid flows stay (TR-74, S7)', async () => {
  const spec = await dns('restart', [stage.web(1)])
  const stays = await dns('stays', [stage.web(1)])
  const socket = await connected(stage.client, spec.clusterIPs[0], stage.web(1))
  const valid = await connected(stage.client, stays.clusterIPs[0], stage.web(1))
  await stage.agent.kill()
  stage.put(spec, [stage.web(2)])
  await stage.agent.restart()
  expect(ENDED).toContain((await socket.ended()).error)
  await fence()
  expect((await valid.stop()).error).toBe('')
  await stage.agent.until('status tells of it', async () => {
    const { checks } = await stage.agent.status()
    const check = checks.find(({ name }) => name === 'lifetime')
    return check?.ok === true && /^ended [1-9]\d* UDP sockets/.test(check.message)
  })
})

test('without CAP_SYS_ADMIN sockets of the host are ended, and status says which cannot be', async () => {
  const spec = await dns('unprivileged', [stage.web(1)])
  const agent = await startKproxy(stage.n2, {
    manifests: stage.manifests.path,
    program: ['setpriv', '--bounding-set=-sys_admin', kproxyProgram, 'run'],
  })
  const inPod = await connected(stage.n2.pod('client-3'), spec.clusterIPs[0], stage.web(1))
  const inHost = await connected(stage.n2, spec.clusterIPs[0], stage.web(1))
  await stage.apply(spec, [stage.web(2)])
  expect(ENDED).toContain((await inHost.ended()).error)
  await agent.until('the other is told of', async () => {
    const { checks } = await agent.status()
    const message = checks.find(({ name }) => name === 'lifetime')?.message ?? ''
    return /^ended 1 .*; 1 more cannot be: .* takes CAP_SYS_ADMIN/.test(message)
  })
  expect(agent.log).toContain('UDP sockets stay with an endpoint that is gone')
  expect((await inPod.stop()).error).toBe('')
  expect((await agent.status()).health).toBe('degraded')
  await agent.kill()
})
