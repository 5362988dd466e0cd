import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { pino } from 'pino'
import { describe, expect, it, onTestFinished } from 'vitest'
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
    pages: { profiling: false, statusz: true, flagz: true },
    syncPeriodMs: 30_000,
    nodePortAddresses: ['127.0.0.1'],
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
  it('records that the agent has started, without a note (9.3)', () => {
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
    'that must open %s and cannot sends an Event before it fails (HL-6, 9.3)',
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

  it('reports a health check port that cannot be opened on its Service (HL-14)', async () => {
    const { telemetry, model, recorded } = telling()
    const port = await occupiedPort()
    const balanced = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' } as const
    const object = service('web', { ...balanced, healthCheckNodePort: port })
    model.apply({ type: 'set', object, receivedAt: 0 })
    const local = endpoint('10.0.0.1', { nodeName: 'n1' })
    model.apply({ type: 'set', object: slice('web-1', 'web', [local]), receivedAt: 0 })
    model.take()
    telemetry.taken(true)
    await expect.poll(() => recorded.length).toBe(1)
    expect(recorded[0]).toMatchObject({
      subject: { kind: 'Service', name: 'web' },
      type: 'Warning',
      reason: 'FailedToStartServiceHealthcheck',
      action: 'Listen',
    })
  })
})
