import { DecodeError } from '../decode/decode-error.ts'
import type { Identity, RawObject } from '../decode/raw-object.ts'
import { isVisible } from '../filter.ts'
import { type Kind, objectKey } from '../objects.ts'
import type { SourceEvent, SourceSink } from '../source.ts'

/**
 * Turns what arrives about one kind into events for the agent. It remembers only which version of each
 * object was delivered, which is all that a relist needs to be compared with.
 */
export class Intake {
  readonly kind: Kind
  readonly #nodeName: string
  readonly #sink: SourceSink
  /** Objects that the agent has, with their resource versions. */
  readonly #known = new Map<string, string>()
  readonly #rejected = new Map<string, string>()
  /** Rejected subjects without a name that belong to the newest list: no later event mends them. */
  readonly #nameless = new Set<string>()
  /** Subjects of the first list of which no good content is known. */
  readonly #unread = new Set<string>()
  /** What the list that is being read contains; undefined between lists. */
  #listed: Set<string> | undefined
  /** The list that is being read is not the first, so most of it will be known. */
  #relisting = false
  #batch: SourceEvent[] = []
  #synced = false

  constructor(kind: Kind, nodeName: string, sink: SourceSink) {
    this.kind = kind
    this.#nodeName = nodeName
    this.#sink = sink
  }

  get objects(): number {
    return this.#known.size
  }

  get synced(): boolean {
    return this.#synced
  }

  get rejected(): readonly { readonly subject: string; readonly reason: string }[] {
    return [...this.#rejected].map(([subject, reason]) => ({ subject, reason }))
  }

  /** A list begins; what an earlier attempt had listed counts for nothing. */
  beginList(): void {
    this.#listed = new Set()
    this.#nameless.clear()
    this.#relisting = this.#known.size > 0
  }

  /** Takes an object that exists, and returns its resource version if that can be read. */
  set(raw: RawObject, receivedAt: number): string {
    if (this.#relisting) {
      const unchanged = this.#findUnchanged(raw)
      if (unchanged !== undefined) return unchanged
    }
    try {
      const object = raw.decode()
      const { metadata } = object
      const key = objectKey(metadata)
      this.#accepted(key)
      if (isVisible(object, this.#nodeName)) {
        this.#listed?.add(key)
        this.#known.set(key, metadata.resourceVersion)
        this.#batch.push({ type: 'set', object, receivedAt })
      } else {
        this.#forget(key, metadata, receivedAt)
      }
      return metadata.resourceVersion
    } catch (error) {
      return this.#reject(raw, error)
    }
  }

  /** Takes an object that has been deleted, and returns the resource version of the deletion. */
  delete(raw: RawObject, receivedAt: number): string {
    try {
      const identity = raw.identify()
      const key = objectKey(identity)
      this.#accepted(key)
      this.#forget(key, identity, receivedAt)
      return identity.resourceVersion
    } catch (error) {
      return this.#reject(raw, error)
    }
  }

  /** Notes a message that cannot even be taken apart. */
  rejectMessage(error: unknown): void {
    const subject = `a watch message about ${this.kind} objects`
    if (this.#listed !== undefined) this.#nameless.add(subject)
    this.#noteRejection(subject, error)
  }

  /** The list is complete: what it did not contain is gone (AP-25, IN-6). */
  endList(receivedAt: number): void {
    const listed = this.#listed ?? new Set()
    this.#listed = undefined
    this.#relisting = false
    for (const key of this.#known.keys()) {
      if (!listed.has(key)) this.#forget(key, split(key), receivedAt)
    }
    for (const subject of this.#rejected.keys()) {
      if (this.#nameless.has(subject) || listed.has(this.#key(subject))) continue
      this.#rejected.delete(subject)
      this.#mended(subject)
    }
    if (this.#synced) return
    this.#synced = true
    for (const subject of this.#rejected.keys()) {
      if (!this.#known.has(this.#key(subject))) this.#unread.add(subject)
    }
    const unread = this.#unread.size > 0
    this.#batch.push({ type: 'synced', kind: this.kind, ...(unread && { unread }) })
  }

  /** Hands over what has gathered, in one batch. */
  flush(): void {
    if (this.#batch.length === 0) return
    const batch = this.#batch
    this.#batch = []
    this.#sink(batch)
  }

  /** The version of an object that is known already and need not be decoded. */
  #findUnchanged(raw: RawObject): string | undefined {
    try {
      const identity = raw.identify()
      const key = objectKey(identity)
      const { resourceVersion } = identity
      if (resourceVersion === '' || this.#known.get(key) !== resourceVersion) return undefined
      this.#listed?.add(key)
      return resourceVersion
    } catch {
      return undefined
    }
  }

  #forget(key: string, { namespace, name }: Omit<Identity, 'resourceVersion'>, at: number): void {
    this.#listed?.delete(key)
    if (!this.#known.delete(key)) return
    this.#batch.push({ type: 'delete', kind: this.kind, namespace, name, receivedAt: at })
  }

  /** Its last good content stays in force, so it must count as listed. */
  #reject(raw: RawObject, error: unknown): string {
    if (!(error instanceof DecodeError)) throw error
    let subject = `${this.kind} without a name`
    let resourceVersion = ''
    try {
      const identity = raw.identify()
      const key = objectKey(identity)
      this.#listed?.add(key)
      subject = this.#subject(key)
      resourceVersion = identity.resourceVersion
    } catch {
      // Nothing more can be said of it.
      if (this.#listed !== undefined) this.#nameless.add(subject)
    }
    this.#noteRejection(subject, error)
    return resourceVersion
  }

  #noteRejection(subject: string, error: unknown): void {
    if (!(error instanceof DecodeError)) throw error
    this.#rejected.set(subject, error.message)
    this.#batch.push({ type: 'rejected', subject, reason: error.message })
  }

  /** An object that can be read is rejected no longer. Nearly always none is, and no subject is put together. */
  #accepted(key: string): void {
    if (this.#rejected.size === 0) return
    const subject = this.#subject(key)
    this.#rejected.delete(subject)
    this.#mended(subject)
  }

  #mended(subject: string): void {
    if (!this.#unread.delete(subject) || this.#unread.size > 0) return
    this.#batch.push({ type: 'synced', kind: this.kind })
  }

  #subject(key: string): string {
    return `${this.kind} ${key}`
  }

  #key(subject: string): string {
    return subject.slice(this.kind.length + 1)
  }
}

function split(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/')
  return { namespace: key.slice(0, Math.max(slash, 0)), name: key.slice(slash + 1) }
}
