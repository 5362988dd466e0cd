import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { KP_LAYOUT_VERSION } from '#abi'
import { connectOnce, type Exit, Kproxy, kproxy, probe, startKproxy } from '../lab/index.ts'
import { clusterIPs, Stage } from './stage.ts'

const ports = [{ port: 80, targetPort: 8080 }]
const web = { name: 'web', clusterIPs: clusterIPs(10), ports }

let stage: Stage

beforeAll(async () => {
  stage = await Stage.build((put, lab) => put(web, [lab.node('n1').pod('web-1')]))
})

afterAll(() => stage?.[Symbol.asyncDispose]())

/** `kproxy run` on n2, where no other agent is, to its end. */
function runToEnd(...args: readonly string[]): Promise<Exit> {
  return kproxy(stage.n2, 'run', '--node-name', 'n2', ...args)
}

describe('what cannot work is refused with one message and a documented status', () => {
  const cases: [string, () => Promise<Exit>, number, RegExp][] = [
    ['no source', () => runToEnd(), 2, /--manifests DIR or --kubeconfig FILE/],
    [
      'an empty node name',
      () => kproxy(stage.n2, 'run', '--node-name', '', '--manifests', '/usr'),
      2,
      /--node-name/,
    ],
    [
      'a manifest directory that is not there',
      () => runToEnd('--manifests', '/nowhere'),
      2,
      /\/nowhere/,
    ],
    [
      'a kubeconfig that is not there',
      () => runToEnd('--kubeconfig', '/nowhere/config'),
      2,
      /\/nowhere\/config/,
    ],
    [
      'a cgroup that is none',
      () => runToEnd('--manifests', stage.manifests.path, '--cgroup', '/usr'),
      1,
      /\/usr.*cgroup/,
    ],
    [
      'a size that is no number',
      () => runToEnd('--manifests', stage.manifests.path, '--max-services', 'many'),
      2,
      /--max-services.*many/,
    ],
    [
      'a pin directory outside bpffs',
      () => runToEnd('--manifests', stage.manifests.path, '--bpffs', '/run'),
      1,
      /\/run.*mount -t bpf/s,
    ],
    [
      'a socket path that cannot be made',
      () => runToEnd('--manifests', stage.manifests.path, '--socket', '/proc/kproxy.sock'),
      1,
      /\/proc\/kproxy\.sock/,
    ],
    [
      'a user without privileges',
      () => {
        const user = ['setpriv', '--reuid=65534', '--clear-groups', '--bounding-set=-all']
        const run = ['build/bin/kproxy', 'run', '--manifests', stage.manifests.path]
        return stage.n2.exec([...user, ...run], { check: false })
      },
      1,
      /root|CAP_BPF/,
    ],
  ]
  for (const [name, run, code, message] of cases) {
    test(name, async () => {
      const exit = await run()
      expect(exit.stderr).toMatch(message)
      expect(exit.code).toBe(code)
      expect(exit.stderr).not.toMatch(/^\s+at /m)
      expect(exit.stderr.trim().split('\n').length).toBeLessThanOrEqual(3)
    })
  }

  test('no agent: status and svc say so with exit status 4', async () => {
    for (const command of ['status', 'svc']) {
      const exit = await kproxy(stage.n2, command)
      expect(exit.code).toBe(4)
      expect(exit.stderr).toMatch(/no kproxy agent answers on \/run\/kproxy\/kproxy\.sock/)
    }
  })
})

describe('trouble with some objects leaves the others working', () => {
  async function degraded(pattern: RegExp): Promise<void> {
    await stage.agent.until('status names the trouble', async () => {
      const exit = await kproxy(stage.n1, 'status')
      return exit.code === 3 && pattern.test(exit.stdout)
    })
    expect(await connectOnce(stage.client, web.clusterIPs[0], 80)).toMatchObject({ ok: true })
  }

  async function healthyAgain(): Promise<void> {
    await stage.agent.until('healthy', async () => {
      return (await stage.agent.status()).health === 'healthy'
    })
  }

  test('a broken file keeps its last good content and is named with its line', async () => {
    const spec = { ...web, name: 'spoilt', clusterIPs: clusterIPs(20) }
    await stage.apply(spec, [stage.web(2)])
    writeFileSync(join(stage.manifests.path, 'spoilt.yaml'), 'kind: Service\nspec: [unclosed\n')
    await degraded(/spoilt\.yaml:\d/)
    expect(await connectOnce(stage.client, spec.clusterIPs[1], 80)).toMatchObject({ ok: true })
    stage.manifests.delete('spoilt')
    await healthyAgain()
  })

  test('what a broken file may define stays until the file is mended, and then all is as written', async () => {
    const gone = { ...web, name: 'gone', clusterIPs: clusterIPs(40) }
    await stage.apply(gone, [stage.web(2)])
    const file = join(stage.manifests.path, 'web.yaml')
    const good = readFileSync(file, 'utf8')
    writeFileSync(file, 'kind: Service\nspec: [unclosed\n')
    await stage.agent.kill()
    stage.manifests.delete('gone')
    const prober = probe(stage.client, web.clusterIPs[0], 80)
    await prober.met('web-1')

    await stage.agent.restart()

    const condition = async () => {
      const { conditions } = await stage.agent.status()
      return conditions.find(({ type }) => type === 'RemovalsInForce')
    }
    expect(await condition()).toMatchObject({
      status: 'False',
      message: expect.stringContaining('web.yaml'),
    })
    const other = { ...web, name: 'other', clusterIPs: clusterIPs(41) }
    await stage.apply(other, [stage.web(3)])
    expect(await connectOnce(stage.client, other.clusterIPs[1], 80)).toMatchObject({ ok: true })
    expect(await connectOnce(stage.client, gone.clusterIPs[0], 80)).toMatchObject({ ok: true })
    stage.manifests.delete('other')
    writeFileSync(file, good)
    await healthyAgain()
    const left = await connectOnce(stage.client, gone.clusterIPs[0], 80, { timeout: 300 })
    expect(left.ok).toBe(false)
    const { tries, ok } = await prober.stop()
    expect(ok).toBe(tries)
  })

  test('a Service with an absurd port is named with the value', async () => {
    stage.put({ ...web, name: 'absurd', clusterIPs: clusterIPs(21), ports: [{ port: 70000 }] }, [])
    await degraded(/absurd.*70000/)
    stage.manifests.delete('absurd')
    await healthyAgain()
  })

  test('a Service with an absurd address is named with the value', async () => {
    stage.put({ ...web, name: 'nowhere', clusterIPs: ['10.96.0.300'] }, [])
    await degraded(/nowhere.*10\.96\.0\.300/)
    stage.manifests.delete('nowhere')
    await healthyAgain()
  })
})

describe('limits', () => {
  test('a full map refuses the new Service, names it, and serves all others', async () => {
    await kproxy(stage.n2, 'cleanup', '--node-name', 'n2')
    const agent = await startKproxy(stage.n2, {
      manifests: stage.manifests.path,
      args: ['--max-services', '6'],
    })
    for (const [index, name] of ['extra-1', 'extra-2', 'extra-3'].entries()) {
      const spec = { ...web, name, clusterIPs: clusterIPs(30 + index) }
      stage.put(spec, [stage.web(3)])
    }
    await agent.until('a refusal', async () => (await agent.status()).refused.length > 0)
    const exit = await kproxy(stage.n2, 'status')
    expect(exit.code).toBe(3)
    expect(exit.stdout).toMatch(/Refused default\/extra-\d.*--max-services/)
    const client = stage.n2.pod('client-3')
    expect(await connectOnce(client, web.clusterIPs[0], 80)).toMatchObject({ server: 'web-1' })
    for (const name of ['extra-1', 'extra-2', 'extra-3']) stage.manifests.delete(name)
    await agent.until('no refusal', async () => (await agent.status()).refused.length === 0)
    await agent.kill('SIGTERM')
    await kproxy(stage.n2, 'cleanup', '--node-name', 'n2')
  })
})

describe('starting over pinned state', () => {
  beforeEach(async () => {
    await stage.agent.kill('SIGTERM')
  })

  afterEach(() => stage.agent.restart())

  test('an API server that cannot be reached leaves pinned state and traffic alone', async () => {
    const kubeconfig = join(stage.manifests.path, 'kubeconfig')
    const cluster = { server: 'https://172.20.0.250:6443', 'insecure-skip-tls-verify': true }
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'c',
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster }],
        users: [{ name: 'u', user: { token: 'none' } }],
      }),
    )
    const prober = probe(stage.client, web.clusterIPs[0], 80)
    const agent = new Kproxy(stage.n1, { args: ['--kubeconfig', kubeconfig] })
    await agent.until('the stream is retried', async () => {
      const { source, health } = await agent.status()
      return health === 'unhealthy' && source.streams.some(({ state }) => state === 'retrying')
    })
    expect((await kproxy(stage.n1, 'status')).stdout).toMatch(/172\.20\.0\.250/)
    const { tries, ok } = await prober.stop()
    expect(ok).toBe(tries)
    await agent.kill('SIGTERM')
  })

  test('pinned state of another layout version is refused, and left as it is', async () => {
    const meta = ['pinned', '/sys/fs/bpf/kproxy/n1/maps/meta']
    const write = (version: number) =>
      stage.n1.exec(
        `bpftool map update ${meta.join(' ')} key 0 0 0 0 value ${version} 0 0 0 0 0 0 0`.split(
          ' ',
        ),
      )
    await write(99)
    const exit = await kproxy(
      stage.n1,
      'run',
      '--node-name',
      'n1',
      '--manifests',
      stage.manifests.path,
    )
    expect(exit.code).toBe(1)
    expect(exit.stderr).toMatch(/layout version 99.*kproxy cleanup/s)
    expect(await connectOnce(stage.client, web.clusterIPs[0], 80)).toMatchObject({ ok: true })
    await write(KP_LAYOUT_VERSION)
  })
})
