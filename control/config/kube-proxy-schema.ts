import * as v from 'valibot'
import * as field from './fields.ts'

export const API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1'
export const KIND = 'KubeProxyConfiguration'

/** What a file may ask for: kube-proxy's modes on Linux, and ours by its own name. */
export const PROXY_MODES = ['', 'ebpf', 'iptables', 'ipvs', 'nftables'] as const
export const LOCAL_MODES = [
  'ClusterCIDR',
  'NodeCIDR',
  'BridgeInterface',
  'InterfaceNamePrefix',
  '',
] as const

const routing = () => field.section({ splitStream: field.flag(), infoBufferSize: field.quantity() })

/** Every field of KubeProxyConfiguration with its default (kube-proxy.md 7.1). */
export const kubeProxySchema = field.section({
  featureGates: field.gates(),
  clientConnection: field.section({
    kubeconfig: field.text(),
    acceptContentTypes: field.text(),
    contentType: field.text('application/vnd.kubernetes.protobuf'),
    qps: field.float(5),
    burst: field.int32(10),
  }),
  logging: field.section({
    format: field.text('text'),
    flushFrequency: field.durationOrNanoseconds('5s'),
    verbosity: field.uint32(0),
    vmodule: v.optional(
      v.array(
        v.object(
          { filePattern: v.string('write a string'), verbosity: field.uint32(0) },
          'write filePattern and verbosity',
        ),
        'write a list',
      ),
      () => [],
    ),
    options: field.section({ text: routing(), json: routing() }),
  }),
  hostnameOverride: field.text(),
  bindAddress: field.text('0.0.0.0'),
  healthzBindAddress: field.text(),
  metricsBindAddress: field.text(),
  bindAddressHardFail: field.flag(),
  enableProfiling: field.flag(),
  showHiddenMetricsForVersion: field.text(),
  mode: field.choice(PROXY_MODES, ''),
  iptables: field.section({
    masqueradeBit: field.int32(14),
    masqueradeAll: field.flag(),
    localhostNodePorts: field.flag(true),
    syncPeriod: field.duration('30s'),
    minSyncPeriod: field.duration('1s'),
  }),
  ipvs: field.section({
    syncPeriod: field.duration('30s'),
    minSyncPeriod: field.duration(),
    scheduler: field.text(),
    excludeCIDRs: field.texts(),
    strictARP: field.flag(),
    tcpTimeout: field.duration(),
    tcpFinTimeout: field.duration(),
    udpTimeout: field.duration(),
  }),
  nftables: field.section({
    masqueradeBit: field.int32(14),
    masqueradeAll: field.flag(),
    syncPeriod: field.duration('30s'),
    minSyncPeriod: field.duration('1s'),
  }),
  winkernel: field.section({
    networkName: field.text(),
    sourceVip: field.text(),
    enableDSR: field.flag(),
    rootHnsEndpointName: field.text(),
    forwardHealthCheckVip: field.flag(),
  }),
  detectLocalMode: field.choice(LOCAL_MODES, 'ClusterCIDR'),
  detectLocal: field.section({ bridgeInterface: field.text(), interfaceNamePrefix: field.text() }),
  clusterCIDR: field.text(),
  nodePortAddresses: field.texts(),
  oomScoreAdj: field.int32(-999),
  conntrack: field.section({
    maxPerCore: field.int32(32_768),
    min: field.int32(131_072),
    tcpEstablishedTimeout: field.duration('24h'),
    tcpCloseWaitTimeout: field.duration('1h'),
    tcpBeLiberal: field.flag(),
    udpTimeout: field.duration(),
    udpStreamTimeout: field.duration(),
  }),
  configSyncPeriod: field.duration('15m'),
  portRange: field.text(),
  windowsRunAsService: field.flag(),
})

/** Durations are in seconds. */
export type KubeProxyConfiguration = v.InferOutput<typeof kubeProxySchema>

/**
 * Pointers upstream: a zero that is written there is a zero. Everywhere else a zero, as kubeadm
 * writes it for whatever nobody set, asks for the default.
 */
export const ZERO_IS_A_VALUE: ReadonlySet<string> = new Set([
  'iptables.masqueradeBit',
  'iptables.localhostNodePorts',
  'nftables.masqueradeBit',
  'oomScoreAdj',
  'conntrack.maxPerCore',
  'conntrack.min',
  'conntrack.tcpEstablishedTimeout',
  'conntrack.tcpCloseWaitTimeout',
])
