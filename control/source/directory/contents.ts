import { isDeepStrictEqual } from 'node:util'
import { isVisible } from '../filter.ts'
import type { Kind, KubernetesObject } from '../objects.ts'
import type { SourceEvent } from '../source.ts'
import type { Manifest, Placed, Rejection } from './manifest.ts'

/** What a file contributes now: its newest content, and last good content where that is broken. */
interface FileContent {
  readonly objects: ReadonlyMap<string, Placed>
  readonly rejections: readonly Rejection[]
  /** It holds more than could be read since the agent started. */
  readonly unread: boolean
}

/**
 * All files of a directory put together: which object comes from which file, and what changes for the
 * world when files do. No I/O.
 */
export class Contents {
  readonly #nodeName: string
  readonly #files = new Map<string, FileContent>()
  /** Subject -> the files that define it; the first one's definition is in force. */
  readonly #holders = new Map<string, string[]>()
  readonly #inForce = new Map<string, KubernetesObject>()
  #rejected = new Map<string, string>()

  constructor(nodeName: string) {
    this.#nodeName = nodeName
  }

  get rejected(): readonly Rejection[] {
    return [...this.#rejected].map(([subject, reason]) => ({ subject, reason }))
  }

  /** Whether there may be objects that no content is known of, not even an older one. */
  get unread(): boolean {
    return this.#files.values().some(({ unread }) => unread)
  }

  get files(): IterableIterator<string> {
    return this.#files.keys()
  }

  count(kind: Kind): number {
    return this.#inForce.values().reduce((sum, object) => sum + Number(object.kind === kind), 0)
  }

  /**
   * Takes new contents of files, `undefined` for one that is gone, and says what changed. An object that
   * moves from one file to another in one update never disappears.
   */
  update(
    changes: ReadonlyMap<string, Manifest | undefined>,
    receivedAt: number,
  ): readonly SourceEvent[] {
    const touched = new Set<string>()
    for (const [file, manifest] of changes) this.#replace(file, manifest, touched)
    const events: SourceEvent[] = []
    for (const subject of touched) {
      const event = this.#settle(subject, receivedAt)
      if (event !== undefined) events.push(event)
    }
    return [...events, ...this.#judge()]
  }

  #replace(file: string, manifest: Manifest | undefined, touched: Set<string>): void {
    const former = this.#files.get(file)
    const previous = former?.objects ?? new Map<string, Placed>()
    const objects = manifest ? retainGood(manifest, previous) : new Map<string, Placed>()
    if (manifest === undefined) this.#files.delete(file)
    else {
      const { rejections } = manifest
      const wasRead = former !== undefined && !former.unread
      const unread = !wasRead && rejections.some(({ subject }) => !objects.has(subject))
      this.#files.set(file, { objects, rejections, unread })
    }
    for (const subject of previous.keys()) {
      touched.add(subject)
      if (!objects.has(subject)) this.#release(subject, file)
    }
    for (const subject of objects.keys()) {
      touched.add(subject)
      if (!previous.has(subject)) this.#hold(subject, file)
    }
  }

  /** Whoever was first stays first, so that a copy that appears later changes nothing. */
  #hold(subject: string, file: string): void {
    const holders = this.#holders.get(subject)
    if (holders === undefined) this.#holders.set(subject, [file])
    else holders.push(file)
  }

  #release(subject: string, file: string): void {
    const holders = this.#holders.get(subject)?.filter((holder) => holder !== file) ?? []
    if (holders.length === 0) this.#holders.delete(subject)
    else this.#holders.set(subject, holders)
  }

  /** Finds the definition of one object that is in force now. */
  #settle(subject: string, receivedAt: number): SourceEvent | undefined {
    const before = this.#inForce.get(subject)
    const holder = this.#holders.get(subject)?.[0] ?? ''
    const found = this.#files.get(holder)?.objects.get(subject)?.object
    const object = found && isVisible(found, this.#nodeName) ? found : undefined
    if (object === undefined) {
      if (before === undefined) return undefined
      this.#inForce.delete(subject)
      const { namespace, name } = before.metadata
      return { type: 'delete', kind: before.kind, namespace, name, receivedAt }
    }
    this.#inForce.set(subject, object)
    return isDeepStrictEqual(before, object) ? undefined : { type: 'set', object, receivedAt }
  }

  /** Collects what is wrong now, and reports what was not wrong in the same way before. */
  #judge(): SourceEvent[] {
    const rejected = new Map<string, string>()
    for (const { rejections } of this.#files.values()) {
      for (const { subject, reason } of rejections) rejected.set(subject, reason)
    }
    for (const [subject, [owner, ...others]] of this.#holders) {
      if (owner === undefined || others.length === 0) continue
      const at = (file: string) => this.#files.get(file)?.objects.get(subject)?.at ?? file
      rejected.set(
        subject,
        `written at ${[owner, ...others].map(at).join(' and ')}; ${owner} is used, delete it from the others`,
      )
    }
    const news = [...rejected].filter(([subject, reason]) => this.#rejected.get(subject) !== reason)
    this.#rejected = rejected
    return news.map(([subject, reason]) => ({ type: 'rejected', subject, reason }))
  }
}

/** Fills the gaps that rejections left with what the file last said about the same objects. */
function retainGood(
  manifest: Manifest,
  previous: ReadonlyMap<string, Placed>,
): ReadonlyMap<string, Placed> {
  if (manifest.rejections.length === 0) return manifest.objects
  const objects = new Map(manifest.objects)
  const broken = new Set(manifest.rejections.map(({ subject }) => subject))
  for (const [subject, placed] of previous) {
    if (objects.has(subject)) continue
    if (manifest.incomplete || broken.has(subject)) objects.set(subject, placed)
  }
  return objects
}
