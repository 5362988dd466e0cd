import { afterEach, expect, vi } from 'vitest'
import { objectKey } from '../../../control/source/objects.ts'
import type { Source, SourceEvent } from '../../../control/source/source.ts'

export const quietLog = { debug() {}, info() {}, warn() {}, error() {} }

const started: Source[] = []

afterEach(async () => {
  for (const source of started.splice(0)) await source.stop()
})

/** Keeps what a source says. */
export class Recorder {
  readonly events: SourceEvent[] = []
  readonly batches: (readonly SourceEvent[])[] = []
  readonly source: Source

  constructor(source: Source) {
    this.source = source
  }

  /** Starts the source; it is stopped after the test. */
  static async start(source: Source): Promise<Recorder> {
    const recorder = new Recorder(source)
    started.push(source)
    await source.start((events) => {
      recorder.batches.push(events)
      recorder.events.push(...events)
    })
    return recorder
  }

  /** What happened to objects, in words: `set Service default/web`. */
  get story(): string[] {
    return this.events.map(describeEvent)
  }

  /** Waits until the story, from here on, contains this line, and returns everything up to it. */
  async until(line: string | RegExp, from = 0): Promise<string[]> {
    const matches = (text: string) => (typeof line === 'string' ? text === line : line.test(text))
    return vi.waitFor(
      () => {
        const story = this.story.slice(from)
        const index = story.findIndex(matches)
        expect(story.slice(0, index + 1), `waiting for ${line} in ${story.join('; ')}`).not.toEqual(
          [],
        )
        return story.slice(0, index + 1)
      },
      { timeout: 20_000, interval: 5 },
    )
  }

  async synced(): Promise<void> {
    const kinds = ['Service', 'EndpointSlice', 'Node', 'ServiceCIDR']
    for (const kind of kinds) await this.until(`synced ${kind}`)
  }

  /** The newest version of an object. */
  object(subject: string) {
    const event = this.events.findLast(
      (event) => event.type === 'set' && subjectOf(event) === subject,
    )
    return event?.type === 'set' ? event.object : undefined
  }
}

function subjectOf(event: SourceEvent & { type: 'set' }): string {
  return `${event.object.kind} ${objectKey(event.object.metadata)}`
}

export function describeEvent(event: SourceEvent): string {
  switch (event.type) {
    case 'set':
      return `set ${subjectOf(event)}`
    case 'delete':
      return `delete ${event.kind} ${objectKey(event)}`
    case 'synced':
      return `synced ${event.kind}${event.unread ? ', but for what is unread' : ''}`
    case 'rejected':
      return `rejected ${event.subject}: ${event.reason}`
  }
}
