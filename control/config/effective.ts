import { isScheduler, type Scheduler } from '../model/scheduler.ts'
import { type ListenAddress, parseListenAddress } from './addresses.ts'
import { isEnabled } from './feature-gates.ts'
import { masqueradeSection, periodSection } from './flags.ts'
import type { KproxyConfiguration } from './kproxy-schema.ts'
import type { KubeProxyConfiguration } from './kube-proxy-schema.ts'
import { clusterCidrs } from './validate.ts'

/** How traffic of local pods is told from other traffic (TR-50, TR-51). */
export type DetectLocal =
  | { readonly mode: 'ClusterCIDR'; readonly cidrs: readonly string[] }
  | { readonly mode: 'NodeCIDR' }
  | { readonly mode: 'BridgeInterface'; readonly name: string }
  | { readonly mode: 'InterfaceNamePrefix'; readonly prefix: string }

/** The addresses of the node that serve NodePorts (TR-40 to TR-42). */
export type NodePortAddresses =
  | { readonly kind: 'all' }
  | { readonly kind: 'primary' }
  | { readonly kind: 'ranges'; readonly cidrs: readonly string[] }

/** Where Services come from. */
export type Origin =
  | { readonly kind: 'manifests'; readonly directory: string }
  | {
      readonly kind: 'cluster'
      /** Empty: the service account of the pod. */
      readonly kubeconfig: string
      readonly context: string
      /** URL in place of the kubeconfig's; empty: none. */
      readonly master: string
    }

/** Sysctls of conntrack (kube-proxy.md 7.4); 0 leaves a value alone. */
export interface ConntrackSettings {
  readonly maxPerCore: number
  readonly min: number
  readonly tcpEstablishedTimeoutSeconds: number
  readonly tcpCloseWaitTimeoutSeconds: number
  readonly tcpBeLiberal: boolean
  readonly udpTimeoutSeconds: number
  readonly udpStreamTimeoutSeconds: number
}

/** Everything that the parts of the agent are configured by: valid, complete and frozen. */
export interface EffectiveConfig {
  /** Trimmed and in lower case (IN-40). */
  readonly nodeName: string
  /** What kproxy runs. */
  readonly mode: 'ebpf'
  /** What the configuration asks for, with kube-proxy's names; empty: its default. */
  readonly proxyMode: KubeProxyConfiguration['mode']
  readonly origin: Origin
  /** `0.0.0.0` and `::` say the family of this node, any other address its primary one (IN-42). */
  readonly bindAddress: string
  /** undefined: off. */
  readonly healthz: ListenAddress | undefined
  readonly metrics: ListenAddress | undefined
  readonly bindAddressHardFail: boolean
  readonly enableProfiling: boolean
  readonly statusz: boolean
  readonly flagz: boolean
  readonly detectLocal: DetectLocal
  readonly nodePortAddresses: NodePortAddresses
  /** IPv4 NodePorts on loopback (TR-44): kube-proxy has them in its iptables mode alone. */
  readonly localhostNodePorts: boolean
  readonly masqueradeAll: boolean
  /** AllowServiceExternalIPs (kube-proxy.md 1.2). */
  readonly allowExternalIPs: boolean
  /** How endpoints are chosen where a Service does not say it. */
  readonly scheduler: Scheduler
  /** How often everything is looked through. */
  readonly syncPeriodSeconds: number
  /**
   * Least time between two syncs; undefined: as soon as possible. kube-proxy's own default, which kind writes out,
   * protects iptables and asks nothing of the eBPF mode.
   */
  readonly minSyncPeriodSeconds: number | undefined
  readonly conntrack: ConntrackSettings
  readonly oomScoreAdj: number
  /** A level of pino. */
  readonly logLevel: string
  /** Empty: the mount. */
  readonly cgroup: string
  readonly uplinks: readonly string[]
  readonly maxFlows: number
  readonly bpffs: string
  /** Empty: derived from bpffs and the node's name. */
  readonly pinDir: string
  readonly socket: string
  readonly maxServices: number
  readonly maxEndpoints: number
  /** Whether every service port has series of its own. */
  readonly serviceMetrics: boolean
}

/** Verbosity from which on upstream prints what a debugger wants, and what nobody wants twice. */
const DEBUG_VERBOSITY = 4
const TRACE_VERBOSITY = 6

/** kube-proxy's default of minSyncPeriod in iptables and nftables mode, in seconds. */
const STANDARD_MIN_SYNC_SECONDS = 1

/** Puts a valid, completed configuration into the terms of the agent. */
export function effectiveConfig(
  config: KubeProxyConfiguration,
  own: KproxyConfiguration,
  rest: { readonly nodeName: string; readonly master: string; readonly kubeconfig: string },
): EffectiveConfig {
  const { mode, iptables, ipvs, conntrack, featureGates } = config
  const periods = config[periodSection(mode)]
  return deepFreeze({
    nodeName: rest.nodeName,
    mode: 'ebpf',
    proxyMode: mode,
    origin:
      own.manifests === ''
        ? {
            kind: 'cluster',
            kubeconfig: rest.kubeconfig,
            context: own.context,
            master: rest.master,
          }
        : { kind: 'manifests', directory: own.manifests },
    bindAddress: config.bindAddress,
    healthz: parseListenAddress(config.healthzBindAddress),
    metrics: parseListenAddress(config.metricsBindAddress),
    bindAddressHardFail: config.bindAddressHardFail,
    enableProfiling: config.enableProfiling,
    statusz: isEnabled(featureGates, 'ComponentStatusz'),
    flagz: isEnabled(featureGates, 'ComponentFlagz'),
    detectLocal: detectLocal(config),
    nodePortAddresses: nodePortAddresses(config.nodePortAddresses),
    localhostNodePorts: iptables.localhostNodePorts && (mode === '' || mode === 'iptables'),
    masqueradeAll: config[masqueradeSection(mode)].masqueradeAll,
    allowExternalIPs: isEnabled(featureGates, 'AllowServiceExternalIPs'),
    scheduler: isScheduler(ipvs.scheduler) ? ipvs.scheduler : 'random',
    syncPeriodSeconds: periods.syncPeriod,
    minSyncPeriodSeconds: asked(periods.minSyncPeriod),
    conntrack: {
      maxPerCore: conntrack.maxPerCore,
      min: conntrack.min,
      tcpEstablishedTimeoutSeconds: conntrack.tcpEstablishedTimeout,
      tcpCloseWaitTimeoutSeconds: conntrack.tcpCloseWaitTimeout,
      tcpBeLiberal: conntrack.tcpBeLiberal,
      udpTimeoutSeconds: conntrack.udpTimeout,
      udpStreamTimeoutSeconds: conntrack.udpStreamTimeout,
    },
    oomScoreAdj: config.oomScoreAdj,
    logLevel: own.logLevel || levelOf(config.logging.verbosity),
    cgroup: own.cgroup,
    bpffs: own.bpffs,
    pinDir: own.pinDir,
    socket: own.socket,
    maxServices: own.maxServices,
    maxEndpoints: own.maxEndpoints,
    uplinks: uplinksOf(own.uplinks),
    maxFlows: own.maxFlows,
    serviceMetrics: own.serviceMetrics,
  })
}

/** Off until it is asked for: what it costs packets that are not for Services is not good enough yet. */
function uplinksOf(wanted: readonly string[]): readonly string[] {
  if (wanted.length === 0) return ['none']
  return wanted.includes('auto') ? [] : wanted
}

function asked(seconds: number): number | undefined {
  return seconds === 0 || seconds === STANDARD_MIN_SYNC_SECONDS ? undefined : seconds
}

/** The level of pino for a verbosity of Kubernetes. */
export function levelOf(verbosity: number): string {
  if (verbosity >= TRACE_VERBOSITY) return 'trace'
  return verbosity >= DEBUG_VERBOSITY ? 'debug' : 'info'
}

function detectLocal(config: KubeProxyConfiguration): DetectLocal {
  switch (config.detectLocalMode) {
    case 'NodeCIDR':
      return { mode: 'NodeCIDR' }
    case 'BridgeInterface':
      return { mode: 'BridgeInterface', name: config.detectLocal.bridgeInterface }
    case 'InterfaceNamePrefix':
      return { mode: 'InterfaceNamePrefix', prefix: config.detectLocal.interfaceNamePrefix }
    default:
      return { mode: 'ClusterCIDR', cidrs: clusterCidrs(config) }
  }
}

function nodePortAddresses(addresses: readonly string[]): NodePortAddresses {
  if (addresses.length === 0) return { kind: 'all' }
  return addresses[0] === 'primary' ? { kind: 'primary' } : { kind: 'ranges', cidrs: addresses }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner)
    Object.freeze(value)
  }
  return value
}
