import Counter from 'prom-client/lib/counter.js'
import Histogram from 'prom-client/lib/histogram.js'
import type Registry from 'prom-client/lib/registry.js'
import type { ApiRequest } from '../../source/kubernetes/transport.ts'
import { REQUEST_BUCKETS, SIZE_BUCKETS } from './buckets.ts'

/** Requests to the API server, as all Kubernetes components count theirs (MT-5). */
export class RequestSeries {
  readonly #total
  readonly #seconds
  readonly #requestBytes
  readonly #responseBytes

  constructor(registry: Registry) {
    const registers = [registry]
    this.#total = new Counter({
      name: 'rest_client_requests_total',
      help: 'Requests to the API server, by status code, method and host',
      labelNames: ['code', 'host', 'method'] as const,
      registers,
    })
    this.#seconds = new Histogram({
      name: 'rest_client_request_duration_seconds',
      help: 'From sending a request to the head of its answer, in seconds',
      labelNames: ['host', 'verb'] as const,
      buckets: REQUEST_BUCKETS,
      registers,
    })
    const sizes = { labelNames: ['host', 'verb'] as const, buckets: SIZE_BUCKETS, registers }
    this.#requestBytes = new Histogram({
      name: 'rest_client_request_size_bytes',
      help: 'Size of the body of a request that has one, in bytes',
      ...sizes,
    })
    this.#responseBytes = new Histogram({
      name: 'rest_client_response_size_bytes',
      help: 'Size of the body of an answer that says it before it comes, in bytes',
      ...sizes,
    })
  }

  observe({ method, host, code, seconds, requestBytes, responseBytes }: ApiRequest): void {
    const verb = method
    this.#total.inc({ code, host, method })
    this.#seconds.observe({ host, verb }, seconds)
    if (requestBytes > 0) this.#requestBytes.observe({ host, verb }, requestBytes)
    if (responseBytes !== undefined) this.#responseBytes.observe({ host, verb }, responseBytes)
  }
}
