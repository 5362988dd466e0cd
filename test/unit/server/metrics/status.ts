import type { StatusDocument } from '../../../../control/server/api.ts'

/** The status of an agent that is well. */
export function status(change: Partial<StatusDocument> = {}): StatusDocument {
  return {
    health: 'healthy',
    version: '0.1.0',
    nodeName: 'n1',
    pid: 1,
    startedAt: 0,
    mode: 'ebpf',
    cgroup: '/sys/fs/cgroup',
    pinDir: '/sys/fs/bpf/kproxy/n1',
    configuration: { file: null, refused: [], remarks: [] },
    conditions: [{ type: 'Synced', status: 'True', reason: 'OK', message: '' }],
    hooks: [{ name: 'connect4', attached: true, programId: 7 }],
    checks: [{ name: 'canary', ok: true, message: 'connected' }],
    maps: [{ name: 'slots', entries: 1, maxEntries: 100, canFill: true, memoryBytes: 4096 }],
    source: {
      origin: 'https://10.0.0.1',
      streams: [
        {
          kind: 'Service',
          state: 'watching',
          objects: 3,
          synced: true,
          how: 'WatchList protobuf',
          lastEventAt: 1_000,
          silentMs: 1_000,
          restarts: 2,
          lastError: undefined,
        },
      ],
      rejected: [],
    },
    services: 3,
    endpoints: 4,
    syncing: false,
    lastSync: null,
    firstSyncSeconds: 0.1,
    syncs: 1,
    latency: null,
    refused: [],
    problems: [],
    reasons: { NO_ENDPOINT: 5 },
    drift: { checked: 0, repaired: 0, lastAt: null, last: [] },
    udpSocketsEnded: 3,
    residentBytes: 1,
    ...change,
  }
}
