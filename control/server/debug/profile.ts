import { type HeapProfiler, type Profiler, Session } from 'node:inspector/promises'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { getHeapSnapshot } from 'node:v8'

/** Another profile is being taken. */
export class ProfileBusyError extends Error {
  override readonly name = 'ProfileBusyError'
}

let isBusy = false

/** Where the agent's CPU time goes, for so many seconds; Chrome's developer tools open it (.cpuprofile). */
export function profileCpu(seconds: number, signal: AbortSignal): Promise<Profiler.Profile> {
  return withSession(async (session) => {
    await session.post('Profiler.enable')
    await session.post('Profiler.start')
    await rest(seconds, signal)
    return (await session.post('Profiler.stop')).profile
  })
}

/** What is allocated, sampled for so many seconds (.heapprofile). */
export function profileAllocations(
  seconds: number,
  signal: AbortSignal,
): Promise<HeapProfiler.SamplingHeapProfile> {
  return withSession(async (session) => {
    await session.post('HeapProfiler.enable')
    await session.post('HeapProfiler.startSampling')
    await rest(seconds, signal)
    return (await session.post('HeapProfiler.stopSampling')).profile
  })
}

/**
 * All objects of the heap (.heapsnapshot). The agent stands still while it is taken, about a second for
 * each 100 MB; traffic does not.
 */
export function snapshotHeap(): Readable {
  return getHeapSnapshot()
}

async function withSession<T>(use: (session: Session) => Promise<T>): Promise<T> {
  if (isBusy)
    throw new ProfileBusyError('another profile is being taken; try again when it is done')
  isBusy = true
  const session = new Session()
  try {
    session.connect()
    return await use(session)
  } finally {
    session.disconnect()
    isBusy = false
  }
}

/** Ends early when nobody waits for the profile any more. */
async function rest(seconds: number, signal: AbortSignal): Promise<void> {
  await sleep(seconds * 1e3, undefined, { signal, ref: false }).catch(() => undefined)
}
