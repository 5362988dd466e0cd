import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { httpGet, type Kproxy, kproxy } from '../lab/index.ts'
import { type Family, parsePrometheusText, shapeOf } from '../prometheus-text.ts'
import type { ApiObject } from './api.ts'
import { Cluster } from './cluster.ts'
import { hostOf } from './host.ts'
import { KubeProxy } from './kube-proxy.ts'
import { createService, deletePod, endpointSlice, service } from './objects.ts'
import { waitFor } from './wait.ts'

/** Series of modes that are made of rules: there are none in ours. */
const RULES_ONLY = /_iptables_|_nftables_|^kubeproxy_conntrack_|^kubeproxy_iptables_/

/** Series of what kproxy does not have. */
const WITHOUT_MEANING = [
  // Another language, and libraries that are linked into every component but do nothing in kube-proxy.
  /^go_|^aggregator_|^apiserver_|^cardinality_enforcement_/,
  // No metric is hidden or switched off, and none has a stability level.
  /^(disabled|hidden|registered)_metrics_total$/,
  // Alerts compare its versions across components: kproxy_build_info says what runs.
  /^kubernetes_build_info$/,
  // No client-side rate limit, no shared transports; credential plugins are the library's own affair.
  /^rest_client_(rate_limiter|transport|exec_plugin)_/,
]

/** Go writes bounds from a million on as 1.048576e+06, which Prometheus takes for the same number. */
function withoutExponents({ labels, buckets }: ReturnType<typeof shapeOf>) {
  return { labels, buckets: buckets.map((le) => (le.includes('e+') ? String(Number(le)) : le)) }
}

/*
 * What is written for kube-proxy, queries, alerts and filters of Events, is pointed at both, doing the
 * same work in the same cluster.
 */
describe('kproxy beside stock kube-proxy', () => {
  let cluster: Cluster
  let agent: Kproxy
  let proxy: KubeProxy
  let ours: Map<string, Family>
  let theirs: Map<string, Family>

  beforeAll(async () => {
    cluster = await Cluster.create()
    await cluster.addService('web')
    agent = cluster.agent(cluster.node('n1'))
    await agent.synced()
    proxy = await KubeProxy.start(hostOf(cluster.node('n2')), {
      mode: 'nftables',
      kubeconfig: cluster.plane.kubeconfig('proxy'),
      nodeName: 'n2',
      clusterCIDR: '10.244.0.0/16,fd00:10:244::/48',
      directory: cluster.plane.directory,
    })
    // Endpoints that come and go, so that every series has something to show.
    await Promise.all(['a', 'c'].map((pod) => cluster.addServer(pod, { app: 'web' })))
    await cluster.slices('web', 4)
    await deletePod(cluster.client, 'a')
    await cluster.slices('web', 2)
    await cluster.addService('timed', { selector: null })
    // The streams of Services and slices are two: a slice without its Service would be no change.
    await agent.programmed('default/timed', (service) => service !== undefined)
    for (const addressType of ['IPv4', 'IPv6'] as const) await addTimedSlice(addressType)
    for (const path of ['healthz', 'livez']) {
      for (const node of cluster.lab.nodes) await httpGet(node, `http://127.0.0.1:10256/${path}`)
    }
    await waitFor('both have measured the change', async () => {
      ours = parsePrometheusText(await scrape('n1'))
      theirs = parsePrometheusText(await scrape('n2'))
      const name = 'kubeproxy_network_programming_duration_seconds'
      return [ours, theirs].every((families) => {
        const counts = families
          .get(name)
          ?.samples.filter((sample) => sample.name.endsWith('_count'))
        return counts?.length === 2
      })
    })
  })
  afterAll(async () => {
    await proxy?.stop()
    await cluster?.destroy()
  })

  /** A slice that says when its cause was, as the controller writes it for pods of a kubelet (IN-33). */
  async function addTimedSlice(addressType: 'IPv4' | 'IPv6'): Promise<void> {
    const address = cluster.pod('b').addresses[addressType === 'IPv4' ? 'ipv4' : 'ipv6']
    const name = `timed-${addressType.toLowerCase()}`
    const ports = [{ name: 'tcp', port: 8080 }]
    const slice = endpointSlice({
      name,
      service: 'timed',
      addressType,
      ports,
      endpoints: [{ address }],
    })
    const key = 'endpoints.kubernetes.io/last-change-trigger-time'
    slice.metadata.annotations = { [key]: new Date().toISOString() }
    await cluster.client.create(
      '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
      slice,
    )
  }

  const scrape = async (node: 'n1' | 'n2') =>
    (await httpGet(cluster.node(node), 'http://127.0.0.1:10249/metrics')).text

  const family = (families: Map<string, Family>, name: string): Family => {
    const found = families.get(name)
    if (found === undefined) throw new Error(`there is no ${name}`)
    return found
  }

  test('every series of kube-proxy that means something here is there (ME-1)', () => {
    const wanted = [...theirs.keys()].filter(
      (name) => name.startsWith('kubeproxy_') && !RULES_ONLY.test(name),
    )
    expect(wanted.length).toBeGreaterThan(10)
    expect([...ours.keys()].filter((name) => name.startsWith('kubeproxy_')).sort()).toEqual(
      wanted.sort(),
    )
  })

  test('so is every series that all components have and that means something here (MT-5)', () => {
    const wanted = [...theirs.keys()].filter(
      (name) =>
        !RULES_ONLY.test(name) && !WITHOUT_MEANING.some((expression) => expression.test(name)),
    )
    expect(wanted).toEqual(expect.arrayContaining(['rest_client_requests_total']))
    expect([...ours.keys()]).toEqual(expect.arrayContaining(wanted))
  })

  test('feature gates that are heeded have the stages and defaults of kube-proxy (MT-5)', () => {
    const gates = (families: Map<string, Family>) =>
      family(families, 'kubernetes_feature_enabled').samples.map(
        ({ labels: { name, stage }, value }) => `${name} ${stage} ${value}`,
      )
    expect(gates(ours).length).toBeGreaterThan(0)
    expect(gates(theirs)).toEqual(expect.arrayContaining(gates(ours)))
  })

  test('shared series have the types, labels and buckets of kube-proxy (ME-1, ME-2, MT-5)', () => {
    const shared = [...ours.keys()].filter((name) => theirs.has(name))
    for (const name of shared) {
      const [our, their] = [family(ours, name), family(theirs, name)]
      expect(our.type, name).toBe(their.type)
      if (our.samples.length === 0 || their.samples.length === 0) continue
      expect(shapeOf(our), name).toEqual(withoutExponents(shapeOf(their)))
    }
  })

  test('label values are the same where queries name them (ME-1)', () => {
    const values = (families: Map<string, Family>, name: string, label: string) =>
      new Set(family(families, name).samples.map(({ labels }) => labels[label]))
    for (const [name, label] of [
      ['kubeproxy_sync_proxy_rules_duration_seconds', 'ip_family'],
      ['kubeproxy_sync_proxy_rules_no_local_endpoints_total', 'traffic_policy'],
      ['kubeproxy_sync_proxy_rules_no_local_endpoints_total', 'ip_family'],
      ['kubeproxy_proxy_healthz_total', 'code'],
      ['kubeproxy_proxy_livez_total', 'code'],
    ] as const) {
      expect(values(ours, name, label), `${name} ${label}`).toEqual(values(theirs, name, label))
    }
    const methods = [...values(ours, 'rest_client_requests_total', 'method')]
    expect(methods).toEqual(expect.arrayContaining(['GET', 'POST']))
  })

  test('the pages of kube-proxy are there, of the same types (DE-1 to DE-5)', async () => {
    const ask = async (node: 'n1' | 'n2', path: string) => {
      const { code, headers } = await httpGet(cluster.node(node), `http://127.0.0.1:10249${path}`)
      return [path, code, headers['content-type']?.replace(/; escaping=.*/, '')]
    }
    const pages = ['healthz', 'proxyMode', 'configz', 'flagz', 'statusz', 'metrics', 'metrics/slis']
    for (const page of pages)
      expect(await ask('n1', `/${page}`)).toEqual(await ask('n2', `/${page}`))
    const [, code] = await ask('n1', '/debug/pprof/')
    expect(code).toBe((await ask('n2', '/debug/pprof/'))[1])
  })

  test('/configz has every field that kube-proxy shows (DE-4)', async () => {
    const fields = async (node: 'n1' | 'n2') => {
      const { text } = await httpGet(cluster.node(node), 'http://127.0.0.1:10249/configz')
      const { 'kubeproxy.config.k8s.io': config, ...rest } = JSON.parse(text)
      expect(rest).toEqual({})
      const leaves = (value: unknown, path: string): string[] =>
        typeof value === 'object' && value !== null && !Array.isArray(value)
          ? Object.entries(value).flatMap(([name, inner]) => leaves(inner, `${path}.${name}`))
          : [path]
      return leaves(config, '')
    }
    const theirs = await fields('n2')
    expect(theirs.length).toBeGreaterThan(50)
    expect(await fields('n1')).toEqual(expect.arrayContaining(theirs))
  })

  test('both answer /healthz with the same keys and headers (HL-3)', async () => {
    const ask = async (node: 'n1' | 'n2', path: string) => {
      const { code, headers, text } = await httpGet(
        cluster.node(node),
        `http://127.0.0.1:10256${path}`,
      )
      const { 'content-type': type, 'x-content-type-options': sniff } = headers
      const { status, ...body } = JSON.parse(text)
      return [code, type, sniff, Object.keys(body), Object.keys(status), Object.keys(status.IPv4)]
    }
    for (const path of ['/healthz', '/livez'])
      expect(await ask('n1', path)).toEqual(await ask('n2', path))
  })

  test('both answer health check node ports alike (HL-11 to HL-13)', async () => {
    await cluster.addServer('b', { app: 'balanced' })
    await cluster.addServer('d', { app: 'balanced' })
    const spec = {
      type: 'LoadBalancer',
      selector: { app: 'balanced' },
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80, targetPort: 8080 }],
    }
    const { spec: made } = await createService(cluster.client, service('balanced', spec))
    const ask = async (name: 'n1' | 'n2') => {
      const node = cluster.node(name)
      const url = `http://${node.addresses.ipv4}:${made.healthCheckNodePort}/`
      const { code, headers, text } = await httpGet(node, url)
      const kept = ['content-type', 'x-content-type-options', 'x-load-balancing-endpoint-weight']
      return { code, headers: kept.map((name) => headers[name]), text }
    }
    const answers = await waitFor('both have an endpoint', async () => {
      const both = await Promise.all([ask('n1'), ask('n2')])
      return both.every(({ code }) => code === 200) && both
    })
    expect(answers[0]).toEqual(answers[1])
  })

  const events = async (path: string, reason: string): Promise<ApiObject[]> => {
    const { items } = await cluster.client.get(`/apis/events.k8s.io/v1/${path}`)
    return items.filter((event: ApiObject) => event.reason === reason)
  }

  test('the API server has the Event of both starts, alike but for who and where (EV-1)', async () => {
    const started = await waitFor('both Events', async () => {
      const found = await events('namespaces/default/events', 'Starting')
      return found.length === 2 && found
    })
    const [our, their] = ['n1', 'n2'].map((name) => {
      const event = started.find(({ regarding }) => regarding.name === name)
      const { type, action, note, reportingController, regarding } = event
      const { kind, namespace } = regarding
      return { type, action, note, reportingController, kind, namespace }
    })
    expect(our).toEqual(their)
    expect(our).toMatchObject({ reportingController: 'kube-proxy', action: 'StartKubeProxy' })
  })

  test('the rights of system:kube-proxy are enough to note repetitions (9.1, 9.3)', async () => {
    const module = (path: string) =>
      JSON.stringify(new URL(`../../control/${path}`, import.meta.url))
    await cluster.node('n1').exec([
      process.execPath,
      '--input-type=module',
      '--eval',
      `import { ApiEventSink } from ${module('events/api-sink.ts')}
       import { eventObject } from ${module('events/event.ts')}
       import { Connection } from ${module('source/kubernetes/kubeconfig.ts')}
       import { HttpTransport } from ${module('source/kubernetes/transport.ts')}
       const kubeconfig = ${JSON.stringify(cluster.plane.kubeconfig('proxy'))}
       const sink = new ApiEventSink(new HttpTransport(await Connection.open({ kubeconfig }), 'test'))
       const subject = { kind: 'Service', namespace: 'default', name: 'web', uid: '' }
       const words = { type: 'Warning', reason: 'Repeated', action: 'Test', note: '' }
       await sink.create('default', eventObject({ subject, ...words }, 'web.1', 'n1', Date.now()))
       const lastObservedTime = '2026-01-01T00:00:00.000000Z'
       await sink.update('default', 'web.1', { count: 3, lastObservedTime })
       sink.close()`,
    ])
    const [event] = await events('namespaces/default/events', 'Repeated')
    expect(event.series).toEqual({ count: 3, lastObservedTime: '2026-01-01T00:00:00.000000Z' })
  })

  test('a refused Service has an Event that `kubectl describe` finds', async () => {
    await agent.kill('SIGTERM')
    await kproxy(cluster.node('n1'), 'cleanup', '--node-name', 'n1')
    const args = ['--kubeconfig', cluster.plane.kubeconfig('proxy'), '--max-services', '4']
    const small = cluster
      .node('n1')
      .spawn(['build/bin/kproxy', 'run', '--node-name', 'n1', ...args])
    try {
      const event = await waitFor('the Event', async () => {
        const found = await events('events', 'FailedToProgram')
        return found.find(({ note }) => /^node n1: .*--max-services/.test(note))
      })
      expect(event).toMatchObject({ type: 'Warning', action: 'Program' })
      const { namespace, name, uid } = event.regarding
      const { metadata } = await cluster.client.get(
        `/api/v1/namespaces/${namespace}/services/${name}`,
      )
      expect(uid).toBe(metadata.uid)
    } finally {
      await small.stop()
    }
  })
})
