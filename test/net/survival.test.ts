import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect, connectOnce, Kproxy, kproxy, probe, stream } from '../lab/index.ts'
import { clusterIPs, Stage } from './stage.ts'

const ports = [
  { name: 'http', port: 80, targetPort: 8080 },
  { name: 'dns', protocol: 'UDP', port: 53, targetPort: 8080 },
]
const web = { name: 'web', clusterIPs: clusterIPs(10), ports }

let stage: Stage

beforeEach(async () => {
  stage = await Stage.build((put, lab) => {
    put(web, [lab.node('n1').pod('web-1'), lab.node('n2').pod('web-3')])
  })
})

afterEach(() => stage?.[Symbol.asyncDispose]())

describe('traffic does not notice', () => {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    test(`${signal} of the agent, and its restart (CF-33)`, async () => {
      const [ipv4, ipv6] = web.clusterIPs
      const probers = [
        probe(stage.client, ipv4, 80, { rate: 400 }),
        probe(stage.n1, ipv6, 80, { rate: 400 }),
        probe(stage.client, ipv6, 53, { rate: 400, transport: 'udp' }),
      ]
      const streams = [
        stream(stage.client, ipv6, 80),
        stream(stage.client, ipv4, 53, { transport: 'udp-connected' }),
      ]
      for (const prober of probers) await prober.met('web-1')

      for (let round = 0; round < 3; round++) {
        const exit = await stage.agent.kill(signal)
        expect(signal === 'SIGKILL' ? exit.signal : exit.code).toBe(
          signal === 'SIGKILL' ? signal : 0,
        )
        const tries = await connect(stage.client, ipv4, 80, { count: 50, interval: 2 })
        expect(tries.filter((one) => !one.ok)).toEqual([])
        await stage.agent.restart()
      }

      for (const prober of probers) {
        const { tries, ok, errors } = await prober.stop()
        expect({ ok, errors }).toEqual({ ok: tries, errors: {} })
      }
      for (const one of streams) expect((await one.stop()).error).toBe('')
      expect((await stage.agent.status()).health).toBe('healthy')
    })
  }
})

test('what changed while no agent ran takes effect when one starts, and the rest stays (IN-4)', async () => {
  const gone = { ...web, name: 'gone', clusterIPs: clusterIPs(11) }
  const stays = { ...web, name: 'stays', clusterIPs: clusterIPs(12) }
  await stage.apply(gone, [stage.web(1)])
  await stage.apply(stays, [stage.web(2)])
  await stage.agent.kill()
  stage.manifests.delete('gone')
  stage.put(web, [stage.web(4)])
  stage.put({ ...web, name: 'new', clusterIPs: clusterIPs(13) }, [stage.web(3)])
  const prober = probe(stage.client, stays.clusterIPs[0], 80)
  await prober.met('web-2')
  // Until then the kernel goes on as it was told last.
  expect(await connectOnce(stage.client, gone.clusterIPs[0], 80)).toMatchObject({ ok: true })

  await stage.agent.restart()

  const server = async (address: string) =>
    (await connectOnce(stage.client, address, 80, { timeout: 300 })).server
  expect(await server(web.clusterIPs[0])).toBe('web-4')
  expect(await server(clusterIPs(13)[1])).toBe('web-3')
  expect(await server(gone.clusterIPs[0])).toBe('')
  expect((await prober.stop()).errors).toEqual({})
})

test('counters go on after a restart', async () => {
  await connect(stage.client, web.clusterIPs[0], 80, { count: 25 })
  await stage.agent.kill()
  await connect(stage.client, web.clusterIPs[1], 80, { count: 25 })
  await stage.agent.restart()
  expect(await stage.agent.service('default/web')).toMatchObject({ connections: 50 })
})

test('a second agent for the node refuses, and the first is not disturbed', async () => {
  const second = new Kproxy(stage.n1, {
    manifests: stage.manifests.path,
    args: ['--socket', '/run/second.sock'],
  })
  const exit = await second.wait()
  expect(exit.code).toBe(1)
  expect(exit.stderr).toMatch(
    /^error: process \d+ holds .*n1.*: one agent runs for this node already/,
  )
  expect((await stage.agent.status()).health).toBe('healthy')
  expect(await connectOnce(stage.client, web.clusterIPs[0], 80)).toMatchObject({ ok: true })
})

test('a second agent under another name refuses, for the processes would be the same', async () => {
  const second = new Kproxy(stage.n1, {
    manifests: stage.manifests.path,
    args: ['--socket', '/run/second.sock', '--node-name', 'other'],
  })
  const exit = await second.wait()
  expect(exit.code).toBe(1)
  expect(exit.stderr).toMatch(/^error: process \d+ holds .*: another agent serves the processes/)
  expect((await stage.agent.status()).health).toBe('healthy')
})

describe('cleanup', () => {
  const pins = async () => (await stage.n1.exec(['find', '/sys/fs/bpf', '-mindepth', '1'])).stdout

  test('refuses while an agent runs, and leaves everything as it was', async () => {
    const before = await pins()
    const exit = await kproxy(stage.n1, 'cleanup', '--node-name', 'n1')
    expect(exit.code).toBe(1)
    expect(exit.stderr).toMatch(/agent/)
    expect(await pins()).toBe(before)
    expect(await connectOnce(stage.client, web.clusterIPs[0], 80)).toMatchObject({ ok: true })
  })

  test('removes what is ours, says what, and touches nothing else (CF-30)', async () => {
    const { n1 } = stage
    // Somebody else's pinned map and program, and another node's kproxy on the same bpffs.
    const map = ['type', 'hash', 'key', '4', 'value', '4', 'entries', '1', 'name', 'theirs']
    await n1.exec(['bpftool', 'map', 'create', '/sys/fs/bpf/theirs', ...map])
    const neighbour = new Kproxy(n1, {
      nodeName: 'neighbour',
      manifests: stage.manifests.path,
      args: ['--cgroup', '/sys/fs/cgroup/pods/client-2', '--socket', '/run/neighbour.sock'],
    })
    await neighbour.until('neighbour serves', async () => {
      return (await pins()).includes('/sys/fs/bpf/kproxy/neighbour/')
    })
    await stage.agent.kill('SIGTERM')
    const attached = async () =>
      (await n1.exec(['bpftool', '--json', 'cgroup', 'show', '/sys/fs/cgroup'])).stdout
    expect(JSON.parse(await attached())).not.toEqual([])

    const exit = await kproxy(n1, 'cleanup', '--node-name', 'n1')
    expect(exit).toMatchObject({ code: 0 })
    expect(exit.stdout).toMatch(/connect4/)
    expect(JSON.parse((await attached()).trim() || '[]')).toEqual([])
    const left = await pins()
    expect(left).not.toMatch(/kproxy\/n1/)
    expect(left).toMatch(/theirs/)
    expect(left).toMatch(/kproxy\/neighbour\//)
    for (const address of web.clusterIPs) {
      const ours = await connectOnce(stage.client, address, 80, { timeout: 300 })
      expect(ours.ok).toBe(false)
      const theirs = await connectOnce(n1.pod('client-2'), address, 80)
      expect(theirs).toMatchObject({ ok: true })
    }

    const again = await kproxy(n1, 'cleanup', '--node-name', 'n1')
    expect(again.code).toBe(0)
    await stage.agent.restart()
    expect(await connectOnce(stage.client, web.clusterIPs[0], 80)).toMatchObject({ ok: true })
  })
})
