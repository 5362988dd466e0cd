import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  connect,
  httpGet,
  type Kproxy,
  kproxy,
  type Manifest,
  nodeManifest,
  type Place,
  startKproxy,
} from '../lab/index.ts'
import { parsePrometheusText } from '../prometheus-text.ts'
import { clusterIPs, Stage } from './stage.ts'

const ports = [{ port: 80, targetPort: 8080 }]
const web = { name: 'web', clusterIPs: clusterIPs(10), ports }
const HEALTHZ = 'http://127.0.0.1:10256/healthz'
const METRICS = 'http://127.0.0.1:10249/metrics'

let stage: Stage

beforeAll(async () => {
  stage = await Stage.build((put, lab) => put(web, [lab.node('n1').pod('web-1')]))
})

afterAll(() => stage?.[Symbol.asyncDispose]())

/** Waits for an answer of the agent on n1 with this status code. */
async function answers(url: string, code: number, from: Place = stage.n1): Promise<void> {
  await stage.agent.until(
    `${url} answers ${code}`,
    async () => (await httpGet(from, url)).code === code,
  )
}

describe('the health server on 10256', () => {
  test('answers from the node, from elsewhere, and over both paths (8.2, HL-3)', async () => {
    const { ipv4 } = stage.n1.addresses
    for (const [place, host] of [
      [stage.n1, '127.0.0.1'],
      [stage.n2, ipv4],
    ] as const) {
      const { code, headers, text } = await httpGet(place, `http://${host}:10256/healthz`)
      expect(code).toBe(200)
      expect(headers['content-type']).toBe('application/json')
      expect(JSON.parse(text)).toMatchObject({
        nodeEligible: true,
        healthy: true,
        status: { IPv4: { healthy: true }, IPv6: { healthy: true } },
      })
      expect((await httpGet(place, `http://${host}:10256/livez`)).code).toBe(200)
    }
  })

  const nodes = (change: (node: Manifest) => Manifest | undefined) => {
    const manifests = stage.lab.nodes.map(nodeManifest)
    const [first = {}, ...rest] = manifests
    const changed = change(first)
    stage.manifests.put('nodes', changed === undefined ? rest : [changed, ...rest])
  }
  const unchanged = (node: Manifest) => node
  const taints = [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }]

  test.each<[string, (node: Manifest) => Manifest | undefined]>([
    ['is missing', () => undefined],
    ['is about to be removed', (node) => ({ ...node, spec: { taints } })],
  ])('says 503 while the Node object %s; /livez does not mind (HL-4, HL-5)', async (_, change) => {
    nodes(change)
    await answers(HEALTHZ, 503)
    const { text } = await httpGet(stage.n1, HEALTHZ)
    expect(JSON.parse(text)).toMatchObject({ nodeEligible: false, healthy: true })
    expect((await httpGet(stage.n1, 'http://127.0.0.1:10256/livez')).code).toBe(200)
    nodes(unchanged)
    await answers(HEALTHZ, 200)
  })
})

describe('health check node ports', () => {
  const balanced = (name: string, host: number, port: number) => ({
    name,
    clusterIPs: clusterIPs(host),
    ports,
    spec: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: port },
  })

  test('tell a load balancer where endpoints are, and follow them (HL-10 to HL-13, HL-15)', async () => {
    const spec = balanced('balanced', 20, 32_100)
    const urls = [stage.n1.addresses.ipv4, `[${stage.n1.addresses.ipv6}]`].map(
      (host) => `http://${host}:32100/x`,
    )
    stage.put(spec, [stage.web(1), stage.web(2), stage.web(3)])
    for (const url of urls) {
      await answers(url, 200, stage.n2)
      const { headers, text } = await httpGet(stage.n2, url)
      expect(headers['x-load-balancing-endpoint-weight']).toBe('2')
      expect(JSON.parse(text)).toEqual({
        service: { namespace: 'default', name: 'balanced' },
        localEndpoints: 2,
        serviceProxyHealthy: true,
      })
    }
    stage.put(spec, [
      { pod: stage.web(1), ready: false, serving: true, terminating: true },
      stage.web(3),
    ])
    for (const url of urls) await answers(url, 503, stage.n2)
    stage.put({ ...spec, spec: { type: 'ClusterIP' } }, [stage.web(1)])
    for (const url of urls) {
      await stage.agent.until('closed', () =>
        httpGet(stage.n2, url).then(
          () => false,
          () => true,
        ),
      )
    }
    stage.manifests.delete('balanced')
  })

  test('one that is taken is reported on its Service, and others are served (HL-14, EV-4)', async () => {
    stage.put(balanced('taken', 21, 10_256), [stage.web(1)])
    stage.put(balanced('free', 22, 32_101), [stage.web(1)])
    await answers('http://127.0.0.1:32101/', 200)
    await stage.agent.until('the Event', async () => {
      return /FailedToStartServiceHealthcheck.*10256.*EADDRINUSE/.test(stage.agent.log)
    })
    expect(stage.agent.log).toContain('"about":"Service/default/taken"')
    for (const name of ['taken', 'free']) stage.manifests.delete(name)
  })
})

describe('the metrics server on 10249', () => {
  test('exports what a Prometheus reads, at the loopback address only (DE-1)', async () => {
    const { headers, text } = await httpGet(stage.n1, METRICS)
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
    const families = parsePrometheusText(text)
    for (const name of [
      'kubeproxy_sync_proxy_rules_duration_seconds',
      'kubeproxy_sync_proxy_rules_last_timestamp_seconds',
      'kproxy_publication_duration_seconds',
      'kproxy_map_entries',
      'kproxy_stream_up',
      'process_resident_memory_bytes',
    ]) {
      expect(families.get(name)?.samples.length, name).toBeGreaterThan(0)
    }
    const outside = `http://${stage.n1.addresses.ipv4}:10249/metrics`
    await expect(httpGet(stage.n2, outside)).rejects.toThrow('ECONNREFUSED')
  })

  test('measures a change from its first byte to the kernel', async () => {
    const count = async () => {
      const { text } = await httpGet(stage.n1, METRICS)
      const { samples = [] } =
        parsePrometheusText(text).get('kproxy_publication_duration_seconds') ?? {}
      return samples.find(({ name }) => name.endsWith('_count'))?.value ?? 0
    }
    const before = await count()
    await stage.apply(web, [stage.web(1), stage.web(2)])
    expect(await count()).toBeGreaterThan(before)
    await stage.apply(web, [stage.web(1)])
  })

  test.each([
    ['/proxyMode', 'ebpf'],
    ['/healthz', 'ok'],
    ['/livez', 'ok'],
    ['/readyz', 'ok'],
  ])('%s says %s (DE-2, DE-3)', async (path, text) => {
    expect(await httpGet(stage.n1, `http://127.0.0.1:10249${path}`)).toMatchObject({
      code: 200,
      text,
    })
  })

  test('shows settings and status (DE-4, DE-5)', async () => {
    const get = async (path: string) =>
      (await httpGet(stage.n1, `http://127.0.0.1:10249${path}`)).text
    expect(JSON.parse(await get('/configz'))).toHaveProperty([
      'kubeproxy.config.k8s.io',
      'healthzBindAddress',
    ])
    expect(await get('/flagz')).toContain('\nhealthz-bind-address=0.0.0.0:10256\n')
    expect(await get('/statusz')).toContain('\nHealth: healthy\n')
    expect((await httpGet(stage.n1, 'http://127.0.0.1:10249/debug/pprof/')).code).toBe(404)
  })
})

describe('an agent with other settings', () => {
  const node = () => stage.n2

  /** An agent on n2, for as long as `use` takes. */
  async function withAgent(args: readonly string[], use: (agent: Kproxy) => Promise<void>) {
    const agent = await startKproxy(node(), { manifests: stage.manifests.path, args })
    try {
      await use(agent)
    } finally {
      await agent.kill('SIGTERM')
      await kproxy(node(), 'cleanup', '--node-name', 'n2')
    }
  }

  test('counts connections of each Service when told to', async () => {
    await withAgent(['--service-metrics'], async () => {
      await connect(node().pod('client-3'), web.clusterIPs[0], 80, { count: 3 })
      const families = parsePrometheusText((await httpGet(node(), METRICS)).text)
      const samples = families.get('kproxy_service_connections_total')?.samples ?? []
      expect(samples.map(({ labels, value }) => [labels.service, labels.ip_family, value])).toEqual(
        [
          ['web', 'IPv4', 3],
          ['web', 'IPv6', 0],
        ],
      )
    })
  })

  test('serves profiles when told to (DE-6)', async () => {
    await withAgent(['--profiling'], async () => {
      const url = 'http://127.0.0.1:10249/debug/pprof/profile?seconds=0.1'
      const { code, text } = await httpGet(node(), url)
      expect(code).toBe(200)
      expect(JSON.parse(text)).toHaveProperty('nodes')
    })
  })

  test('serves neither health nor metrics where the addresses are empty', async () => {
    await withAgent(['--healthz-bind-address=', '--metrics-bind-address='], async () => {
      for (const url of [HEALTHZ, METRICS]) await expect(httpGet(node(), url)).rejects.toThrow()
    })
  })

  test('listens where it is told to, over IPv6 as well', async () => {
    const args = ['--healthz-bind-address', '[::1]:11256', '--metrics-bind-address', '[::1]:11249']
    await withAgent(args, async () => {
      expect((await httpGet(node(), 'http://[::1]:11256/healthz')).code).toBe(200)
      expect((await httpGet(node(), 'http://[::1]:11249/proxyMode')).text).toBe('ebpf')
    })
  })

  /** Somebody else on a port of n2, until the end of the scope. */
  async function squatter(port: number): Promise<AsyncDisposable> {
    const script = `require('net').createServer().listen(${port}, () => console.log('ready'))`
    const child = node().spawn([process.execPath, '--eval', script], { ready: /^ready$/ })
    await child.ready
    return { [Symbol.asyncDispose]: async () => void (await child.stop('SIGKILL')) }
  }

  test('waits for a health port that is in use, and does its work meanwhile (HL-6, soft)', async () => {
    let agent: Kproxy
    {
      await using _ = await squatter(10_256)
      agent = await startKproxy(node(), { manifests: stage.manifests.path })
      expect(agent.log).toMatch(
        /cannot listen on 0\.0\.0\.0:10256.*EADDRINUSE.*--healthz-bind-address/,
      )
    }
    try {
      await agent.until('listening', async () => (await httpGet(node(), HEALTHZ)).code === 200)
    } finally {
      await agent.kill('SIGTERM')
      await kproxy(node(), 'cleanup', '--node-name', 'n2')
    }
  })

  test.each([
    [
      'a health port in use',
      ['--healthz-bind-address', '0.0.0.0:11000'],
      /0\.0\.0\.0:11000.*EADDRINUSE/,
    ],
    [
      'a metrics address that the node does not have',
      ['--metrics-bind-address', '[2001:db8::1]:10249'],
      /\[2001:db8::1\]:10249.*EADDRNOTAVAIL.*--metrics-bind-address/,
    ],
  ])(
    'with --bind-address-hard-fail ends at %s, before it touches the kernel (HL-6, hard; EV-2)',
    async (_, args, message) => {
      await using _squatter = await squatter(11_000)
      const run = ['run', '--node-name', 'n2', '--manifests', stage.manifests.path]
      const exit = await kproxy(node(), ...run, '--bind-address-hard-fail', ...args)
      expect(exit.code).toBe(1)
      expect(exit.stderr.trim().split('\n').at(-1)).toMatch(message)
      expect(exit.stderr).toMatch(/"reason":"FailedToStart(ProxierHealthcheck|MetricServer)"/)
      expect(exit.stderr).not.toContain('programs attached')
    },
  )

  test('goes on without a metrics address of the wrong family, and says so (soft)', async () => {
    const args = ['--metrics-bind-address', '[2001:db8::1]:10249']
    await withAgent(args, async (agent) => {
      expect(agent.log).toMatch(/\[2001:db8::1\]:10249.*EADDRNOTAVAIL/)
      expect((await httpGet(node(), HEALTHZ)).code).toBe(200)
    })
  })

  test.each(['localhost:10256', '1.2.3.4:0', '[::1'])('refuses the address %s', async (address) => {
    const run = ['run', '--node-name', 'n2', '--manifests', stage.manifests.path]
    const exit = await kproxy(node(), ...run, '--healthz-bind-address', address)
    expect(exit.code).toBe(2)
    expect(exit.stderr).toContain(`healthzBindAddress is "${address}": write an IP address`)
  })
})
