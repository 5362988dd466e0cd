import { familyOf, withPort } from './addresses.ts'
import type { KubeProxyConfiguration } from './kube-proxy-schema.ts'
import { type Finding, remark } from './problem.ts'

export const HEALTHZ_PORT = 10_256
export const METRICS_PORT = 10_249

export interface CompletionInputs {
  /** Paths that the file or a flag sets. */
  readonly written: ReadonlySet<string>
  readonly hasFile: boolean
  /** --healthz-port and --metrics-port. */
  readonly ports: { readonly healthz?: string; readonly metrics?: string }
}

/** Fills in the defaults that depend on other fields. */
export function complete(
  config: KubeProxyConfiguration,
  { written, hasFile, ports }: CompletionInputs,
): { readonly config: KubeProxyConfiguration; readonly findings: readonly Finding[] } {
  const findings: Finding[] = []
  // As in kube-proxy: --bind-address comes too late for the defaults of the servers.
  const six = hasFile && familyOf(config.bindAddress) === 6

  function listen(
    path: 'healthzBindAddress' | 'metricsBindAddress',
    host: string,
    standard: number,
    port: string | undefined,
  ): string {
    if (port !== undefined && Number(port) === 0) return ''
    if (written.has(path)) return withPort(config[path], Number(port ?? standard))
    if (port !== undefined && Number(port) !== standard) {
      const flag = path === 'healthzBindAddress' ? '--healthz-port' : '--metrics-port'
      const sentence = `${flag}=${port} needs an address beside it, as in kube-proxy; write --${flag.slice(2, -5)}-bind-address=${host}:${port}`
      findings.push(remark('warning', path, sentence))
    }
    return withPort(host, standard)
  }

  const completed: KubeProxyConfiguration = {
    ...config,
    healthzBindAddress: listen(
      'healthzBindAddress',
      six ? '::' : '0.0.0.0',
      HEALTHZ_PORT,
      ports.healthz,
    ),
    metricsBindAddress: listen(
      'metricsBindAddress',
      six ? '::1' : '127.0.0.1',
      METRICS_PORT,
      ports.metrics,
    ),
    nodePortAddresses:
      config.mode === 'nftables' && config.nodePortAddresses.length === 0
        ? ['primary']
        : config.nodePortAddresses,
    detectLocalMode: config.detectLocalMode || 'ClusterCIDR',
  }
  // Without a file this default is that of --ipvs-min-sync-period, not the file's 0s.
  if (!hasFile && config.mode === 'ipvs' && !written.has('ipvs.minSyncPeriod')) {
    completed.ipvs = { ...config.ipvs, minSyncPeriod: 1 }
  }
  return { config: completed, findings }
}
