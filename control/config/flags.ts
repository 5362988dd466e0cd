/** How the text of a flag is read. */
export type FlagKind = 'text' | 'bool' | 'number' | 'list' | 'gates' | 'vmodule'

/** A flag that sets a field. */
export interface Flag {
  readonly name: string
  readonly kind: FlagKind
  /** Its field; the section may depend on the mode. */
  readonly path: string | ((mode: string) => string | undefined)
  /** Counts beside --config as well. Others do not, as in kube-proxy (kube-proxy.md 7.1). */
  readonly always?: boolean
  readonly help: string
  /** What the value is called in the help; none for a bool. */
  readonly value?: string
}

/** CF-1: the section that has the periods and masqueradeAll of a mode. */
export function periodSection(mode: string): 'ipvs' | 'nftables' | 'iptables' {
  return mode === 'ipvs' || mode === 'nftables' ? mode : 'iptables'
}

export function masqueradeSection(mode: string): 'nftables' | 'iptables' {
  return mode === 'nftables' ? mode : 'iptables'
}

const unlessIpvs = (field: string) => (mode: string) =>
  mode === 'ipvs' ? undefined : `${periodSection(mode)}.${field}`
const onlyIpvs = (field: string) => (mode: string) =>
  mode === 'ipvs' ? `ipvs.${field}` : undefined

type Row = readonly [name: string, kind: FlagKind, path: Flag['path'], value: string, help: string]

function rows(table: readonly Row[], always: boolean): Flag[] {
  return table.map(([name, kind, path, value, help]) => ({
    ...{ name, kind, path, help, always },
    ...(value === '' ? {} : { value }),
  }))
}

/** Flags of kube-proxy that set fields of KubeProxyConfiguration. */
export const KUBE_PROXY_FLAGS: readonly Flag[] = [
  ...rows(
    [
      ['hostname-override', 'text', 'hostnameOverride', '<name>', 'name of this Node object'],
      ['v', 'number', 'logging.verbosity', '<level>', 'log verbosity: 4 is debug, 6 is trace'],
      ['vmodule', 'vmodule', 'logging.vmodule', '<pattern=N,...>', 'verbosity by file; no effect'],
      ['logging-format', 'text', 'logging.format', '<format>', 'text or json; kproxy writes JSON'],
      ['log-flush-frequency', 'text', 'logging.flushFrequency', '<duration>', 'no effect'],
      ['log-text-split-stream', 'bool', 'logging.options.text.splitStream', '', 'no effect'],
      [
        'log-text-info-buffer-size',
        'text',
        'logging.options.text.infoBufferSize',
        '<size>',
        'no effect',
      ],
      ['log-json-split-stream', 'bool', 'logging.options.json.splitStream', '', 'no effect'],
      [
        'log-json-info-buffer-size',
        'text',
        'logging.options.json.infoBufferSize',
        '<size>',
        'no effect',
      ],
    ],
    true,
  ),
  ...rows(
    [
      [
        'kubeconfig',
        'text',
        'clientConnection.kubeconfig',
        '<file>',
        'kubeconfig of the cluster to serve',
      ],
      [
        'kube-api-content-type',
        'text',
        'clientConnection.contentType',
        '<type>',
        'no effect: protobuf where the server has it',
      ],
      ['kube-api-qps', 'number', 'clientConnection.qps', '<n>', 'no effect'],
      ['kube-api-burst', 'number', 'clientConnection.burst', '<n>', 'no effect'],
      ['feature-gates', 'gates', 'featureGates', '<name=bool,...>', 'feature gates of Kubernetes'],
      [
        'bind-address',
        'text',
        'bindAddress',
        '<ip>',
        "this node's primary address; nothing listens on it",
      ],
      [
        'healthz-bind-address',
        'text',
        'healthzBindAddress',
        '<ip:port>',
        'where the health server listens',
      ],
      [
        'metrics-bind-address',
        'text',
        'metricsBindAddress',
        '<ip:port>',
        'where the metrics server listens',
      ],
      [
        'bind-address-hard-fail',
        'bool',
        'bindAddressHardFail',
        '',
        'end when a server cannot listen',
      ],
      ['profiling', 'bool', 'enableProfiling', '', 'serve profiles beside the metrics'],
      [
        'show-hidden-metrics-for-version',
        'text',
        'showHiddenMetricsForVersion',
        '<version>',
        'no effect: kproxy hides no metrics',
      ],
      ['proxy-mode', 'text', 'mode', '<mode>', "kube-proxy's mode; kproxy runs eBPF in its place"],
      [
        'masquerade-all',
        'bool',
        (mode) => `${masqueradeSection(mode)}.masqueradeAll`,
        '',
        'no effect in eBPF mode',
      ],
      [
        'iptables-masquerade-bit',
        'number',
        'iptables.masqueradeBit',
        '<n>',
        'no effect in eBPF mode',
      ],
      [
        'iptables-localhost-nodeports',
        'bool',
        'iptables.localhostNodePorts',
        '',
        'serve NodePorts on 127.0.0.1',
      ],
      [
        'iptables-sync-period',
        'text',
        unlessIpvs('syncPeriod'),
        '<duration>',
        'how often everything is looked through',
      ],
      [
        'iptables-min-sync-period',
        'text',
        unlessIpvs('minSyncPeriod'),
        '<duration>',
        'least time between two syncs',
      ],
      [
        'ipvs-sync-period',
        'text',
        onlyIpvs('syncPeriod'),
        '<duration>',
        'the same with --proxy-mode=ipvs',
      ],
      [
        'ipvs-min-sync-period',
        'text',
        onlyIpvs('minSyncPeriod'),
        '<duration>',
        'the same with --proxy-mode=ipvs',
      ],
      ['ipvs-scheduler', 'text', 'ipvs.scheduler', '<name>', 'how an endpoint is chosen'],
      ['ipvs-exclude-cidrs', 'list', 'ipvs.excludeCIDRs', '<cidr,...>', 'no effect in eBPF mode'],
      ['ipvs-strict-arp', 'bool', 'ipvs.strictARP', '', 'no effect in eBPF mode'],
      ['ipvs-tcp-timeout', 'text', 'ipvs.tcpTimeout', '<duration>', 'no effect in eBPF mode'],
      ['ipvs-tcpfin-timeout', 'text', 'ipvs.tcpFinTimeout', '<duration>', 'no effect in eBPF mode'],
      ['ipvs-udp-timeout', 'text', 'ipvs.udpTimeout', '<duration>', 'no effect in eBPF mode'],
      [
        'detect-local-mode',
        'text',
        'detectLocalMode',
        '<mode>',
        'how traffic of local pods is told',
      ],
      [
        'cluster-cidr',
        'text',
        'clusterCIDR',
        '<cidr,...>',
        "the cluster's pods, one range a family",
      ],
      [
        'pod-bridge-interface',
        'text',
        'detectLocal.bridgeInterface',
        '<name>',
        'for BridgeInterface',
      ],
      [
        'pod-interface-name-prefix',
        'text',
        'detectLocal.interfaceNamePrefix',
        '<prefix>',
        'for InterfaceNamePrefix',
      ],
      [
        'nodeport-addresses',
        'list',
        'nodePortAddresses',
        '<cidr,...>',
        '"primary" or ranges that serve NodePorts',
      ],
      ['oom-score-adj', 'number', 'oomScoreAdj', '<n>', "this process's oom_score_adj"],
      ['conntrack-max-per-core', 'number', 'conntrack.maxPerCore', '<n>', 'no effect in eBPF mode'],
      ['conntrack-min', 'number', 'conntrack.min', '<n>', 'no effect in eBPF mode'],
      [
        'conntrack-tcp-timeout-established',
        'text',
        'conntrack.tcpEstablishedTimeout',
        '<duration>',
        'no effect in eBPF mode',
      ],
      [
        'conntrack-tcp-timeout-close-wait',
        'text',
        'conntrack.tcpCloseWaitTimeout',
        '<duration>',
        'no effect in eBPF mode',
      ],
      ['conntrack-tcp-be-liberal', 'bool', 'conntrack.tcpBeLiberal', '', 'no effect in eBPF mode'],
      [
        'conntrack-udp-timeout',
        'text',
        'conntrack.udpTimeout',
        '<duration>',
        'no effect in eBPF mode',
      ],
      [
        'conntrack-udp-timeout-stream',
        'text',
        'conntrack.udpStreamTimeout',
        '<duration>',
        'no effect in eBPF mode',
      ],
      ['config-sync-period', 'text', 'configSyncPeriod', '<duration>', 'no effect'],
    ],
    false,
  ),
]

/** Flags that set fields of KproxyConfiguration; they win over the file. */
export const KPROXY_FLAGS: readonly Flag[] = rows(
  [
    ['manifests', 'text', 'manifests', '<dir>', 'serve a directory of Kubernetes YAML, no cluster'],
    [
      'context',
      'text',
      'context',
      '<name>',
      'context of the kubeconfig (default: its current one)',
    ],
    [
      'cgroup',
      'text',
      'cgroup',
      '<dir>',
      "cgroup v2 directory that holds all of this node's processes (default: the mount)",
    ],
    [
      'bpffs',
      'text',
      'bpffs',
      '<dir>',
      'mount point of the BPF file system (default: "/sys/fs/bpf")',
    ],
    [
      'pin-dir',
      'text',
      'pinDir',
      '<dir>',
      'bpffs directory of this node (default: BPFFS/kproxy/NODE)',
    ],
    [
      'socket',
      'text',
      'socket',
      '<path>',
      'unix socket of the agent (default: "/run/kproxy/kproxy.sock")',
    ],
    [
      'max-services',
      'number',
      'maxServices',
      '<n>',
      'frontends (address, port, protocol) the maps hold (default: 65536)',
    ],
    [
      'max-endpoints',
      'number',
      'maxEndpoints',
      '<n>',
      'service endpoints the maps hold (default: 262144)',
    ],
    [
      'uplinks',
      'list',
      'uplinks',
      '<name,...>',
      'interfaces where traffic from outside is served: names and globs, or "auto" for those with a default route or an address of the node (default: none)',
    ],
    [
      'max-flows',
      'number',
      'maxFlows',
      '<n>',
      'flows from outside that may go on at once (default: 65536)',
    ],
    ['service-metrics', 'bool', 'serviceMetrics', '', 'export counters of every service port'],
    [
      'log-level',
      'text',
      'logLevel',
      '<level>',
      'least severe level to log: trace, debug, info, warn, error or fatal',
    ],
  ],
  true,
)

/** Flags of kube-proxy without a field that can set something, and those that do nothing here. */
export const OTHER_FLAGS: readonly Omit<Flag, 'path'>[] = [
  {
    name: 'master',
    kind: 'text',
    value: '<url>',
    always: true,
    help: 'URL of the API server, in place of the one in the kubeconfig',
  },
  {
    name: 'healthz-port',
    kind: 'number',
    value: '<port>',
    help: 'deprecated: 0 switches the health server off',
  },
  {
    name: 'metrics-port',
    kind: 'number',
    value: '<port>',
    help: 'deprecated: 0 switches the metrics server off',
  },
  { name: 'boot-id-file', kind: 'text', value: '<files>', always: true, help: 'no effect' },
  { name: 'machine-id-file', kind: 'text', value: '<files>', always: true, help: 'no effect' },
]
