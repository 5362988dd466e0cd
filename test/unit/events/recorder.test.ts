import { describe, expect, it } from 'vitest'
import {
  EventRefusedError,
  type EventSeries,
  type EventSink,
  type NodeEvent,
} from '../../../control/events/event.ts'
import { EventRecorder, type EventResult } from '../../../control/events/recorder.ts'
import { Log } from '../server/log.ts'
import { FakeTime, settled } from './fake-time.ts'

const event = (name: string, change: Partial<NodeEvent> = {}): NodeEvent => ({
  subject: { kind: 'Service', namespace: 'default', name, uid: '' },
  type: 'Warning',
  reason: 'FailedToProgram',
  action: 'Program',
  note: 'full',
  ...change,
})

class FakeSink implements EventSink {
  readonly created: string[] = []
  readonly updated: [string, number][] = []
  /** What the next requests end with. */
  readonly errors: Error[] = []
  closed = false

  async create(_: string, object: object): Promise<void> {
    this.#fail()
    this.created.push((object as { regarding: { name: string } }).regarding.name)
  }

  async update(_: string, name: string, { count }: EventSeries): Promise<void> {
    this.#fail()
    this.updated.push([name.split('.')[0] ?? '', count])
  }

  close(): void {
    this.closed = true
  }

  #fail(): void {
    const error = this.errors.shift()
    if (error !== undefined) throw error
  }
}

function recording(sink: EventSink | undefined = new FakeSink()) {
  const time = new FakeTime()
  const log = new Log()
  const results: EventResult[] = []
  const observe = (result: EventResult) => void results.push(result)
  const recorder = new EventRecorder({
    ...{ nodeName: 'n1', sink, log, observe, clock: time, wall: () => time.now() },
  })
  return { recorder, time, log, results, sink: sink as FakeSink }
}

describe('EventRecorder', () => {
  it('returns before anything is sent', async () => {
    const { recorder, sink } = recording()
    recorder.record(event('web'))
    expect(sink.created).toEqual([])
    await settled()
    expect(sink.created).toEqual(['web'])
  })

  it('sends repetitions together, at most every 30 s, as one series', async () => {
    const { recorder, time, sink, log } = recording()
    for (let i = 0; i < 5; i++) recorder.record(event('web'))
    await time.pass(29_000)
    expect([sink.created, sink.updated]).toEqual([['web'], []])
    recorder.record(event('web', { note: 'fuller' }))
    await time.pass(1_000)
    expect([sink.created, sink.updated]).toEqual([['web'], [['web', 6]]])
    expect(log.of('info')).toHaveLength(1)
  })

  it('takes the same for news again when six minutes have passed without it', async () => {
    const { recorder, time, sink } = recording()
    recorder.record(event('web'))
    await time.pass(361_000)
    recorder.record(event('web'))
    await settled()
    expect(sink.created).toEqual(['web', 'web'])
  })

  it('sends 25 at once, and then one every 10 s', async () => {
    const { recorder, time, sink } = recording()
    for (let i = 0; i < 40; i++) recorder.record(event(`web-${i}`))
    await time.pass(0)
    expect(sink.created).toHaveLength(25)
    await time.pass(30_000)
    expect(sink.created).toHaveLength(28)
  })

  it('drops what would wait too long, and counts it', async () => {
    const { recorder, results } = recording()
    for (let i = 0; i < 1000; i++) recorder.record(event(`web-${i}`))
    await settled()
    expect(results.filter((result) => result === 'dropped')).toHaveLength(800)
  })

  it('tries again while the API server cannot be reached', async () => {
    const { recorder, time, sink, results } = recording()
    sink.errors.push(new Error('ECONNREFUSED'), new Error('ECONNREFUSED'))
    recorder.record(event('web'))
    await time.pass(9_999)
    expect(sink.created).toEqual([])
    await time.pass(10_001)
    expect(sink.created).toEqual(['web'])
    expect(results).toEqual(['sent'])
  })

  it('gives up what the API server refuses, says so once, and goes on with others', async () => {
    const { recorder, time, sink, results, log } = recording()
    sink.errors.push(new EventRefusedError('the API server answers 403: no rights'))
    recorder.record(event('web'))
    recorder.record(event('api'))
    await time.pass(100_000)
    expect(sink.created).toEqual(['api'])
    expect(results).toEqual(['failed', 'sent'])
    expect(log.of('warn')).toEqual([
      { reason: 'FailedToProgram', detail: 'the API server answers 403: no rights' },
    ])
  })

  it('gives up after a dozen tries', async () => {
    const { recorder, time, sink, results } = recording()
    for (let i = 0; i < 12; i++) sink.errors.push(new Error('ETIMEDOUT'))
    recorder.record(event('web'))
    await time.pass(3_600_000)
    expect(sink.created).toEqual([])
    expect(results).toEqual(['failed'])
  })

  it('makes a new Event where the one to be updated is gone', async () => {
    const { recorder, time, sink } = recording()
    recorder.record(event('web'))
    await settled()
    sink.errors.push(new EventRefusedError('the API server answers 404'))
    recorder.record(event('web'))
    await time.pass(30_000)
    recorder.record(event('web'))
    await time.pass(30_000)
    expect(sink.created).toEqual(['web', 'web'])
  })

  it('without a cluster only logs, each thing once', async () => {
    const log = new Log()
    const recorder = new EventRecorder({ nodeName: 'n1', sink: undefined, log })
    recorder.record(event('web'))
    recorder.record(event('web'))
    await settled()
    const about = 'Service/default/web'
    const fields = { about, type: 'Warning', reason: 'FailedToProgram', action: 'Program' }
    expect(log.of('info')).toEqual([{ ...fields, note: 'full' }])
  })

  it('sends nothing after it was stopped', async () => {
    const { recorder, time, sink } = recording()
    recorder.stop()
    recorder.record(event('web'))
    await time.pass(60_000)
    expect(sink.created).toEqual([])
    expect(sink.closed).toBe(true)
  })
})
