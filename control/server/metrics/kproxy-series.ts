import Counter from 'prom-client/lib/counter.js'
import Gauge from 'prom-client/lib/gauge.js'
import Histogram from 'prom-client/lib/histogram.js'
import type Registry from 'prom-client/lib/registry.js'
import type { EventResult } from '../../events/recorder.ts'
import { VERSION } from '../../version.ts'
import type { SyncSuccess } from '../sync-observer.ts'
import { FINE_BUCKETS } from './buckets.ts'

/** Our own series of what happens; what merely is, is read from the status: status-series.ts. */
export class KproxySeries {
  readonly #publication
  readonly #syncSeconds
  readonly #syncs
  readonly #changes
  readonly #syscalls
  readonly #refusals
  readonly #events

  constructor(registry: Registry) {
    const registers = [registry]
    this.#publication = new Histogram({
      name: 'kproxy_publication_duration_seconds',
      help: 'From the first byte of an event from the API server to the record in the kernel, in seconds',
      buckets: FINE_BUCKETS,
      registers,
    })
    this.#syncSeconds = new Histogram({
      name: 'kproxy_sync_duration_seconds',
      help: 'Duration of a sync of what has changed, in seconds, in finer buckets',
      buckets: FINE_BUCKETS,
      registers,
    })
    this.#syncs = new Counter({
      name: 'kproxy_syncs_total',
      help: 'Syncs by their result: success or error',
      labelNames: ['result'] as const,
      registers,
    })
    const counter = (name: string, help: string) => new Counter({ name, help, registers })
    this.#changes = counter('kproxy_sync_changes_total', 'Service ports whose kernel state changed')
    this.#syscalls = counter('kproxy_sync_syscalls_total', 'System calls that syncs made on maps')
    this.#refusals = new Counter({
      name: 'kproxy_refusals_total',
      help: 'Times that a service port was refused, by reason',
      labelNames: ['reason'] as const,
      registers,
    })
    this.#events = new Counter({
      name: 'kproxy_events_total',
      help: 'Kubernetes Events by what became of them: sent, repeated, dropped or failed',
      labelNames: ['result'] as const,
      registers,
    })
    // Not kubernetes_build_info: alerts compare its versions across components, and ours is not theirs.
    new Gauge({
      name: 'kproxy_build_info',
      help: 'Always 1; what is running, in labels',
      labelNames: ['version', 'node_version', 'platform'] as const,
      registers,
    }).set({ version: VERSION, node_version: process.version, platform: process.arch }, 1)
  }

  succeeded({ report, complete, durationSeconds, latencySeconds }: SyncSuccess): void {
    this.#syncs.inc({ result: 'success' })
    if (!complete) this.#syncSeconds.observe(durationSeconds)
    if (latencySeconds !== undefined) this.#publication.observe(latencySeconds)
    this.#changes.inc(report.changed)
    this.#syscalls.inc(report.syscalls)
    for (const { reason } of report.refused) this.#refusals.inc({ reason })
  }

  failed(): void {
    this.#syncs.inc({ result: 'error' })
  }

  event(result: EventResult): void {
    this.#events.inc({ result })
  }
}
