import Counter from 'prom-client/lib/counter.js'
import Histogram from 'prom-client/lib/histogram.js'
import type Registry from 'prom-client/lib/registry.js'
import type { ApiRequest } from '../../source/kubernetes/transport.ts'
import { REQUEST_BUCKETS } from './buckets.ts'

/** Requests to the API server, as all Kubernetes components count theirs (MT-5). */
export class RequestSeries {
  readonly #total
  readonly #seconds

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
  }

  observe({ method, host, code, seconds }: ApiRequest): void {
    this.#total.inc({ code, host, method })
    this.#seconds.observe({ host, verb: method }, seconds)
  }
}
