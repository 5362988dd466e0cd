import { pino } from 'pino'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { PendingChanges } from '../../../control/agent/pending.ts'
import { Syncer } from '../../../control/agent/syncer.ts'
import type { ApplyReport, Mode } from '../../../control/mode/mode.ts'
import type { Model } from '../../../control/model/model.ts'
import type { ServicePortChange } from '../../../control/model/service-port.ts'
import type { SyncObserver } from '../../../control/server/sync-observer.ts'
import type { SourceEvent } from '../../../control/source/source.ts'

const gone = (key: string): ServicePortChange => ({ type: 'delete', key })
const removal = (name: string): SourceEvent => ({
  type: 'delete',
  kind: 'Service',
  namespace: 'default',
  name,
  receivedAt: performance.now(),
})
const REPORT: ApplyReport = { changed: 1, published: 0, removed: 1, syscalls: 2, refused: [] }

/** A model that turns each deletion into one change, and a mode that can be held or made to fail. */
function parts(minSyncMs = 0) {
  const dirty: ServicePortChange[] = []
  const applied: { keys: string[]; complete: boolean }[] = []
  let release: (() => void) | undefined
  const control = {
    synced: false,
    nodeSynced: true,
    whole: true,
    failures: 0,
    hold: false,
    applied,
    release: () => release?.(),
  }
  const model = {
    get synced() {
      return control.synced
    },
    get nodeSynced() {
      return control.nodeSynced
    },
    get whole() {
      return control.whole
    },
    apply(event: SourceEvent) {
      if (event.type === 'delete') dirty.push(gone(event.name))
      if (event.type !== 'synced') return
      control.synced = true
      control.whole = event.unread !== true
    },
    take: () => dirty.splice(0),
    takeAll: () => dirty.splice(0),
  } as unknown as Model
  const mode = {
    async apply(changes: readonly ServicePortChange[], complete: boolean) {
      if (control.hold) await new Promise<void>((resolve) => (release = resolve))
      if (control.failures-- > 0) throw new Error('EIO while updating map services')
      applied.push({ keys: changes.map((change) => change.key), complete })
      return REPORT
    },
  } as unknown as Mode
  const lines: Record<string, unknown>[] = []
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const told: string[] = []
  const observer: SyncObserver = {
    accepted: (events) => void told.push(`accepted ${events.length}`),
    taken: (changed) => void told.push(`taken ${changed}`),
    queued: ({ families }) => void told.push(`queued ${families}`),
    succeeded: ({ families }) => void told.push(`succeeded ${families}`),
    failed: ({ families }) => void told.push(`failed ${families}`),
  }
  const releaseMemory = vi.fn()
  const environment = {
    failures: 0,
    applied: 0,
    isPending: true,
    async apply() {
      if (environment.failures-- > 0) throw new Error('EIO while updating map addresses')
      environment.applied++
      environment.isPending = false
    },
  }
  const syncer = new Syncer({ model, mode, log, observer, environment, minSyncMs, releaseMemory })
  return { releaseMemory, control, environment, lines, told, syncer }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

describe('Syncer', () => {
  it('writes nothing before every initial list is complete, and then at once (IN-4, SY-4)', async () => {
    const { control, syncer } = parts()
    syncer.accept([removal('a')])
    await settled()
    expect(control.applied).toEqual([])
    syncer.accept([{ type: 'synced', kind: 'EndpointSlice' }])
    await settled()
    expect(control.applied).toEqual([{ keys: ['a'], complete: true }])
    expect(syncer.synced).toBe(true)
  })

  it('holds the complete apply back while something of the initial lists is unread', async () => {
    const { control, lines, syncer } = parts()
    syncer.accept([removal('a'), { type: 'synced', kind: 'EndpointSlice', unread: true }])
    await settled()
    syncer.accept([removal('b')])
    await settled()
    expect([syncer.synced, syncer.holdsBack]).toEqual([true, true])
    syncer.accept([{ type: 'synced', kind: 'EndpointSlice' }])
    await settled()
    syncer.accept([removal('c')])
    await settled()
    expect(control.applied).toEqual([
      { keys: ['a'], complete: false },
      { keys: ['b'], complete: false },
      { keys: [], complete: true },
      { keys: ['c'], complete: false },
    ])
    expect([syncer.synced, syncer.holdsBack]).toEqual([true, false])
    expect(lines).toHaveLength(4)
  })

  it('waits two seconds for its Node before the first apply, and no longer (IN-4)', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { control, syncer } = parts()
    control.nodeSynced = false
    syncer.accept([removal('a'), { type: 'synced', kind: 'EndpointSlice' }])
    await vi.advanceTimersByTimeAsync(1_900)
    expect(control.applied).toEqual([])
    await vi.advanceTimersByTimeAsync(200)
    expect(control.applied).toEqual([{ keys: ['a'], complete: true }])
  })

  it('goes on as soon as it has heard of its Node', async () => {
    const { control, syncer } = parts()
    control.nodeSynced = false
    syncer.accept([removal('a'), { type: 'synced', kind: 'EndpointSlice' }])
    await settled()
    expect(control.applied).toEqual([])
    control.nodeSynced = true
    syncer.accept([])
    await settled()
    expect(control.applied).toEqual([{ keys: ['a'], complete: true }])
    syncer.stop()
  })

  it('tries the environment again without repeating the changes, and says what fails', async () => {
    const { control, told, syncer, environment } = parts()
    environment.failures = 1
    syncer.accept([removal('a'), { type: 'synced', kind: 'EndpointSlice' }])
    await expect.poll(() => environment.applied).toBe(1)
    expect(control.applied.filter(({ keys }) => keys.length > 0)).toEqual([
      { keys: ['a'], complete: true },
    ])
    expect(told.some((line) => line.startsWith('failed'))).toBe(false)
    expect(syncer.lastError).toBeUndefined()
    syncer.stop()
  })

  it('has memory given back once, some time after everything is in the kernel', async () => {
    const { releaseMemory, syncer } = parts()
    syncer.accept([removal('a'), { type: 'synced', kind: 'EndpointSlice', unread: true }])
    await settled()
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    vi.advanceTimersByTime(60_000)
    expect(releaseMemory).not.toHaveBeenCalled()
    syncer.accept([{ type: 'synced', kind: 'EndpointSlice' }])
    await settled()
    syncer.accept([removal('b')])
    await settled()
    expect(releaseMemory).not.toHaveBeenCalled()
    vi.advanceTimersByTime(60_000)
    expect(releaseMemory).toHaveBeenCalledOnce()
  })

  it('logs a line for each sync that changed something, its times to the microsecond', async () => {
    const { control, lines, syncer } = parts()
    control.synced = true
    syncer.accept([])
    await settled()
    syncer.accept([removal('a')])
    await settled()
    expect(lines).toMatchObject([
      { msg: 'synced', changed: 1, syscalls: 2, complete: true },
      { msg: 'synced', changed: 1, syscalls: 2 },
    ])
    const times = [...lines.map((line) => line.durationSeconds), syncer.firstSyncSeconds]
    expect(times.map((time) => Number(Number(time).toFixed(6)))).toEqual(times)
  })

  it('gathers what arrives during an apply into the next one (SY-2)', async () => {
    const { control, syncer } = parts()
    control.synced = true
    syncer.accept([])
    await settled()
    control.hold = true
    syncer.accept([removal('a')])
    syncer.accept([removal('b')])
    syncer.accept([removal('c')])
    control.hold = false
    control.release()
    await settled()
    expect(control.applied.slice(1)).toEqual([
      { keys: ['a'], complete: false },
      { keys: ['b', 'c'], complete: false },
    ])
    syncer.stop()
  })

  it('leaves minSyncPeriod between two syncs, and gathers what comes meanwhile (SY-2)', async () => {
    const { control, syncer } = parts(300)
    control.synced = true
    syncer.accept([])
    await settled()
    const first = performance.now()
    syncer.accept([removal('a')])
    syncer.accept([removal('b')])
    await settled()
    expect(control.applied).toHaveLength(1)
    expect(syncer.syncing).toBe(true)
    await expect.poll(() => control.applied.length).toBe(2)
    expect(performance.now() - first).toBeGreaterThan(250)
    expect(control.applied[1]).toEqual({ keys: ['a', 'b'], complete: false })
    await expect.poll(() => syncer.syncing).toBe(false)
    syncer.stop()
  })

  it('tries again after a failure, without losing a change (SY-3, SY-9)', async () => {
    const { control, syncer } = parts()
    control.synced = true
    syncer.accept([])
    await settled()
    control.failures = 1
    syncer.accept([removal('a')])
    await settled()
    expect(syncer.lastError).toBe('EIO while updating map services')
    syncer.accept([removal('b')])
    await expect.poll(() => control.applied.at(-1)?.keys).toEqual(['a', 'b'])
    expect(syncer.lastError).toBeUndefined()
    syncer.stop()
  })

  it('waits with the next attempt, whatever is accepted meanwhile (SY-3)', async () => {
    const { control, lines, syncer } = parts()
    control.synced = true
    syncer.accept([])
    await settled()
    control.failures = 1
    for (const name of ['a', 'b', 'c', 'd']) {
      syncer.accept([removal(name)])
      await settled()
    }
    expect(lines.filter(({ msg }) => msg === 'sync failed; will try again')).toHaveLength(1)
    expect(control.applied).toHaveLength(1)
    await expect.poll(() => control.applied.at(-1)?.keys).toEqual(['a', 'b', 'c', 'd'])
    syncer.stop()
  })

  it.each(Array.from({ length: 12 }, (_, i) => i))(
    'applies what comes %d microtasks after a sync',
    async (distance) => {
      const { control, syncer } = parts()
      control.synced = true
      syncer.accept([])
      await settled()
      control.hold = true
      syncer.accept([removal('a')])
      control.hold = false
      const applied = control.applied.push.bind(control.applied)
      control.applied.push = (...items) => {
        let late = Promise.resolve()
        for (let i = 0; i < distance; i++) late = late.then(() => undefined)
        control.applied.push = applied
        void late.then(() => syncer.accept([removal('b')]))
        return applied(...items)
      }
      control.release()
      await settled()
      await settled()
      expect(control.applied.at(-1)?.keys).toEqual(['b'])
      syncer.stop()
    },
  )

  it('tells what it does, by the families that have changes (HL-1)', async () => {
    const { control, told, syncer } = parts()
    control.synced = true
    syncer.accept([])
    await settled()
    control.failures = 1
    syncer.accept([removal('a:/TCP/6')])
    await settled()
    syncer.accept([removal('b:/TCP/4')])
    await expect.poll(() => control.applied.length).toBe(2)
    syncer.accept([])
    await settled()
    const BOTH = 'IPv4,IPv6'
    expect(told).toEqual([
      ...['accepted 0', 'taken true', `queued ${BOTH}`, `succeeded ${BOTH}`, 'taken false'],
      ...['accepted 1', 'taken true', 'queued IPv6', 'failed IPv6'],
      ...['accepted 1', 'taken true', `queued ${BOTH}`, `succeeded ${BOTH}`, 'taken false'],
      ...['accepted 0', 'taken false'],
    ])
    syncer.stop()
  })

  it('records how long a change took from its first byte', async () => {
    const { control, syncer } = parts()
    control.synced = true
    syncer.accept([])
    await settled()
    syncer.accept([removal('a')])
    await settled()
    expect(syncer.latency.status()?.samples).toBe(1)
  })
})

describe('PendingChanges', () => {
  it('lets a newer change win over one that is given back', () => {
    const pending = new PendingChanges()
    const older = gone('a')
    const newer = gone('a')
    pending.add([newer])
    pending.restore([older, gone('b')])
    const taken = pending.take()
    expect(taken.map((change) => change.key)).toEqual(['a', 'b'])
    expect(taken[0]).toBe(newer)
  })
})
