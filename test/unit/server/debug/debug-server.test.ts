import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Check } from '../../../../control/server/debug/pages.ts'
import {
  type DebugPages,
  type DebugProvider,
  debugHandler,
} from '../../../../control/server/metrics/metrics-server.ts'
import { parsePrometheusText } from '../../../prometheus-text.ts'
import { status } from '../metrics/status.ts'

async function serving(change: Partial<DebugProvider> = {}, pages: Partial<DebugPages> = {}) {
  const provider: DebugProvider = {
    mode: 'ebpf',
    status: async () => status(),
    metrics: async () => ({ type: 'text/plain; version=0.0.4; charset=utf-8', text: 'x 1\n' }),
    liveness: () => [{ name: 'fresh', problem: undefined }],
    readiness: () => [{ name: 'synced', problem: undefined }],
    configuration: () => ({ kind: 'KubeProxyConfiguration' }),
    flags: () => ({ profiling: 'false', 'bind-address': '::' }),
    setVerbosity: () => {},
    ...change,
  }
  const server = createServer(
    debugHandler(provider, { profiling: false, statusz: true, flagz: true, ...pages }),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return async (path: string, method = 'GET', body?: string) => {
    const init = body === undefined ? { method } : { method, body }
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    const { status: code, headers } = response
    return { code, type: headers.get('content-type'), text: await response.text() }
  }
}

const TEXT = 'text/plain; charset=utf-8'

describe('the metrics server', () => {
  it.each([
    ['/metrics', 'DE-1', 'text/plain; version=0.0.4; charset=utf-8', 'x 1\n'],
    ['/healthz', 'DE-2', TEXT, 'ok'],
    ['/livez', 'DE-2', TEXT, 'ok'],
    ['/readyz', 'DE-2', TEXT, 'ok'],
    ['/proxyMode', 'DE-3', TEXT, 'ebpf'],
    [
      '/configz',
      'DE-4',
      'application/json',
      '{"kubeproxy.config.k8s.io":{"kind":"KubeProxyConfiguration"}}',
    ],
  ])('answers %s (%s)', async (path, _, type, text) => {
    const ask = await serving()
    expect(await ask(path)).toEqual({ code: 200, type, text })
  })

  it('shows flags and status for people (DE-5)', async () => {
    const ask = await serving()
    expect((await ask('/flagz')).text).toMatch(/\nbind-address=::\nprofiling=false\n$/)
    const { text } = await ask('/statusz')
    expect(text).toMatch(/^kproxy statusz\n/)
    for (const line of ['Mode: ebpf', 'Health: healthy', 'Version: 0.1.0'])
      expect(text).toContain(line)
  })

  const broken: Check = { name: 'synced', problem: 'no list yet' }
  it('names the check that fails, with status 500 (DE-2)', async () => {
    const ask = await serving({ readiness: () => [{ name: 'fresh', problem: undefined }, broken] })
    expect(await ask('/readyz')).toMatchObject({
      code: 500,
      text: '[+]fresh ok\n[-]synced failed: no list yet\nreadyz check failed\n',
    })
    expect((await ask('/livez?verbose')).text).toBe('[+]fresh ok\nlivez check passed\n')
  })

  it('shows its checks as a metric, too (DE-1)', async () => {
    const ask = await serving({ readiness: () => [broken] })
    const { samples = [] } =
      parsePrometheusText((await ask('/metrics/slis')).text).get('kubernetes_healthcheck') ?? {}
    expect(samples.map(({ labels, value }) => [labels.type, labels.name, value])).toEqual([
      ['livez', 'fresh', 1],
      ['readyz', 'synced', 0],
    ])
  })

  it('answers 500 with the reason where a page cannot be made, and lives on', async () => {
    const ask = await serving({
      metrics: async () => {
        throw new Error('EIO while reading map reasons')
      },
    })
    expect(await ask('/metrics')).toMatchObject({
      code: 500,
      text: 'EIO while reading map reasons\n',
    })
    expect((await ask('/healthz')).code).toBe(200)
  })

  it('names its paths where there is none, and takes only GET', async () => {
    const ask = await serving()
    expect(await ask('/nothing')).toMatchObject({
      code: 404,
      text: expect.stringContaining('/metrics'),
    })
    expect((await ask('/metrics', 'POST')).code).toBe(405)
  })
})

it.each(['statusz', 'flagz'] as const)('/%s goes with its feature gate (DE-5)', async (page) => {
  const ask = await serving({}, { [page]: false })
  expect((await ask(`/${page}`)).code).toBe(404)
  expect((await ask('/configz')).code).toBe(200)
})

describe('the log verbosity', () => {
  async function setting(pages: Partial<DebugPages> = { profiling: true }) {
    const verbosities: number[] = []
    const ask = await serving({ setVerbosity: (value) => void verbosities.push(value) }, pages)
    const put = async (body: string) => (await ask('/debug/flags/v', 'PUT', body)).code
    return { verbosities, ask, put }
  }

  it('is set by PUT, beside the profiles (DE-6)', async () => {
    const { verbosities, ask, put } = await setting()
    expect([await put('4'), await put('0\n')]).toEqual([200, 200])
    expect(verbosities).toEqual([4, 0])
    expect((await ask('/debug/flags/v')).code).toBe(405)
  })

  it('cannot be set without profiling (DE-6)', async () => {
    const { verbosities, put } = await setting({})
    expect([await put('4'), verbosities]).toEqual([404, []])
  })

  it.each(['', '-1', 'x', '4.5', '2147483648', '9'.repeat(100)])('is not "%s"', async (body) => {
    const { verbosities, ask } = await setting()
    expect(await ask('/debug/flags/v', 'PUT', body)).toMatchObject({
      code: 400,
      text: expect.stringContaining('write a whole number'),
    })
    expect(verbosities).toEqual([])
  })
})

describe('profiles', () => {
  it('are not there unless profiling is enabled (DE-6)', async () => {
    const ask = await serving()
    for (const path of ['/debug/pprof/', '/debug/pprof/profile', '/debug/pprof/heap']) {
      expect((await ask(path)).code).toBe(404)
    }
  })

  it('of the CPU, of allocations and of the heap are what developer tools open (DE-6)', async () => {
    const ask = await serving({}, { profiling: true })
    const cpu = JSON.parse((await ask('/debug/pprof/profile?seconds=0.05')).text)
    expect(Object.keys(cpu)).toEqual(expect.arrayContaining(['nodes', 'samples', 'timeDeltas']))
    const allocations = JSON.parse((await ask('/debug/pprof/heap?seconds=0.05')).text)
    expect(allocations).toHaveProperty('head.callFrame')
    const heap = await ask('/debug/pprof/heap')
    expect(heap.text.slice(0, 40)).toContain('{"snapshot":{"meta"')
    expect((await ask('/debug/pprof/')).text).toContain('.heapsnapshot')
  })

  it('are taken one at a time', async () => {
    const ask = await serving({}, { profiling: true })
    const answers = await Promise.all([
      ask('/debug/pprof/profile?seconds=0.2'),
      ask('/debug/pprof/profile?seconds=0.2'),
    ])
    expect(answers.map(({ code }) => code).sort()).toEqual([200, 409])
  })

  it.each(['-1', '0', 'x', '601'])('refuse seconds=%s', async (seconds) => {
    const ask = await serving({}, { profiling: true })
    expect(await ask(`/debug/pprof/profile?seconds=${seconds}`)).toMatchObject({
      code: 400,
      text: `seconds is "${seconds}"; give a number up to 600\n`,
    })
  })
})
