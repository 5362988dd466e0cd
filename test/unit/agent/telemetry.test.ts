import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Telemetry, type TelemetryOptions } from '../../../control/agent/telemetry.ts'
import type { NodeEvent } from '../../../control/events/event.ts'
import type { EventRecorder } from '../../../control/events/recorder.ts'
import { Model } from '../../../control/model/model.ts'
import { ListenError } from '../../../control/server/http-listener.ts'
import type { DebugProvider } from '../../../control/server/metrics/metrics-server.ts'
import type { SyncAttempt } from '../../../control/server/sync-observer.ts'
import { endpoint, node, service, slice } from '../model/build.ts'

function telling(change: Partial<TelemetryOptions> = {}) {
  const recorded: NodeEvent[] = []
  const flushed: number[] = []
  const events = {
    record: (event: NodeEvent) => void recorded.push(event),
    flush: async (milliseconds: number) => void flushed.push(milliseconds),
    stop() {},
  } as unknown as EventRecorder
  const model = new Model({ nodeName: 'n1' })
  const options: TelemetryOptions = {
    nodeName: 'n1',
    healthz: undefined,
    metricsBind: undefined,
    hardFail: false,
    families: ['IPv4', 'IPv6'],
    pages: { profiling: false, statusz: true, flagz: true },
    syncPeriodMs: 30_000,
    healthCheckAddresses: { needNodeIPs: false, resolve: () => ['127.0.0.1'] },
    metrics: undefined,
    events,
    log: pino({ level: 'silent' }),
    ...change,
  }
  const telemetry = new Telemetry(options, model, {} as DebugProvider)
  onTestFinished(() => telemetry.close())
  return { telemetry, model, recorded, flushed }
}

async function occupiedPort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const attempt: SyncAttempt = { changes: [], complete: false, families: ['IPv4'] }
const REPORT = { changed: 0, published: 0, removed: 0, syscalls: 0, refused: [] }
const SUCCESS = { ...attempt, report: REPORT, durationSeconds: 0, latencySeconds: undefined }

describe('Telemetry', () => {
  it('records that the agent has started, without a note (EV-1)', () => {
    const { telemetry, recorded } = telling()
    telemetry.started()
    expect(recorded).toEqual([
      {
        subject: { kind: 'Node', namespace: '', name: 'n1', uid: 'n1' },
        type: 'Normal',
        reason: 'Starting',
        action: 'StartKubeProxy',
        note: '',
      },
    ])
  })

  it.each([
    ['healthz', 'FailedToStartProxierHealthcheck'],
    ['metricsBind', 'FailedToStartMetricServer'],
  ] as const)(
    'that must open %s and cannot sends an Event before it fails (HL-6, EV-2)',
    async (which, reason) => {
      const address = { host: '127.0.0.1', port: await occupiedPort() }
      const { telemetry, recorded, flushed } = telling({ [which]: address, hardFail: true })
      await expect(telemetry.openOrFail()).rejects.toThrow(ListenError)
      expect(recorded).toMatchObject([{ type: 'Warning', reason, action: 'StartKubeProxy' }])
      expect(recorded[0]?.note).toContain('EADDRINUSE')
      expect(flushed).toHaveLength(1)
    },
  )

  it('that may wait for its ports goes on without them (HL-6)', async () => {
    const address = { host: '127.0.0.1', port: await occupiedPort() }
    const { telemetry, recorded } = telling({ healthz: address, metricsBind: address })
    await telemetry.openOrFail()
    await telemetry.begin()
    expect(recorded).toEqual([])
  })

  it('has no health of a family that the host lacks (IN-44, HL-3)', async () => {
    const { telemetry } = telling({ families: ['IPv4'], syncPeriodMs: 0 })
    await telemetry.begin()
    telemetry.queued({ ...attempt, families: ['IPv6'] })
    expect([...telemetry.health.freshness.status().keys()]).toEqual(['IPv4'])
    expect(telemetry.health.freshness.healthy).toBe(true)
  })

  it('follows this Node object alone (HL-5)', () => {
    const { telemetry } = telling()
    expect(telemetry.health.ineligibility).toBe('the Node object is not known')
    const set = (name: string) =>
      telemetry.accepted([{ type: 'set', object: node(undefined, name), receivedAt: 0 }])
    set('n2')
    expect(telemetry.health.ineligibility).toBeDefined()
    set('n1')
    expect(telemetry.health.ineligibility).toBeUndefined()
    const gone = (name: string) =>
      telemetry.accepted([{ type: 'delete', kind: 'Node', namespace: '', name, receivedAt: 0 }])
    gone('n2')
    expect(telemetry.health.ineligibility).toBeUndefined()
    gone('n1')
    expect(telemetry.health.ineligibility).toBeDefined()
  })

  it('marks a family as waiting until its changes are in the kernel (HL-1)', async () => {
    const { telemetry } = telling({ syncPeriodMs: 0 })
    await telemetry.begin()
    expect(telemetry.health.freshness.healthy).toBe(true)
    telemetry.queued(attempt)
    telemetry.failed(attempt, 0)
    expect(telemetry.health.freshness.status().get('IPv4')?.healthy).toBe(false)
    expect(telemetry.health.freshness.status().get('IPv6')?.healthy).toBe(true)
    telemetry.succeeded(SUCCESS)
    expect(telemetry.health.freshness.healthy).toBe(true)
  })

  it('reports a refused service port on its Service, by the UID that kubectl looks for', () => {
    const { telemetry, model, recorded } = telling()
    model.apply({ type: 'set', object: service('web'), receivedAt: 0 })
    const refusal = {
      key: 'default/web:http/TCP/4',
      reason: 'MapFull',
      message: 'services is full',
    }
    telemetry.succeeded({ ...SUCCESS, report: { ...REPORT, refused: [refusal] } })
    expect(recorded).toEqual([
      {
        subject: { kind: 'Service', namespace: 'default', name: 'web', uid: 'uid-web' },
        type: 'Warning',
        reason: 'FailedToProgram',
        action: 'Program',
        note: 'node n1: services is full',
      },
    ])
  })

  /** A Service whose health check is at `port`, with one endpoint here. */
  function balance(model: Model, port: number) {
    const balanced = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } as const
    const object = service('web', { ...balanced, healthCheckNodePort: port })
    model.apply({ type: 'set', object, receivedAt: 0 })
    const local = endpoint('10.0.0.1', { nodeName: 'n1' })
    model.apply({ type: 'set', object: slice('web-1', 'web', [local]), receivedAt: 0 })
    model.take()
  }

  it('reports a health check port that cannot be opened on its Service (HL-14, EV-4)', async () => {
    const { telemetry, model, recorded } = telling()
    balance(model, await occupiedPort())
    telemetry.taken(true)
    await expect.poll(() => recorded.length).toBe(1)
    expect(recorded[0]).toMatchObject({
      subject: { kind: 'Service', name: 'web' },
      type: 'Warning',
      reason: 'FailedToStartServiceHealthcheck',
      action: 'Listen',
    })
  })

  describe('where health check ports listen', () => {
    /** With a port in use, so that each address that it tries makes an Event. */
    async function listening(needNodeIPs: boolean) {
      const asked: string[] = []
      const failing = { first: false }
      const told = telling({
        healthCheckAddresses: {
          needNodeIPs,
          resolve: (nodeIPs) => {
            asked.push(nodeIPs[4])
            if (failing.first) {
              failing.first = false
              throw new Error('no more files')
            }
            return ['127.0.0.1']
          },
        },
      })
      const port = await occupiedPort()
      return { ...told, asked, failing, balance: () => balance(told.model, port) }
    }
    const addressed = node(undefined, 'n1', {
      addresses: [{ type: 'InternalIP', address: '192.0.2.10' }],
    })
    const tries = (recorded: readonly NodeEvent[]) =>
      recorded.filter(({ reason }) => reason === 'FailedToStartServiceHealthcheck').length

    it('is asked once, and only when a Service has one (TR-43)', async () => {
      const { telemetry, model, recorded, asked, balance } = await listening(false)
      telemetry.taken(true)
      expect(asked).toEqual([])
      balance()
      telemetry.taken(true)
      await expect.poll(() => tries(recorded)).toBe(1)
      model.apply({ type: 'set', object: addressed, receivedAt: 0 })
      const more = endpoint('10.0.0.2', { nodeName: 'n1' })
      model.apply({ type: 'set', object: slice('web-2', 'web', [more]), receivedAt: 0 })
      telemetry.taken(true)
      await expect.poll(() => tries(recorded)).toBe(2)
      expect(asked).toEqual(['127.0.0.1'])
    })

    it('waits for the IPs of the node where they decide (TR-42, IN-50)', async () => {
      const { telemetry, model, recorded, asked, balance } = await listening(true)
      balance()
      telemetry.taken(true)
      expect(asked).toEqual([])
      model.apply({ type: 'set', object: addressed, receivedAt: 0 })
      telemetry.taken(false)
      expect(asked).toEqual(['192.0.2.10'])
      await expect.poll(() => tries(recorded)).toBe(1)
    })

    it('goes on without a Node after 30 s (TR-42, IN-50)', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
      onTestFinished(() => void vi.useRealTimers())
      const { telemetry, asked, balance } = await listening(true)
      telemetry.started()
      balance()
      telemetry.taken(true)
      vi.advanceTimersByTime(29_999)
      telemetry.taken(false)
      expect(asked).toEqual([])
      vi.advanceTimersByTime(1)
      expect(asked).toEqual(['127.0.0.1'])
    })

    it('is asked again where it could not be told', async () => {
      const { telemetry, recorded, asked, failing, balance } = await listening(false)
      failing.first = true
      balance()
      telemetry.taken(true)
      telemetry.taken(false)
      expect(asked).toHaveLength(2)
      await expect.poll(() => tries(recorded)).toBe(1)
    })
  })
})
