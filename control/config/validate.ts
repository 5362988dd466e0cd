import { cidrFamily, isAddress, parseListenAddress } from './addresses.ts'
import { formatDuration } from './duration.ts'
import { checkGates, isEnabled } from './feature-gates.ts'
import { periodSection } from './flags.ts'
import type { KubeProxyConfiguration } from './kube-proxy-schema.ts'
import { type Finding, invalid } from './problem.ts'

/** The rules of CF-4, on a completed configuration: everything that keeps kube-proxy from starting. */
export function validate(config: KubeProxyConfiguration): Finding[] {
  return [
    ...checkGates(config.featureGates),
    ...checkPeriods(config),
    ...checkNumbers(config),
    ...checkAddresses(config),
    ...checkNodePortAddresses(config.nodePortAddresses),
    ...checkDetectLocal(config),
    ...(config.mode === 'ipvs' ? checkIpvs(config.ipvs) : []),
    ...checkLogging(config),
  ]
}

function check(valid: boolean, path: string, value: unknown, advice: string): Finding[] {
  return valid ? [] : [invalid(path, value, advice)]
}

function checkPeriods(config: KubeProxyConfiguration): Finding[] {
  const section = periodSection(config.mode)
  const { syncPeriod, minSyncPeriod } = config[section]
  const text = formatDuration
  return [
    ...check(
      config.configSyncPeriod > 0,
      'configSyncPeriod',
      text(config.configSyncPeriod),
      'write a duration above 0',
    ),
    ...check(syncPeriod > 0, `${section}.syncPeriod`, text(syncPeriod), 'write a duration above 0'),
    ...check(
      minSyncPeriod >= 0,
      `${section}.minSyncPeriod`,
      text(minSyncPeriod),
      'write a duration of at least 0s',
    ),
    ...check(
      syncPeriod <= 0 || minSyncPeriod <= syncPeriod,
      `${section}.minSyncPeriod`,
      text(minSyncPeriod),
      `write at most ${section}.syncPeriod, which is ${text(syncPeriod)}`,
    ),
  ]
}

function checkNumbers({
  iptables,
  nftables,
  oomScoreAdj,
  conntrack,
  clientConnection,
  mode,
}: KubeProxyConfiguration): Finding[] {
  const within = (path: string, value: number, least: number, most: number) =>
    check(
      value >= least && value <= most,
      path,
      value,
      `write a whole number between ${least} and ${most}`,
    )
  const atLeastZero = (path: string, value: number) =>
    check(value >= 0, path, value, 'write a whole number of at least 0')
  const timeouts = [
    'tcpEstablishedTimeout',
    'tcpCloseWaitTimeout',
    'udpTimeout',
    'udpStreamTimeout',
  ]
  return [
    ...within('iptables.masqueradeBit', iptables.masqueradeBit, 0, 31),
    ...(mode === 'nftables' ? within('nftables.masqueradeBit', nftables.masqueradeBit, 0, 31) : []),
    ...within('oomScoreAdj', oomScoreAdj, -1000, 1000),
    ...atLeastZero('clientConnection.burst', clientConnection.burst),
    ...atLeastZero('conntrack.maxPerCore', conntrack.maxPerCore),
    ...atLeastZero('conntrack.min', conntrack.min),
    ...timeouts.flatMap((name) => checkTimeout('conntrack', name, conntrack)),
  ]
}

function checkTimeout(section: string, name: string, values: object): Finding[] {
  const seconds = (values as Record<string, number>)[name] ?? 0
  const advice = 'write a duration of at least 0s'
  return check(seconds >= 0, `${section}.${name}`, formatDuration(seconds), advice)
}

/** Two or more groups of digits: `1.36`. */
const MINOR_VERSION = /^\d+\.\d+$/

function checkAddresses(config: KubeProxyConfiguration): Finding[] {
  const listen = (path: 'healthzBindAddress' | 'metricsBindAddress') =>
    check(
      config[path] === '' || parseListenAddress(config[path]) !== undefined,
      path,
      config[path],
      'write an IP address and a port between 1 and 65535, such as 0.0.0.0:10256 or [::]:10256',
    )
  const version = config.showHiddenMetricsForVersion
  return [
    ...check(
      isAddress(config.bindAddress),
      'bindAddress',
      config.bindAddress,
      'write an IP address, such as 0.0.0.0 or "::"',
    ),
    ...listen('healthzBindAddress'),
    ...listen('metricsBindAddress'),
    ...check(
      version === '' || MINOR_VERSION.test(version),
      'showHiddenMetricsForVersion',
      version,
      'write a minor version of Kubernetes, such as "1.35"',
    ),
  ]
}

const CIDR_ADVICE = 'write a range such as 10.0.0.0/8 or fd00::/64'

function checkNodePortAddresses(addresses: readonly string[]): Finding[] {
  return addresses.flatMap((address, index) => {
    const path = `nodePortAddresses[${index}]`
    if (address === 'primary') {
      return check(
        addresses.length === 1,
        path,
        address,
        'write primary alone, or ranges without it',
      )
    }
    return check(cidrFamily(address) !== undefined, path, address, `${CIDR_ADVICE}, or [primary]`)
  })
}

/** The ranges of `clusterCIDR`, which is one text. */
export function clusterCidrs({ clusterCIDR }: KubeProxyConfiguration): readonly string[] {
  return clusterCIDR === '' ? [] : clusterCIDR.split(',')
}

function checkDetectLocal(config: KubeProxyConfiguration): Finding[] {
  const { detectLocalMode: mode, detectLocal } = config
  const named = (field: 'bridgeInterface' | 'interfaceNamePrefix') =>
    check(
      detectLocal[field] !== '',
      `detectLocal.${field}`,
      detectLocal[field],
      `detectLocalMode ${mode} needs it; write the name of an interface`,
    )
  if (mode === 'BridgeInterface') return named('bridgeInterface')
  if (mode === 'InterfaceNamePrefix') return named('interfaceNamePrefix')
  if (mode !== 'ClusterCIDR') return []
  const ranges = clusterCidrs(config)
  const bad = ranges.filter((range) => cidrFamily(range) === undefined)
  if (bad.length > 0) return bad.flatMap((range) => invalid('clusterCIDR', range, CIDR_ADVICE))
  const families = new Set(ranges.map(cidrFamily))
  return check(
    ranges.length === families.size,
    'clusterCIDR',
    config.clusterCIDR,
    'write one range, or one of IPv4 and one of IPv6 with a comma between them',
  )
}

function checkIpvs(ipvs: KubeProxyConfiguration['ipvs']): Finding[] {
  return [
    ...['tcpTimeout', 'tcpFinTimeout', 'udpTimeout'].flatMap((name) =>
      checkTimeout('ipvs', name, ipvs),
    ),
    ...ipvs.excludeCIDRs.flatMap((range, index) =>
      check(cidrFamily(range) !== undefined, `ipvs.excludeCIDRs[${index}]`, range, CIDR_ADVICE),
    ),
  ]
}

/** klog takes levels up to int32. */
const HIGHEST_VERBOSITY = 2 ** 31 - 1

function checkLogging({ logging, featureGates }: KubeProxyConfiguration): Finding[] {
  const { format, flushFrequency, verbosity, vmodule, options } = logging
  const level = (path: string, value: number) =>
    check(value <= HIGHEST_VERBOSITY, path, value, `write at most ${HIGHEST_VERBOSITY}`)
  const alpha = isEnabled(featureGates, 'LoggingAlphaOptions')
  const json = isEnabled(featureGates, 'LoggingBetaOptions')
  return [
    ...check(
      format === 'text' || (format === 'json' && json),
      'logging.format',
      format,
      json ? 'write text or json' : 'json needs the feature gate LoggingBetaOptions',
    ),
    ...check(
      flushFrequency > 0,
      'logging.flushFrequency',
      formatDuration(flushFrequency),
      'write a duration above 0',
    ),
    ...level('logging.verbosity', verbosity),
    ...check(
      vmodule.length === 0 || format === 'text',
      'logging.vmodule',
      vmodule,
      'it goes with logging.format text only; remove one of them',
    ),
    ...vmodule.flatMap(({ filePattern, verbosity }, index) => [
      ...check(
        /^[^=,]+$/.test(filePattern),
        `logging.vmodule[${index}].filePattern`,
        filePattern,
        'write the pattern of a file name, without "=" and ","',
      ),
      ...level(`logging.vmodule[${index}].verbosity`, verbosity),
    ]),
    ...(['text', 'json'] as const).flatMap((kind) => {
      const { infoBufferSize } = options[kind]
      return check(
        alpha || Number.parseFloat(infoBufferSize) === 0,
        `logging.options.${kind}.infoBufferSize`,
        infoBufferSize,
        'it needs the feature gate LoggingAlphaOptions',
      )
    }),
  ]
}
