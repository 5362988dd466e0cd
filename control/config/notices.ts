import { isDeepStrictEqual } from 'node:util'
import { isScheduler, SCHEDULERS } from '../model/scheduler.ts'
import type { KubeProxyConfiguration } from './kube-proxy-schema.ts'
import { type Finding, remark } from './problem.ts'
import { splitPath } from './reader.ts'

const CONNTRACK =
  'the eBPF mode has a table of flows of its own, so the sysctls of conntrack stay as they are'
const IPVS = 'the eBPF mode makes no IPVS virtual servers, so it has no effect'
const MASQUERADE =
  'the eBPF mode gives packets from outside an address of this node on the way to other nodes, and to nobody else, so it has no effect'
const MARK = 'the eBPF mode marks no packets, so it has no effect'
const REQUESTS = 'kproxy sends too few requests to hold any back, so it has no effect'
const ENCODING = 'kproxy takes protobuf where the API server has it, and JSON where not'
const WINDOWS = 'is for Windows only and has no effect'
const STREAM = 'kproxy logs to standard error alone, so it has no effect'

/** Fields that are accepted and do nothing here, and why (design principle 7). */
const IDLE: Readonly<Record<string, string>> = {
  'clientConnection.acceptContentTypes': ENCODING,
  'clientConnection.contentType': ENCODING,
  'clientConnection.qps': REQUESTS,
  'clientConnection.burst': REQUESTS,
  'logging.flushFrequency': 'kproxy writes each log line at once, so it has no effect',
  'logging.vmodule': 'kproxy has one log level for all of its files, so it has no effect',
  'logging.options.text.splitStream': STREAM,
  'logging.options.text.infoBufferSize': STREAM,
  'logging.options.json.splitStream': STREAM,
  'logging.options.json.infoBufferSize': STREAM,
  showHiddenMetricsForVersion: 'kproxy hides no metrics, so it has no effect',
  'iptables.masqueradeBit': MARK,
  'iptables.masqueradeAll': MASQUERADE,
  'ipvs.excludeCIDRs': IPVS,
  'ipvs.strictARP': IPVS,
  'ipvs.tcpTimeout': IPVS,
  'ipvs.tcpFinTimeout': IPVS,
  'ipvs.udpTimeout': IPVS,
  'nftables.masqueradeBit': MARK,
  'nftables.masqueradeAll': MASQUERADE,
  'winkernel.networkName': WINDOWS,
  'winkernel.sourceVip': WINDOWS,
  'winkernel.enableDSR': WINDOWS,
  'winkernel.rootHnsEndpointName': WINDOWS,
  'winkernel.forwardHealthCheckVip': WINDOWS,
  windowsRunAsService: WINDOWS,
  'conntrack.maxPerCore': CONNTRACK,
  'conntrack.min': CONNTRACK,
  'conntrack.tcpBeLiberal': CONNTRACK,
  configSyncPeriod: "kproxy's streams need no refreshing, so it has no effect",
  portRange: 'has no effect, as in kube-proxy',
}

/**
 * What a person should know about a valid configuration. Silent about values that ask for what kproxy does
 * anyway: defaults, and conntrack settings of 0, which leave things alone.
 */
export function remarks(
  config: KubeProxyConfiguration,
  defaults: KubeProxyConfiguration,
  written: ReadonlySet<string>,
): Finding[] {
  const findings: Finding[] = []
  const say = (path: string, sentence: string) =>
    findings.push({ severity: 'notice', path, message: `${path} ${sentence}` })
  const { mode, nodePortAddresses } = config
  if (mode !== '' && mode !== 'ebpf') {
    say('mode', `is "${mode}": kproxy runs its eBPF mode in place of kube-proxy's ${mode} mode`)
  }
  if (nodePortAddresses.length === 0) {
    say(
      'nodePortAddresses',
      'is not set, so NodePorts belong to every address of this node: write [primary] for its own addresses alone',
    )
  }
  const { scheduler } = config.ipvs
  if (scheduler !== '' && !isScheduler(scheduler)) {
    const known = SCHEDULERS.join(', ')
    say(
      'ipvs.scheduler',
      `is "${scheduler}", which kproxy does not know; it knows ${known}: random is used`,
    )
  }
  for (const [path, sentence] of Object.entries(IDLE)) {
    const value = valueAt(config, path)
    if (!written.has(path) || isDeepStrictEqual(value, valueAt(defaults, path))) continue
    if (sentence === CONNTRACK && value === 0) continue
    findings.push(remark('notice', path, sentence))
  }
  return findings
}

/** The value of a field, by its path. */
export function valueAt(config: object, path: string): unknown {
  return splitPath(path).reduce<unknown>(
    (value, key) => (value as Record<string | number, unknown> | undefined)?.[key],
    config,
  )
}
