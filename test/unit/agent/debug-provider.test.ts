import { describe, expect, it } from 'vitest'
import { debugProvider } from '../../../control/agent/debug-provider.ts'
import type { Mode } from '../../../control/mode/mode.ts'
import { Freshness } from '../../../control/server/health/freshness.ts'
import { status } from '../server/metrics/status.ts'

/** @param stale changes wait for too long */
function provider({
  synced = true,
  stale = false,
  lastError = undefined as string | undefined,
  log = { level: 'info' },
}) {
  const freshness = new Freshness(['IPv4'], 0)
  freshness.begin()
  if (stale) freshness.queued(['IPv4'])
  const mode = { name: 'ebpf' } as Mode
  const levelOf = (verbosity: number) => (verbosity >= 4 ? 'debug' : 'info')
  const settings = { configuration: {}, flags: {}, levelOf }
  const parts = { settings, mode, metrics: undefined, log, status: async () => status() }
  return debugProvider(parts, () => ({ syncer: { synced, lastError }, freshness }))
}

const problems = (checks: readonly { problem: string | undefined }[]) =>
  checks.flatMap(({ problem }) => problem ?? [])

describe('debugProvider', () => {
  it('finds nothing wrong where nothing is', () => {
    expect(problems(provider({}).readiness())).toEqual([])
  })

  it('is live but not ready before the first sync: a restart would not help (AP-26)', () => {
    const { liveness, readiness } = provider({ synced: false })
    expect(problems(liveness())).toEqual([])
    expect(problems(readiness())).toEqual(['the first complete sync has not happened'])
  })

  it('is neither while changes wait too long, and says why', () => {
    const { liveness, readiness } = provider({ stale: true, lastError: 'EIO' })
    expect(problems(liveness())).toEqual(['changes wait too long for the kernel: EIO'])
    expect(problems(readiness())).toHaveLength(1)
  })

  it('sets the log level that a verbosity means', () => {
    const log = { level: 'info' }
    provider({ log }).setVerbosity(4)
    expect(log.level).toBe('debug')
  })

  it('is both after one failed sync that may yet succeed', () => {
    expect(problems(provider({ lastError: 'EIO' }).readiness())).toEqual([])
  })
})
