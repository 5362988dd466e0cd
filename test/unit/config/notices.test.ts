import { describe, expect, it } from 'vitest'
import { complaints, fromFields, notices } from './configure.ts'

const UNSET =
  'nodePortAddresses is not set, so NodePorts belong to every address of this node: write [primary] for its own addresses alone'

describe('values without a meaning here are accepted, and a notice says why', () => {
  it.each([
    [
      'winkernel: {networkName: net}',
      'winkernel.networkName: is for Windows only and has no effect',
    ],
    [
      'winkernel: {sourceVip: 1.2.3.4}',
      'winkernel.sourceVip: is for Windows only and has no effect',
    ],
    ['winkernel: {enableDSR: true}', 'winkernel.enableDSR: is for Windows only and has no effect'],
    [
      'winkernel: {rootHnsEndpointName: net}',
      'winkernel.rootHnsEndpointName: is for Windows only and has no effect',
    ],
    [
      'winkernel: {forwardHealthCheckVip: true}',
      'winkernel.forwardHealthCheckVip: is for Windows only and has no effect',
    ],
    ['windowsRunAsService: true', 'windowsRunAsService: is for Windows only and has no effect'],
    ['portRange: 1-2', 'portRange: has no effect, as in kube-proxy'],
    [
      'ipvs: {scheduler: lblc}',
      'ipvs.scheduler is "lblc", which kproxy does not know; it knows random, rr, wrr, lc, wlc, sed, nq, sh, dh, mh: random is used',
    ],
    [
      'iptables: {masqueradeBit: 15}',
      'iptables.masqueradeBit: the eBPF mode marks no packets, so it has no effect',
    ],
    [
      'conntrack: {min: 5}',
      'conntrack.min: the eBPF mode has a table of flows of its own, so the sysctls of conntrack stay as they are',
    ],
    [
      'conntrack: {tcpBeLiberal: true}',
      'conntrack.tcpBeLiberal: the eBPF mode has a table of flows of its own, so the sysctls of conntrack stay as they are',
    ],
    [
      'featureGates: {NativeHistograms: true}',
      'featureGates.NativeHistograms: has no effect on kproxy',
    ],
    [
      'configSyncPeriod: 1m',
      "configSyncPeriod: kproxy's streams need no refreshing, so it has no effect",
    ],
    [
      'clientConnection: {qps: 50}',
      'clientConnection.qps: kproxy sends too few requests to hold any back, so it has no effect',
    ],
  ])('%s', (fields, notice) => {
    const configuration = fromFields(fields)
    expect(complaints(configuration)).toEqual([])
    expect(notices(configuration)).toEqual(expect.arrayContaining([notice]))
  })

  it('but not where they ask for what happens anyway', () => {
    const fields = `nodePortAddresses: [primary]
iptables: {masqueradeBit: 14}
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s}
clientConnection: {qps: 5, burst: 0}
winkernel: {networkName: "", enableDSR: false}
featureGates: {ComponentFlagz: true}`
    expect(notices(fromFields(fields))).toEqual([])
  })

  it('nor about what belongs to every node', () => {
    expect(notices(fromFields(''))).toEqual([UNSET])
  })
})
