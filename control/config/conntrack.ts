import type { ConntrackSettings, EffectiveConfig } from './effective.ts'

/** A kernel setting to write, for a reason that is a field of the configuration. */
export interface SysctlWrite {
  /** File below /proc/sys, or an absolute one. */
  readonly path: string
  readonly value: number
  /** The field that asks for it. */
  readonly field: string
}

/** Modes whose traffic the kernel's conntrack follows; only for these are its settings anybody's business. */
const USES_CONNTRACK: Readonly<Record<EffectiveConfig['mode'], boolean>> = { ebpf: false }

const NETFILTER = 'net/netfilter'
export const CONNTRACK_MAX = `${NETFILTER}/nf_conntrack_max`
export const HASH_SIZE = '/sys/module/nf_conntrack/parameters/hashsize'

/** More entries than this are never asked for (kube-proxy 1.36): they would take too much memory. */
const MOST_ENTRIES = 1_048_576

/** The writes that a configuration asks for on this machine; none in modes without conntrack. */
export function planSysctls(
  config: Pick<EffectiveConfig, 'mode' | 'conntrack'>,
  cpus: number,
  current: (path: string) => number | undefined,
): readonly SysctlWrite[] {
  return USES_CONNTRACK[config.mode] ? planConntrack(config.conntrack, cpus, current) : []
}

/**
 * kube-proxy.md 7.4. Values that are as wanted are not written (CF-20): /proc/sys may be read-only.
 * Unlike kube-proxy 1.36, a larger nf_conntrack_max is never lowered.
 *
 * @param current value of a setting now; undefined where it cannot be read
 */
export function planConntrack(
  settings: ConntrackSettings,
  cpus: number,
  current: (path: string) => number | undefined,
): readonly SysctlWrite[] {
  const writes: SysctlWrite[] = []
  const field = (name: string) => `conntrack.${name}`
  const entries = conntrackMax(settings, cpus)
  if (entries > 0) {
    if ((current(CONNTRACK_MAX) ?? 0) < entries) {
      writes.push({ path: CONNTRACK_MAX, value: entries, field: field('maxPerCore') })
    }
    const buckets = Math.floor(entries / 4)
    if ((current(HASH_SIZE) ?? 0) < buckets) {
      writes.push({ path: HASH_SIZE, value: buckets, field: field('maxPerCore') })
    }
  }
  const values = [
    [
      'tcpEstablishedTimeout',
      'nf_conntrack_tcp_timeout_established',
      settings.tcpEstablishedTimeoutSeconds,
    ],
    [
      'tcpCloseWaitTimeout',
      'nf_conntrack_tcp_timeout_close_wait',
      settings.tcpCloseWaitTimeoutSeconds,
    ],
    ['tcpBeLiberal', 'nf_conntrack_tcp_be_liberal', Number(settings.tcpBeLiberal)],
    ['udpTimeout', 'nf_conntrack_udp_timeout', settings.udpTimeoutSeconds],
    ['udpStreamTimeout', 'nf_conntrack_udp_timeout_stream', settings.udpStreamTimeoutSeconds],
  ] as const
  for (const [name, sysctl, seconds] of values) {
    const path = `${NETFILTER}/${sysctl}`
    // Whole seconds; a fraction of one is cut off, as in kube-proxy.
    const value = Math.floor(seconds)
    if (seconds > 0 && current(path) !== value) writes.push({ path, value, field: field(name) })
  }
  return writes
}

/** CF-21: `min` does not count where the product is above the cap. */
function conntrackMax({ maxPerCore, min }: ConntrackSettings, cpus: number): number {
  if (maxPerCore <= 0) return 0
  const scaled = maxPerCore * cpus
  return scaled > MOST_ENTRIES ? MOST_ENTRIES : Math.max(scaled, min)
}
