import { EventEmitter } from 'node:events'
import type { Kind } from '../../../control/source/objects.ts'
import type { Plain } from './protobuf-codec.ts'

export interface StoredObject extends Plain {
  readonly metadata: Plain
}

export type Selector = (object: StoredObject) => boolean

/** A change of one object; `metadata` is that of the newest state, a deletion's version included. */
export interface StoredEvent {
  readonly kind: Kind
  readonly revision: number
  readonly metadata: Plain
  readonly before: StoredObject | undefined
  readonly after: StoredObject | undefined
}

/** Versioned objects and the history of their changes, as etcd keeps them for an API server. */
export class FakeStore {
  revision = 10
  /** Changes after this version can still be replayed. */
  oldest = 0
  readonly #objects = new Map<string, StoredObject>()
  #history: StoredEvent[] = []
  readonly #events = new EventEmitter<{ change: [StoredEvent] }>().setMaxListeners(0)

  put(kind: Kind, object: StoredObject): void {
    this.#change(kind, object.metadata, object)
  }

  delete(kind: Kind, name: string, namespace?: string): void {
    this.#change(kind, { name, ...(namespace !== undefined && { namespace }) }, undefined)
  }

  /** Forgets history: watches from before now are told that they are too old. */
  compact(): void {
    this.revision++
    this.oldest = this.revision
    this.#history = []
  }

  list(kind: Kind): StoredObject[] {
    const prefix = `${kind} `
    return [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object)
  }

  /** Replays what came after a version, then everything new; returns what ends it. */
  follow(kind: Kind, version: number, listener: (event: StoredEvent) => void): () => void {
    const filtered = (event: StoredEvent) => {
      if (event.kind === kind && event.revision > version) listener(event)
    }
    this.#history.forEach(filtered)
    this.#events.on('change', filtered)
    return () => this.#events.off('change', filtered)
  }

  #change(kind: Kind, { name, namespace = '', ...rest }: Plain, object: Plain | undefined): void {
    const key = `${kind} ${namespace}/${name}`
    const revision = ++this.revision
    const before = this.#objects.get(key)
    const metadata = {
      name,
      ...(namespace !== '' && { namespace }),
      ...(object === undefined ? before?.metadata : rest),
      resourceVersion: String(revision),
    }
    const after = object && { ...object, metadata }
    if (after === undefined) this.#objects.delete(key)
    else this.#objects.set(key, after)
    const event = { kind, revision, metadata, before, after }
    this.#history.push(event)
    this.#events.emit('change', event)
  }
}
