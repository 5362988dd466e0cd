import { describe, expect, it } from 'vitest'
import { eventName, eventObject, microTime, type NodeEvent } from '../../../control/events/event.ts'

const AT = Date.UTC(2026, 0, 2, 3, 4, 5, 678)

const refusal: NodeEvent = {
  subject: { kind: 'Service', namespace: 'shop', name: 'web', uid: 'u-1' },
  type: 'Warning',
  reason: 'FailedToProgram',
  action: 'Program',
  note: 'the map services is full',
}

// biome-ignore lint/suspicious/noExplicitAny: read field by field
const object = (event: NodeEvent, nodeName = 'n1'): any => eventObject(event, 'web.1', nodeName, AT)

describe('eventObject', () => {
  it('is an Event of events.k8s.io/v1 as the custom of kube-proxy has it (9.3)', () => {
    expect(object(refusal)).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'web.1', namespace: 'shop' },
      eventTime: '2026-01-02T03:04:05.678000Z',
      reportingController: 'kube-proxy',
      reportingInstance: 'kproxy-n1',
      action: 'Program',
      reason: 'FailedToProgram',
      regarding: { apiVersion: 'v1', kind: 'Service', namespace: 'shop', name: 'web', uid: 'u-1' },
      note: 'the map services is full',
      type: 'Warning',
    })
  })

  it('of a Node is in the namespace default, as the API wants it', () => {
    const subject = { kind: 'Node', namespace: '', name: 'n1', uid: 'n1' } as const
    const { metadata, regarding } = JSON.parse(JSON.stringify(object({ ...refusal, subject })))
    expect(metadata.namespace).toBe('default')
    expect(regarding).toEqual({ apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'n1' })
  })

  it('keeps the limits of the API, whatever is in it', () => {
    const { note } = object({ ...refusal, note: 'ü'.repeat(2000) })
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024)
    expect(note).toMatch(/^ü+\.\.\.$/)
    expect(object(refusal, 'n'.repeat(253)).reportingInstance).toHaveLength(128)
    const subject = { ...refusal.subject, name: 'n'.repeat(253) }
    expect(eventName(subject, AT * 1000)).toHaveLength(253)
  })

  it('writes times with microseconds', () => {
    expect(microTime(0)).toBe('1970-01-01T00:00:00.000000Z')
  })
})
