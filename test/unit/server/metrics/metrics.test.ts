import { describe, expect, it } from 'vitest'
import type { ServicePortCounters } from '../../../../control/mode/mode.ts'
import type {
  Frontend,
  ServicePort,
  ServicePortChange,
  TrafficPolicy,
} from '../../../../control/model/service-port.ts'
import type { StatusDocument } from '../../../../control/server/api.ts'
import { Metrics, type MetricsOptions } from '../../../../control/server/metrics/metrics.ts'
import type { SyncAttempt, SyncSuccess } from '../../../../control/server/sync-observer.ts'
import type { SourceEvent } from '../../../../control/source/source.ts'
import { parsePrometheusText, shapeOf } from '../../../prometheus-text.ts'
import { endpoint, modelOf, remove, service, slice } from '../../model/build.ts'
import { status } from './status.ts'

const set = (object: ReturnType<typeof service> | ReturnType<typeof slice>): SourceEvent => {
  return { type: 'set', object, receivedAt: 0 }
}

const NOTHING = { active: [], terminating: [], drop: false }
const DROPS = { ...NOTHING, drop: true }
const clusterIP: Frontend = { class: 'ClusterIP', address: '10.96.0.1', port: 80 }
const nodePort: Frontend = { class: 'NodePort', address: '0.0.0.0', port: 30_080 }

function port(key: string, change: Partial<ServicePort> = {}): ServicePortChange {
  const lists = { internal: NOTHING, external: NOTHING, frontends: [clusterIP] }
  return { type: 'set', key, port: { key, ...lists, ...change } as ServicePort }
}

const attempt = (change: Partial<SyncAttempt> = {}): SyncAttempt => {
  return { changes: [], complete: false, families: ['IPv4'], ...change }
}

const success = (change: Partial<SyncSuccess> = {}): SyncSuccess => ({
  ...attempt(),
  report: { changed: 1, published: 1, removed: 0, syscalls: 3, refused: [] },
  durationSeconds: 0.003,
  latencySeconds: undefined,
  ...change,
})

function measuring(options: MetricsOptions = {}) {
  const metrics = new Metrics(options)
  const source = {
    status: async (): Promise<StatusDocument> => status(),
    counters: async (keys: readonly string[]) => {
      const counts = { connections: 7, datagrams: 2, refused: 1, dropped: 0, backends: new Map() }
      return new Map<string, ServicePortCounters>(keys.map((key) => [key, counts]))
    },
  }
  const scrape = async (now: Partial<StatusDocument> = {}) => {
    const text = await metrics.render({ ...source, status: async () => status(now) })
    return parsePrometheusText(text)
  }
  /** The value of a sample, by name and labels. */
  const value = async (name: string, labels: Record<string, string> = {}, now = {}) => {
    const samples = [...(await scrape(now)).values()].flatMap(({ samples }) => samples)
    const matching = samples.filter((sample) => {
      return (
        sample.name === name &&
        Object.entries(labels).every(([key, is]) => sample.labels[key] === is)
      )
    })
    expect(matching.length, `samples of ${name}`).toBeLessThanOrEqual(1)
    return matching[0]?.value
  }
  return { metrics, scrape, value }
}

const PREFIX = 'kubeproxy_sync_proxy_rules'

describe('the series of kube-proxy', () => {
  it('have its buckets (ME-2)', async () => {
    const { metrics, scrape } = measuring()
    metrics.accepted([set(withTrigger(60_000))])
    metrics.taken(true)
    metrics.succeeded(success())
    const families = await scrape()
    const buckets = (name: string) => shapeOf(families.get(name) ?? never(name)).buckets
    const fine = ['0.001', '0.002', '0.004', '0.008', '0.016', '0.032', '0.064', '0.128', '0.256']
    const coarse = ['0.512', '1.024', '2.048', '4.096', '8.192', '16.384', '+Inf']
    expect(buckets(`${PREFIX}_duration_seconds`)).toEqual([...fine, ...coarse])
    const programming = buckets('kubeproxy_network_programming_duration_seconds')
    expect(programming.slice(0, 5)).toEqual(['0', '0.25', '0.5', '1', '2'])
    expect(programming.slice(-9, -1)).toEqual([
      '115',
      '120',
      '150',
      '180',
      '210',
      '240',
      '270',
      '300',
    ])
    expect(programming).toHaveLength(3 + 59 + 12 + 7 + 1)
  })

  it.each([
    [1, 2],
    [2, 4],
  ])(
    'count slice events once, Service events for each of %d proxiers (MT-1)',
    async (families, services) => {
      const { metrics, value } = measuring({ families })
      const gone = {
        type: 'delete',
        kind: 'Service',
        namespace: 'd',
        name: 'web',
        receivedAt: 0,
      } as const
      metrics.accepted([set(service('web')), gone, set(slice('web-1', 'web', []))])
      expect(await value(`${PREFIX}_endpoint_changes_total`)).toBe(1)
      expect(await value(`${PREFIX}_service_changes_total`)).toBe(services)
    },
  )

  it('show what waits until a sync takes it up (MT-1)', async () => {
    const { metrics, value } = measuring()
    metrics.accepted([set(service('web')), set(slice('web-1', 'web', []))])
    expect(await value(`${PREFIX}_endpoint_changes_pending`)).toBe(1)
    expect(await value(`${PREFIX}_service_changes_pending`)).toBe(2)
    metrics.taken(true)
    expect(await value(`${PREFIX}_endpoint_changes_pending`)).toBe(0)
    expect(await value(`${PREFIX}_service_changes_pending`)).toBe(0)
  })

  it('do not count slices of no Service or of no family (MT-1)', async () => {
    const { metrics, value } = measuring()
    const unowned = slice('x', 'web', [])
    metrics.accepted([
      set({ ...unowned, metadata: { ...unowned.metadata, labels: {} } }),
      set(slice('y', 'web', [], { addressType: 'FQDN' })),
    ])
    expect(await value(`${PREFIX}_endpoint_changes_total`)).toBe(0)
  })

  it.each<[string, Partial<ServicePort>, number, number]>([
    ['an internal policy that drops', { internal: DROPS }, 1, 0],
    ['an external policy that drops', { external: DROPS, frontends: [clusterIP, nodePort] }, 0, 1],
    ['an external policy without a frontend', { external: DROPS }, 0, 0],
    ['no endpoints anywhere', {}, 0, 0],
  ])(
    'count service ports without a local endpoint: %s (MT-2)',
    async (_, change, internal, external) => {
      const { metrics, value } = measuring()
      const changes = [port('d/web:/TCP/4', change), port('d/api:/TCP/6')]
      metrics.succeeded(success({ changes }))
      const name = `${PREFIX}_no_local_endpoints_total`
      const of = (traffic_policy: string, ip_family = 'IPv4') =>
        value(name, { traffic_policy, ip_family })
      expect([await of('internal'), await of('external')]).toEqual([internal, external])
      expect([await of('internal', 'IPv6'), await of('external', 'IPv6')]).toEqual([0, 0])
      metrics.succeeded(success({ changes: [{ type: 'delete', key: 'd/web:/TCP/4' }] }))
      expect([await of('internal'), await of('external')]).toEqual([0, 0])
    },
  )

  /** Endpoints that are ready, here or elsewhere; both policies; what is counted. */
  it.each<[string, TrafficPolicy, TrafficPolicy, number, number]>([
    ['here and elsewhere', 'Cluster', 'Cluster', 0, 0],
    ['here and elsewhere', 'Local', 'Local', 0, 0],
    ['elsewhere', 'Cluster', 'Cluster', 0, 0],
    ['elsewhere', 'Local', 'Cluster', 1, 0],
    ['elsewhere', 'Cluster', 'Local', 0, 1],
    ['elsewhere', 'Local', 'Local', 1, 1],
    ['nowhere', 'Local', 'Local', 0, 0],
  ])(
    'count a port whose endpoints are %s, policies %s and %s, as the model has it (MT-2)',
    async (where, internalTrafficPolicy, externalTrafficPolicy, internal, external) => {
      const { metrics, value } = measuring()
      const nodes = where.split(' and ').filter((place) => place !== 'nowhere')
      const endpoints = nodes.map((place, index) => {
        return endpoint(`10.0.0.${index + 1}`, { nodeName: place === 'here' ? 'n1' : 'n2' })
      })
      const ports = [{ name: '', protocol: 'TCP', port: 80, nodePort: 30_080 }]
      const web = { type: 'NodePort', ports, internalTrafficPolicy, externalTrafficPolicy }
      const model = modelOf(service('web', web), slice('s', 'web', endpoints))
      metrics.succeeded(success({ changes: model.take() }))
      const name = `${PREFIX}_no_local_endpoints_total`
      const of = (traffic_policy: string) => value(name, { traffic_policy, ip_family: 'IPv4' })
      expect([await of('internal'), await of('external')]).toEqual([internal, external])
    },
  )

  it('observe each cause once, when the sync succeeds (MT-3, IN-33)', async () => {
    const { metrics, value } = measuring()
    const count = () =>
      value('kubeproxy_network_programming_duration_seconds_count', { ip_family: 'IPv4' })
    metrics.accepted([set(withTrigger(1_000))])
    metrics.taken(true)
    metrics.failed(attempt(), 1)
    expect(await count()).toBeUndefined()
    metrics.taken(true)
    metrics.succeeded(success())
    metrics.succeeded(success())
    expect(await count()).toBe(1)
  })

  it('do not observe the cause of a slice that is gone before the sync (IN-33)', async () => {
    const { metrics, value } = measuring()
    metrics.accepted([set(withTrigger(1_000)), remove(slice('web-1', 'web', []))])
    metrics.taken(true)
    metrics.succeeded(success())
    expect(await value('kubeproxy_network_programming_duration_seconds_count')).toBeUndefined()
  })

  it.each([
    ['from before the start', -1_000, true],
    ['of a change that changed nothing', 1_000, false],
  ])('do not observe a cause %s (IN-33)', async (_, offset, changed) => {
    const { metrics, value } = measuring()
    metrics.accepted([set(withTrigger(offset))])
    metrics.taken(changed)
    metrics.taken(true)
    metrics.succeeded(success())
    expect(await value('kubeproxy_network_programming_duration_seconds_count')).toBeUndefined()
  })

  it('observe failed syncs too, full and partial ones apart, by family (MT-4)', async () => {
    const { metrics, value } = measuring()
    metrics.succeeded(success({ complete: true, families: ['IPv4', 'IPv6'] }))
    metrics.failed(attempt({ families: ['IPv6'] }), 2)
    const count = (kind: string, ip_family: string) =>
      value(`kubeproxy_sync_${kind}proxy_rules_duration_seconds_count`, { ip_family })
    expect([await count('', 'IPv4'), await count('', 'IPv6')]).toEqual([1, 2])
    expect([await count('full_', 'IPv4'), await count('full_', 'IPv6')]).toEqual([1, 1])
    expect([await count('partial_', 'IPv4'), await count('partial_', 'IPv6')]).toEqual([
      undefined,
      1,
    ])
    expect(await value('kproxy_syncs_total', { result: 'error' })).toBe(1)
  })

  it('say when each family was last queued and synced (ME-1)', async () => {
    const { metrics, value } = measuring()
    const before = Date.now() / 1e3
    metrics.queued(attempt())
    metrics.succeeded(success())
    for (const name of ['last_timestamp_seconds', 'last_queued_timestamp_seconds']) {
      expect(await value(`${PREFIX}_${name}`, { ip_family: 'IPv4' })).toBeGreaterThanOrEqual(before)
      expect(await value(`${PREFIX}_${name}`, { ip_family: 'IPv6' })).toBeUndefined()
    }
  })

  it('count the answers of the health server by status code (ME-1)', async () => {
    const { metrics, value } = measuring()
    metrics.answered('/healthz', 503)
    metrics.answered('/healthz', 503)
    metrics.answered('/livez', 200)
    expect(await value('kubeproxy_proxy_healthz_total', { code: '503' })).toBe(2)
    expect(await value('kubeproxy_proxy_livez_total', { code: '200' })).toBe(1)
  })
})

describe('our own series', () => {
  it('measure publication from 100 us', async () => {
    const { metrics, scrape, value } = measuring()
    metrics.succeeded(success({ latencySeconds: 0.00015 }))
    const name = 'kproxy_publication_duration_seconds'
    const buckets = shapeOf((await scrape()).get(name) ?? never(name)).buckets
    expect(buckets.slice(0, 3)).toEqual(['0.0001', '0.0002', '0.0004'])
    expect(await value(`${name}_bucket`, { le: '0.0001' })).toBe(0)
    expect(await value(`${name}_bucket`, { le: '0.0002' })).toBe(1)
  })

  it('repeat the status, and forget what is no more', async () => {
    const { value } = measuring()
    const full = status().maps[0] ?? never('map')
    const maps = [{ ...full, name: 'services', entries: 9 }]
    expect(await value('kproxy_map_entries', { map: 'services' }, { maps })).toBe(9)
    expect(await value('kproxy_map_entries', { map: 'services' }, { maps: [] })).toBeUndefined()
    const refused = [{ key: 'd/web:/TCP/4', reason: 'MapFull', message: 'full' }]
    expect(await value('kproxy_refused_service_ports', {}, { refused })).toBe(1)
    expect(await value('kproxy_reasons_total', { reason: 'NO_ENDPOINT' })).toBe(5)
    expect(await value('kproxy_udp_sockets_ended_total')).toBe(3)
    expect(await value('kproxy_condition', { type: 'Synced' })).toBe(1)
    expect(await value('kproxy_stream_up', { kind: 'Service' })).toBe(1)
  })

  it('count refusals by reason', async () => {
    const { metrics, value } = measuring()
    const refused = [{ key: 'd/web:/TCP/4', reason: 'MapFull', message: 'full' }]
    metrics.succeeded(success({ report: { ...success().report, refused } }))
    expect(await value('kproxy_refusals_total', { reason: 'MapFull' })).toBe(1)
  })

  it('count connections of each service port only when asked to', async () => {
    const labels = {
      namespace: 'd',
      service: 'web',
      port: 'http',
      protocol: 'TCP',
      ip_family: 'IPv6',
    }
    const name = 'kproxy_service_connections_total'
    for (const perService of [false, true]) {
      const { metrics, value } = measuring({ perService })
      metrics.succeeded(success({ changes: [port('d/web:http/TCP/6')] }))
      expect(await value(name, labels)).toBe(perService ? 7 : undefined)
      metrics.succeeded(success({ changes: [{ type: 'delete', key: 'd/web:http/TCP/6' }] }))
      expect(await value(name, labels)).toBeUndefined()
    }
  })

  it('name the build and the process, and do not pretend to be a version of Kubernetes', async () => {
    const { scrape, value } = measuring()
    expect(await value('kproxy_build_info')).toBe(1)
    const families = await scrape()
    for (const name of [
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
      'process_open_fds',
      'process_virtual_memory_max_bytes',
      'process_network_receive_bytes_total',
    ]) {
      expect(families.get(name)?.samples[0]?.value, name).toBeGreaterThan(0)
    }
    expect(families.has('kubernetes_build_info')).toBe(false)
  })

  it('count requests to the API server by the names all components use (MT-5)', async () => {
    const { metrics, value } = measuring()
    const host = 'api:6443'
    const get = { method: 'GET', host, code: '200', seconds: 0.01 }
    metrics.requested({ ...get, requestBytes: 0, responseBytes: undefined })
    const post = { method: 'POST', host, code: '201', seconds: 0.01 }
    metrics.requested({ ...post, requestBytes: 200, responseBytes: 500 })
    const labels = { method: 'GET', host, code: '200' }
    expect(await value('rest_client_requests_total', labels)).toBe(1)
    const duration = 'rest_client_request_duration_seconds_bucket'
    expect(await value(duration, { verb: 'GET', le: '0.025' })).toBe(1)
    for (const [kind, le] of [
      ['request', '256'],
      ['response', '512'],
    ] as const) {
      const name = `rest_client_${kind}_size_bytes`
      expect(await value(`${name}_sum`, { verb: 'POST' })).toBe(kind === 'request' ? 200 : 500)
      expect(await value(`${name}_bucket`, { verb: 'POST', le })).toBe(1)
      expect(await value(`${name}_count`, { verb: 'GET' })).toBeUndefined()
    }
  })

  it('show the feature gates that are heeded, by the name all components use (MT-5)', async () => {
    const { value } = measuring({
      featureGates: [
        { name: 'ComponentFlagz', stage: 'BETA', enabled: false },
        { name: 'AllowServiceExternalIPs', stage: '', enabled: true },
      ],
    })
    const name = 'kubernetes_feature_enabled'
    expect(await value(name, { name: 'ComponentFlagz', stage: 'BETA' })).toBe(0)
    expect(await value(name, { name: 'AllowServiceExternalIPs', stage: '' })).toBe(1)
  })

  it('survive names with quotes and backslashes in a sample', async () => {
    const { value } = measuring()
    const reasons = { 'a"b\\c\nd': 1 }
    expect(await value('kproxy_reasons_total', {}, { reasons })).toBe(1)
  })
})

/** @param offset milliseconds from now */
function withTrigger(offset: number) {
  const object = slice('web-1', 'web', [])
  const key = 'endpoints.kubernetes.io/last-change-trigger-time'
  const at = new Date(Date.now() + offset).toISOString().replace('Z', '123456Z')
  return { ...object, metadata: { ...object.metadata, annotations: { [key]: at } } }
}

function never(what: string): never {
  throw new Error(`${what} is missing`)
}
