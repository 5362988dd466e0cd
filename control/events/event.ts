/** What an Event is about. */
export interface EventSubject {
  readonly kind: 'Node' | 'Service'
  /** Empty for the Node. */
  readonly namespace: string
  readonly name: string
  /** `kubectl describe` finds Events by it; a Node's is its name, by the custom of kubelets. */
  readonly uid: string
}

/** Something that people who look at a Node or a Service with kubectl should know. */
export interface NodeEvent {
  readonly subject: EventSubject
  readonly type: 'Normal' | 'Warning'
  /** CamelCase, stable: people and alerts filter by it. */
  readonly reason: string
  /** What was being done. */
  readonly action: string
  /** A sentence, or empty. */
  readonly note: string
}

/** How often something was repeated that has an Event already. */
export interface EventSeries {
  /** 2 or more. */
  readonly count: number
  readonly lastObservedTime: string
}

/** Where Events go. Both reject with {@link EventRefusedError} where trying again is of no use. */
export interface EventSink {
  create(namespace: string, event: object): Promise<void>
  /** Notes repetitions on an Event that was created. */
  update(namespace: string, name: string, series: EventSeries): Promise<void>
  close(): void
}

/** The API server does not take this Event, and will not. */
export class EventRefusedError extends Error {
  override readonly name = 'EventRefusedError'
}

/** The custom of kube-proxy, so that what filters Events by it goes on working (9.3). */
const REPORTING_CONTROLLER = 'kube-proxy'

/** Limits of the API, in bytes. */
const NOTE_MAX = 1024
const INSTANCE_MAX = 128
const NAME_MAX = 253

/** The namespace of an Event is that of its subject, or `default` where that has none. */
export function eventNamespace(subject: EventSubject): string {
  return subject.namespace || 'default'
}

/** A name that no other Event has. @param at microseconds since the epoch */
export function eventName(subject: EventSubject, at: number): string {
  const suffix = `.${at.toString(16)}`
  return `${subject.name.slice(0, NAME_MAX - suffix.length)}${suffix}`
}

/**
 * The events.k8s.io/v1 object.
 *
 * @param at milliseconds since the epoch
 */
export function eventObject(event: NodeEvent, name: string, nodeName: string, at: number): object {
  const { subject, type, reason, action, note } = event
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace: eventNamespace(subject) },
    eventTime: microTime(at),
    reportingController: REPORTING_CONTROLLER,
    reportingInstance: `kproxy-${nodeName}`.slice(0, INSTANCE_MAX),
    action,
    reason,
    regarding: { apiVersion: 'v1', ...subject, namespace: subject.namespace || undefined },
    note: shortened(note),
    type,
  }
}

/** A time as the API writes those with microseconds. @param at milliseconds since the epoch */
export function microTime(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z')
}

/** Cut between characters, not within one. */
function shortened(note: string): string {
  const bytes = Buffer.from(note)
  if (bytes.length <= NOTE_MAX) return note
  const decoder = new TextDecoder()
  return `${decoder.decode(bytes.subarray(0, NOTE_MAX - 8), { stream: true })}...`
}
