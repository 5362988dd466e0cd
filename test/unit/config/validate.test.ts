import { describe, expect, it } from 'vitest'
import { complaints, fromFields, inForce } from './configure.ts'

const IP_PORT =
  'write an IP address and a port between 1 and 65535, such as 0.0.0.0:10256 or [::]:10256'
const CIDR = 'write a range such as 10.0.0.0/8 or fd00::/64'

describe('values that keep kube-proxy from starting are refused (CF-4)', () => {
  it.each([
    // periods
    ['configSyncPeriod: -1s', 'configSyncPeriod is "-1s": write a duration above 0'],
    ['iptables: {syncPeriod: -1s}', 'iptables.syncPeriod is "-1s": write a duration above 0'],
    [
      'iptables: {minSyncPeriod: -1s}',
      'iptables.minSyncPeriod is "-1s": write a duration of at least 0s',
    ],
    [
      'iptables: {minSyncPeriod: 31s}',
      'iptables.minSyncPeriod is "31s": write at most iptables.syncPeriod, which is 30s',
    ],
    [
      'mode: ipvs\nipvs: {minSyncPeriod: 10s, syncPeriod: 5s}',
      'ipvs.minSyncPeriod is "10s": write at most ipvs.syncPeriod, which is 5s',
    ],
    [
      'mode: nftables\nnftables: {syncPeriod: -2m}',
      'nftables.syncPeriod is "-2m0s": write a duration above 0',
    ],
    // addresses
    [
      'bindAddress: localhost',
      'bindAddress is "localhost": write an IP address, such as 0.0.0.0 or "::"',
    ],
    ['healthzBindAddress: 1.2.3.4:0', `healthzBindAddress is "1.2.3.4:0": ${IP_PORT}`],
    ['healthzBindAddress: 1.2.3.4:65536', `healthzBindAddress is "1.2.3.4:65536": ${IP_PORT}`],
    ['healthzBindAddress: :10256', `healthzBindAddress is ":10256": ${IP_PORT}`],
    ['metricsBindAddress: localhost:10249', `metricsBindAddress is "localhost:10249": ${IP_PORT}`],
    ['metricsBindAddress: "fd00::1:http"', `metricsBindAddress is "fd00::1:http": ${IP_PORT}`],
    // lists of ranges, each entry by its path
    [
      'nodePortAddresses: [10.0.0.0/33]',
      `nodePortAddresses[0] is "10.0.0.0/33": ${CIDR}, or [primary]`,
    ],
    [
      'nodePortAddresses: [10.0.0.0/8, 10.0.0.1]',
      `nodePortAddresses[1] is "10.0.0.1": ${CIDR}, or [primary]`,
    ],
    [
      'nodePortAddresses: [primary, 10.0.0.0/8]',
      'nodePortAddresses[0] is "primary": write primary alone, or ranges without it',
    ],
    ['clusterCIDR: 10.0.0.0', `clusterCIDR is "10.0.0.0": ${CIDR}`],
    ['clusterCIDR: 10.0.0.0/8,fd00::/129', `clusterCIDR is "fd00::/129": ${CIDR}`],
    ['clusterCIDR: "10.0.0.0/8, fd00::/64"', `clusterCIDR is " fd00::/64": ${CIDR}`],
    [
      'clusterCIDR: 10.0.0.0/8,11.0.0.0/8',
      'clusterCIDR is "10.0.0.0/8,11.0.0.0/8": write one range, or one of IPv4 and one of IPv6 with a comma between them',
    ],
    [
      'clusterCIDR: 10.0.0.0/8,fd00::/64,fd01::/64',
      'clusterCIDR is "10.0.0.0/8,fd00::/64,fd01::/64": write one range, or one of IPv4 and one of IPv6 with a comma between them',
    ],
    [
      'mode: ipvs\nipvs: {excludeCIDRs: [10.0.0.0/8, all]}',
      `ipvs.excludeCIDRs[1] is "all": ${CIDR}`,
    ],
    // choices
    ['mode: userspace', 'mode is "userspace": write "", ebpf, iptables, ipvs or nftables'],
    [
      'detectLocalMode: Magic',
      'detectLocalMode is "Magic": write ClusterCIDR, NodeCIDR, BridgeInterface, InterfaceNamePrefix or ""',
    ],
    [
      'detectLocalMode: BridgeInterface',
      'detectLocal.bridgeInterface is "": detectLocalMode BridgeInterface needs it; write the name of an interface',
    ],
    [
      'detectLocalMode: InterfaceNamePrefix\ndetectLocal: {bridgeInterface: br0}',
      'detectLocal.interfaceNamePrefix is "": detectLocalMode InterfaceNamePrefix needs it; write the name of an interface',
    ],
    // numbers
    [
      'iptables: {masqueradeBit: 32}',
      'iptables.masqueradeBit is 32: write a whole number between 0 and 31',
    ],
    [
      'mode: nftables\nnftables: {masqueradeBit: -1}',
      'nftables.masqueradeBit is -1: write a whole number between 0 and 31',
    ],
    ['oomScoreAdj: -1001', 'oomScoreAdj is -1001: write a whole number between -1000 and 1000'],
    [
      'conntrack: {maxPerCore: -1}',
      'conntrack.maxPerCore is -1: write a whole number of at least 0',
    ],
    ['conntrack: {min: -1}', 'conntrack.min is -1: write a whole number of at least 0'],
    ...['tcpEstablishedTimeout', 'tcpCloseWaitTimeout', 'udpTimeout', 'udpStreamTimeout'].map(
      (name) => [
        `conntrack: {${name}: -1s}`,
        `conntrack.${name} is "-1s": write a duration of at least 0s`,
      ],
    ),
    ...['tcpTimeout', 'tcpFinTimeout', 'udpTimeout'].map((name) => [
      `mode: ipvs\nipvs: {${name}: -1s}`,
      `ipvs.${name} is "-1s": write a duration of at least 0s`,
    ]),
    [
      'clientConnection: {burst: -1}',
      'clientConnection.burst is -1: write a whole number of at least 0',
    ],
    // the rest
    [
      'showHiddenMetricsForVersion: "1"',
      'showHiddenMetricsForVersion is "1": write a minor version of Kubernetes, such as "1.35"',
    ],
    ['logging: {format: xml}', 'logging.format is "xml": write text or json'],
    [
      'logging: {format: json}\nfeatureGates: {LoggingBetaOptions: false}',
      'logging.format is "json": json needs the feature gate LoggingBetaOptions',
    ],
    ['logging: {flushFrequency: -1s}', 'logging.flushFrequency is "-1s": write a duration above 0'],
    [
      'logging: {verbosity: 2147483648}',
      'logging.verbosity is 2147483648: write at most 2147483647',
    ],
    [
      'logging: {format: json, vmodule: [{filePattern: a, verbosity: 1}]}',
      'logging.vmodule is [{"filePattern":"a","verbosity":1}]: it goes with logging.format text only; remove one of them',
    ],
    [
      'logging: {vmodule: [{filePattern: "a=b", verbosity: 1}]}',
      'logging.vmodule[0].filePattern is "a=b": write the pattern of a file name, without "=" and ","',
    ],
    [
      'logging: {options: {json: {infoBufferSize: 1Ki}}}',
      'logging.options.json.infoBufferSize is "1Ki": it needs the feature gate LoggingAlphaOptions',
    ],
    [
      'featureGates: {NoSuchGate: true}',
      'featureGates.NoSuchGate is true: Kubernetes has no such feature gate; correct or remove it',
    ],
    [
      'featureGates: {PreferSameTrafficDistribution: false}',
      'featureGates.PreferSameTrafficDistribution is false: this gate is locked to true; remove it',
    ],
    [
      'hostnameOverride: " "',
      'hostnameOverride is " ": write the name of this Node object, a DNS name in lower case (IN-40)',
    ],
    [
      'hostnameOverride: a/../b',
      'hostnameOverride is "a/../b": write the name of this Node object, a DNS name in lower case (IN-40)',
    ],
  ])('%s', (fields, complaint) => {
    const configuration = fromFields(fields as string)
    const found = complaints(configuration).map((line) => line.replace(/^error f:\d+:\d+: /, ''))
    expect(found).toEqual([(complaint as string).replace(' (IN-40)', '')])
    expect(configuration.effective).toBeUndefined()
  })
})

describe('values that look odd and are allowed (CF-4)', () => {
  it.each([
    ['a range with leading zeros (IN-9)', 'clusterCIDR: 010.0.0.0/08'],
    ['host bits in a range', 'nodePortAddresses: [10.1.2.3/8]'],
    ['a range that another mode does not read', 'detectLocalMode: NodeCIDR\nclusterCIDR: nonsense'],
    ['bad IPVS values in another mode', 'ipvs: {tcpTimeout: -1s, excludeCIDRs: [x]}'],
    ['bad nftables values in another mode', 'nftables: {masqueradeBit: 99, minSyncPeriod: 5m}'],
    ['minSyncPeriod as long as syncPeriod', 'iptables: {minSyncPeriod: 30s}'],
    ['no cluster range', 'detectLocalMode: ClusterCIDR'],
    ['zeros of conntrack', 'conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s}'],
    [
      'alpha logging with its gate',
      'logging: {options: {json: {infoBufferSize: 1Ki}}}\nfeatureGates: {LoggingAlphaOptions: true}',
    ],
    ['a flush frequency in nanoseconds', 'logging: {flushFrequency: 5000000000}'],
    ['gates for everything', 'featureGates: {AllAlpha: true, AllBeta: false}'],
    ['a locked gate at its value', 'featureGates: {PreferSameTrafficDistribution: true}'],
  ])('%s', (_, fields) => {
    const configuration = fromFields(fields)
    expect(complaints(configuration)).toEqual([])
    expect(inForce(configuration).mode).toBe('ebpf')
  })
})
