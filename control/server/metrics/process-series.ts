import { readFileSync } from 'node:fs'
import Counter from 'prom-client/lib/counter.js'
import Gauge from 'prom-client/lib/gauge.js'
import memory from 'prom-client/lib/metrics/osMemoryHeapLinux.js'
import maxFileDescriptors from 'prom-client/lib/metrics/processMaxFileDescriptors.js'
import openFileDescriptors from 'prom-client/lib/metrics/processOpenFileDescriptors.js'
import startTime from 'prom-client/lib/metrics/processStartTime.js'
import type Registry from 'prom-client/lib/registry.js'
import { maxAddressSpace, octets } from './process-files.ts'

/**
 * The series that every process exports, by their usual names (MT-5). The library's measure of event loop
 * delay is not among them: it wakes the process a hundred times a second, this one does not.
 */
export function registerProcessSeries(registry: Registry): void {
  memory(registry)
  startTime(registry)
  openFileDescriptors(registry)
  maxFileDescriptors(registry)
  const registers = [registry]
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  new Gauge({
    name: 'process_virtual_memory_max_bytes',
    help: 'Maximum amount of virtual memory available in bytes.',
    registers,
    collect() {
      this.set(maxAddressSpace(readFileSync('/proc/self/limits', 'utf8')))
    },
  })
  for (const [direction, words] of [
    ['receive', 'received'],
    ['transmit', 'sent'],
  ] as const) {
    new Counter({
      name: `process_network_${direction}_bytes_total`,
      help: `Number of bytes ${words} by the network namespace of the process over IP.`,
      registers,
      collect() {
        this.reset()
        this.inc(octets(readFileSync('/proc/self/net/netstat', 'utf8'))[direction])
      },
    })
  }
  new Gauge({
    name: 'nodejs_heap_used_bytes',
    help: 'Bytes of the JavaScript heap that are in use.',
    registers,
    collect() {
      this.set(process.memoryUsage().heapUsed)
    },
  })
  new Counter({
    name: 'nodejs_eventloop_busy_seconds_total',
    help: 'Time that the event loop has spent in callbacks rather than waiting.',
    registers,
    collect() {
      this.reset()
      this.inc(performance.eventLoopUtilization().active / 1e3)
    },
  })
}
