import type { HttpTransport } from '../source/kubernetes/transport.ts'
import { EventRefusedError, type EventSeries, type EventSink } from './event.ts'

/** An API server that takes longer than this to answer has not answered, in milliseconds. */
const ANSWER_MS = 10_000

/** More of a refusal than this says nothing new. */
const LONGEST_REFUSAL = 4096

/** Events through events.k8s.io/v1; the rights of system:node-proxier are enough (9.1). */
export class ApiEventSink implements EventSink {
  readonly #transport: Pick<HttpTransport, 'write' | 'renew' | 'close'>

  constructor(transport: Pick<HttpTransport, 'write' | 'renew' | 'close'>) {
    this.#transport = transport
  }

  create(namespace: string, event: object): Promise<void> {
    return this.#write('POST', eventsPath(namespace), 'application/json', event)
  }

  update(namespace: string, name: string, series: EventSeries): Promise<void> {
    const path = `${eventsPath(namespace)}/${name}`
    return this.#write('PATCH', path, 'application/merge-patch+json', { series })
  }

  close(): void {
    this.#transport.close()
  }

  async #write(
    method: 'POST' | 'PATCH',
    path: string,
    contentType: string,
    body: object,
  ): Promise<void> {
    const signal = AbortSignal.timeout(ANSWER_MS)
    const write = { method, path, contentType, body: JSON.stringify(body) }
    const response = await this.#transport.write(write, signal)
    let text = ''
    await response.read((chunk) => {
      if (text.length < LONGEST_REFUSAL) text += chunk.toString('latin1')
    })
    const { status } = response
    if (status < 300) return
    // Names are unique: an earlier try whose answer was lost has made it.
    if (status === 409 && method === 'POST') return
    if (status === 401) await this.#transport.renew()
    const message = `the API server answers ${status}: ${messageOf(text)}`
    const isFinal = status >= 400 && status < 500 && status !== 401 && status !== 429
    throw isFinal ? new EventRefusedError(message) : new Error(message)
  }
}

function eventsPath(namespace: string): string {
  return `/apis/events.k8s.io/v1/namespaces/${namespace}/events`
}

/** The message of a Status, or what came in its place. */
function messageOf(text: string): string {
  try {
    return String(JSON.parse(text).message)
  } catch {
    return text.slice(0, 200)
  }
}
