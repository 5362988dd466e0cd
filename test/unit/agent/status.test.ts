import { describe, expect, it } from 'vitest'
import { composeStatus, type StatusInputs } from '../../../control/agent/status.ts'
import type { StreamStatus } from '../../../control/source/source.ts'

const stream: StreamStatus = {
  kind: 'Service',
  state: 'watching',
  objects: 3,
  synced: true,
  how: 'WatchList protobuf',
  lastEventAt: 1_000_000_000,
  silentMs: 1_000,
  restarts: 0,
  lastError: undefined,
}

function inputs(change: {
  mode?: Partial<StatusInputs['mode']>
  syncer?: Partial<StatusInputs['syncer']>
  streams?: readonly StreamStatus[]
  configRefused?: readonly string[]
  problems?: ReturnType<StatusInputs['model']['problems']>
}): StatusInputs {
  return {
    nodeName: 'n1',
    cgroup: '/sys/fs/cgroup',
    pinDir: '/sys/fs/bpf/kproxy/n1',
    configuration: { file: '/etc/kproxy.conf', refused: change.configRefused ?? [], remarks: [] },
    startedAt: 0,
    modeName: 'ebpf',
    mode: {
      hooks: [{ name: 'connect4', attached: true, programId: 7 }],
      maps: [{ name: 'services', entries: 1, maxEntries: 100, canFill: true, memoryBytes: 4096 }],
      checks: [{ name: 'canary', ok: true, message: 'connected' }],
      refused: [],
      reasons: {},
      udpSocketsEnded: 0,
      ...change.mode,
    },
    source: { origin: 'https://10.0.0.1', streams: change.streams ?? [stream], rejected: [] },
    model: {
      counts: { services: 1, endpoints: 2, slices: 1 },
      problems: () => change.problems ?? [],
    },
    syncer: {
      lastSync: null,
      syncing: false,
      firstSyncSeconds: 0.1,
      syncs: 1,
      latency: { status: () => null } as unknown as StatusInputs['syncer']['latency'],
      synced: true,
      holdsBack: false,
      lastError: undefined,
      ...change.syncer,
    },
    drift: { checked: 0, repaired: 0, lastAt: null, last: [] },
  }
}

const failing = (change: Parameters<typeof inputs>[0]) => {
  const status = composeStatus(inputs(change))
  return {
    health: status.health,
    types: status.conditions.filter((c) => c.status !== 'True').map((c) => c.type),
  }
}

describe('composeStatus', () => {
  it('is healthy when nothing is wrong', () => {
    expect(failing({})).toEqual({ health: 'healthy', types: [] })
  })

  it.each(['connecting', 'listing'] as const)(
    'is healthy with a stream that is %s as a matter of course',
    (state) => {
      expect(failing({ streams: [{ ...stream, state }] })).toEqual({ health: 'healthy', types: [] })
    },
  )

  it.each([0, Date.now() + 86_400_000])(
    'is healthy with a stream that was heard of just now, though the wall clock puts that at %d',
    (lastEventAt) => {
      expect(failing({ streams: [{ ...stream, lastEventAt }] }).health).toBe('healthy')
    },
  )

  it('is healthy without a kind that it can do without, however long ago (IN-60)', () => {
    const absent = { ...stream, state: 'absent' as const, silentMs: 600_000 }
    const { health } = failing({ streams: [stream, { ...absent, lastError: '404 NotFound' }] })
    expect(health).toBe('healthy')
  })

  it.each([
    [
      'a hook that is gone',
      { mode: { hooks: [{ name: 'connect4', attached: false, programId: 0 }] } },
      'HooksAttached',
    ],
    [
      'a canary that fails',
      { mode: { checks: [{ name: 'canary', ok: false, message: 'ENETUNREACH' }] } },
      'HooksWork',
    ],
    ['lists that are not complete', { syncer: { synced: false } }, 'Synced'],
    ['a sync that fails', { syncer: { lastError: 'EIO' } }, 'Synced'],
  ])('is unhealthy with %s', (_, change, type) => {
    expect(failing(change)).toEqual({ health: 'unhealthy', types: [type] })
  })

  it.each([
    [
      'a check that fails and does not concern the way to Services',
      {
        mode: { checks: [{ name: 'lifetime', ok: false, message: 'EPERM', minor: true as const }] },
      },
      'FeaturesWork',
    ],
    [
      'a refused service port',
      { mode: { refused: [{ key: 'default/web:/TCP/4', reason: 'MapFull', message: 'm' }] } },
      'ServicesAccepted',
    ],
    [
      'a stream that retries: an unreachable API server never makes the node unhealthy (AP-26)',
      { streams: [{ ...stream, state: 'retrying' as const, lastError: 'ECONNREFUSED' }] },
      'StreamsFresh',
    ],
    [
      'a stream that connects anew after a failure',
      { streams: [{ ...stream, state: 'connecting' as const, lastError: 'HTTP 503' }] },
      'StreamsFresh',
    ],
    [
      'a stream that lists anew after a failure',
      { streams: [{ ...stream, state: 'listing' as const, lastError: 'HTTP 410' }] },
      'StreamsFresh',
    ],
    ['a stream that fell silent', { streams: [{ ...stream, silentMs: 600_000 }] }, 'StreamsFresh'],
    ['removals that are held back', { syncer: { holdsBack: true } }, 'RemovalsInForce'],
    [
      'an object with absurd content',
      { problems: [{ subject: 'Service default/web', message: 'port 70000' }] },
      'ObjectsValid',
    ],
    [
      'a configuration file that was changed and refused (CF-10)',
      { configRefused: ['mode is "fast": write iptables'] },
      'ConfigurationCurrent',
    ],
    [
      'a map that is nearly full',
      {
        mode: {
          maps: [{ name: 'services', entries: 81, maxEntries: 100, canFill: true, memoryBytes: 1 }],
        },
      },
      'MapsRoomy',
    ],
  ])('is degraded with %s', (_, change, type) => {
    expect(failing(change)).toEqual({ health: 'degraded', types: [type] })
  })
})
