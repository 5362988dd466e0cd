import Counter from 'prom-client/lib/counter.js'
import Gauge from 'prom-client/lib/gauge.js'
import type Registry from 'prom-client/lib/registry.js'
import type { StatusDocument } from '../api.ts'

/** Series that repeat the agent's status at the time of a scrape. */
export class StatusSeries {
  readonly #gauges = new Map<string, Gauge<string>>()
  readonly #counters = new Map<string, Counter<string>>()
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  refresh(status: StatusDocument): void {
    this.#reset()
    const { mode, hooks, checks, maps, source } = status
    this.#set('kproxy_mode_info', 'Always 1; the mode in a label', { mode }, 1)
    for (const { type, status: state } of status.conditions) {
      this.#set(
        'kproxy_condition',
        '1 where the condition is met: all is well',
        { type },
        state === 'True',
      )
    }
    this.#set('kproxy_services', 'Services that have frontends', {}, status.services)
    this.#set('kproxy_endpoints', 'Endpoints in all EndpointSlices', {}, status.endpoints)
    this.#set(
      'kproxy_refused_service_ports',
      'Service ports that are not served',
      {},
      status.refused.length,
    )
    this.#set(
      'kproxy_object_problems',
      'What objects ask for and cannot have',
      {},
      status.problems.length,
    )
    this.#set('kproxy_rejected_objects', 'Objects that cannot be read', {}, source.rejected.length)
    for (const { name, device, attached } of hooks) {
      const hook = device === undefined ? name : `${name} ${device}`
      this.#set('kproxy_hook_attached', '1 where the program is at its place', { hook }, attached)
    }
    for (const { name: check, ok } of checks) {
      this.#set(
        'kproxy_check_ok',
        '1 where the last check of the living node passed',
        { check },
        ok,
      )
    }
    for (const { name: map, entries, maxEntries, memoryBytes } of maps) {
      this.#set('kproxy_map_entries', 'Entries of a BPF map', { map }, entries)
      this.#set('kproxy_map_max_entries', 'Entries that a BPF map can hold', { map }, maxEntries)
      this.#set('kproxy_map_memory_bytes', 'Memory of a BPF map', { map }, memoryBytes)
    }
    for (const [reason, count] of Object.entries(status.reasons)) {
      this.#count('kproxy_reasons_total', 'What the programs decided, by reason', { reason }, count)
    }
    this.#count(
      'kproxy_drift_total',
      'Differences between the kernel and what was applied, found and repaired',
      {},
      status.drift.repaired,
    )
    this.#count(
      'kproxy_udp_sockets_ended_total',
      'Connected UDP sockets that were ended because their endpoint was gone',
      {},
      status.udpSocketsEnded,
    )
    for (const stream of source.streams) {
      const { kind } = stream
      this.#set(
        'kproxy_stream_up',
        '1 while the stream is followed',
        { kind },
        stream.state === 'watching',
      )
      this.#set(
        'kproxy_stream_objects',
        'Objects that the stream has delivered',
        { kind },
        stream.objects,
      )
      this.#count(
        'kproxy_stream_restarts_total',
        'Times the stream was taken up again',
        { kind },
        stream.restarts,
      )
      if (stream.lastEventAt === undefined) continue
      const seconds = stream.lastEventAt / 1e3
      this.#set(
        'kproxy_stream_last_event_timestamp_seconds',
        'Last sign of life',
        { kind },
        seconds,
      )
    }
  }

  /** What is no more must not be exported any longer. */
  #reset(): void {
    for (const metric of [...this.#gauges.values(), ...this.#counters.values()]) metric.reset()
  }

  #set(name: string, help: string, labels: Record<string, string>, value: number | boolean): void {
    let gauge = this.#gauges.get(name)
    if (gauge === undefined) {
      gauge = new Gauge({
        name,
        help,
        labelNames: Object.keys(labels),
        registers: [this.#registry],
      })
      this.#gauges.set(name, gauge)
    }
    gauge.set(labels, Number(value))
  }

  #count(name: string, help: string, labels: Record<string, string>, value: number): void {
    let counter = this.#counters.get(name)
    if (counter === undefined) {
      counter = new Counter({
        name,
        help,
        labelNames: Object.keys(labels),
        registers: [this.#registry],
      })
      this.#counters.set(name, counter)
    }
    counter.inc(labels, value)
  }
}
