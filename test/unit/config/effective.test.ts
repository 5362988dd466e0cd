import { describe, expect, it } from 'vitest'
import { heededGates } from '../../../control/config/feature-gates.ts'
import { fromFields, fromFile, fromFlags, HEAD, inForce, notices, OWN_HEAD } from './configure.ts'

describe('the section of the mode decides (CF-1)', () => {
  const fields = `iptables: {syncPeriod: 31s, minSyncPeriod: 2s, masqueradeAll: false}
ipvs: {syncPeriod: 32s, minSyncPeriod: 3s}
nftables: {syncPeriod: 33s, minSyncPeriod: 4s, masqueradeAll: true}`
  it.each([
    ['""', 31, 2, false],
    ['ebpf', 31, 2, false],
    ['iptables', 31, 2, false],
    ['ipvs', 32, 3, false],
    ['nftables', 33, 4, true],
  ])('mode %s', (mode, syncPeriodSeconds, minSyncPeriodSeconds, masqueradeAll) => {
    expect(inForce(fromFields(`mode: ${mode}\n${fields}`))).toMatchObject({
      ...{ syncPeriodSeconds, minSyncPeriodSeconds, masqueradeAll },
    })
  })

  it.each([
    ['', undefined],
    ['iptables: {minSyncPeriod: 1s}', undefined],
    ['mode: ipvs', undefined],
    ['iptables: {minSyncPeriod: 500ms}', 0.5],
  ])("does not take kube-proxy's own minSyncPeriod for a wish: %j", (fields, seconds) => {
    expect(inForce(fromFields(fields)).minSyncPeriodSeconds).toBe(seconds)
  })
})

describe('the mode', () => {
  it.each(['iptables', 'ipvs', 'nftables'])('%s is answered by eBPF, and a notice', (mode) => {
    const configuration = fromFields(`mode: ${mode}`)
    expect(inForce(configuration)).toMatchObject({ mode: 'ebpf', proxyMode: mode })
    expect(notices(configuration)).toContain(
      `mode is "${mode}": kproxy runs its eBPF mode in place of kube-proxy's ${mode} mode`,
    )
  })

  it.each(['""', 'ebpf'])('%s is eBPF without further words', (mode) => {
    const configuration = fromFields(`mode: ${mode}`)
    expect(inForce(configuration).mode).toBe('ebpf')
    expect(notices(configuration).filter((line) => line.startsWith('mode'))).toEqual([])
  })
})

describe('NodePort addresses', () => {
  it.each([
    ['', { kind: 'all' }],
    ['mode: ipvs', { kind: 'all' }],
    ['mode: nftables', { kind: 'primary' }],
    ['nodePortAddresses: [primary]', { kind: 'primary' }],
    [
      'nodePortAddresses: [10.0.0.0/8, fd00::/64]',
      { kind: 'ranges', cidrs: ['10.0.0.0/8', 'fd00::/64'] },
    ],
  ])('%j (TR-40, TR-41, TR-42)', (fields, nodePortAddresses) => {
    expect(inForce(fromFields(fields)).nodePortAddresses).toEqual(nodePortAddresses)
  })

  it.each([
    ['', true],
    ['mode: iptables', true],
    ['mode: ipvs', false],
    ['mode: nftables', false],
    ['iptables: {localhostNodePorts: false}', false],
  ])('on localhost, %j: %s (TR-44, TR-45)', (fields, localhostNodePorts) => {
    expect(inForce(fromFields(fields)).localhostNodePorts).toBe(localhostNodePorts)
  })
})

describe('feature gates of a whole stage', () => {
  it.each([
    ['', true, true],
    ['AllBeta: false', false, true],
    ['AllBeta: false, ComponentFlagz: true', true, true],
    ['AllAlpha: true', true, true],
    ['AllowServiceExternalIPs: false', true, false],
  ])('hold for gates that are not set themselves: %s', (gates, flagz, allowExternalIPs) => {
    const fields = `featureGates: {${gates}}`
    expect(inForce(fromFields(fields))).toMatchObject({ flagz, allowExternalIPs })
    expect(notices(fromFields(fields)).filter((line) => line.startsWith('featureGates'))).toEqual(
      [],
    )
  })

  it('are shown with their stages', () => {
    const gates = heededGates({ AllAlpha: true, ComponentStatusz: false })
    expect(gates.map(({ name, stage, enabled }) => `${name} ${stage} ${enabled}`)).toEqual([
      'AllowServiceExternalIPs  true',
      'ComponentFlagz BETA true',
      'ComponentStatusz BETA false',
      'LoggingAlphaOptions ALPHA true',
      'LoggingBetaOptions BETA true',
    ])
  })
})

describe('detect-local (TR-50, TR-51)', () => {
  it.each([
    ['', { mode: 'ClusterCIDR', cidrs: [] }],
    [
      'clusterCIDR: 10.0.0.0/8,fd00::/64',
      { mode: 'ClusterCIDR', cidrs: ['10.0.0.0/8', 'fd00::/64'] },
    ],
    [
      'detectLocalMode: ""\nclusterCIDR: 10.0.0.0/8',
      { mode: 'ClusterCIDR', cidrs: ['10.0.0.0/8'] },
    ],
    ['detectLocalMode: NodeCIDR', { mode: 'NodeCIDR' }],
    [
      'detectLocalMode: BridgeInterface\ndetectLocal: {bridgeInterface: cni0}',
      { mode: 'BridgeInterface', name: 'cni0' },
    ],
    [
      'detectLocalMode: InterfaceNamePrefix\ndetectLocal: {interfaceNamePrefix: cali}',
      { mode: 'InterfaceNamePrefix', prefix: 'cali' },
    ],
  ])('%j', (fields, detectLocal) => {
    expect(inForce(fromFields(fields)).detectLocal).toEqual(detectLocal)
  })
})

describe('the name of the node (IN-40)', () => {
  it.each([
    [
      'the flag',
      'hostnameOverride: file',
      { 'hostname-override': [' Flag '] },
      { nodeName: 'env' },
      'flag',
    ],
    ['our name of the flag', 'hostnameOverride: file', { 'node-name': ['N2'] }, {}, 'n2'],
    ['the file', 'hostnameOverride: " File"', {}, { nodeName: 'env' }, 'file'],
    ['$NODE_NAME', '', {}, { nodeName: 'Env' }, 'env'],
    ["the host's name", '', {}, {}, 'host'],
    ["the host's name for an empty flag", '', { 'hostname-override': [''] }, {}, 'host'],
  ])('is what %s says', (_, fields, flags, environment, name) => {
    expect(inForce(fromFile(`${HEAD}${fields}\n`, flags, environment)).nodeName).toBe(name)
  })
})

describe('where Services come from', () => {
  const cluster = { kind: 'cluster', kubeconfig: '', context: '', master: '' }
  it.each([
    ['nothing said', fromFlags({}), cluster],
    ['a flag', fromFlags({ kubeconfig: ['/k'] }), { ...cluster, kubeconfig: '/k' }],
    [
      'the file',
      fromFields('clientConnection: {kubeconfig: /k}'),
      { ...cluster, kubeconfig: '/k' },
    ],
    ['$KUBECONFIG', fromFlags({}, { kubeconfig: '/e' }), { ...cluster, kubeconfig: '/e' }],
    [
      'a flag before $KUBECONFIG',
      fromFlags({ kubeconfig: ['/k'], context: ['c'], master: ['http://m'] }, { kubeconfig: '/e' }),
      { kind: 'cluster', kubeconfig: '/k', context: 'c', master: 'http://m' },
    ],
    [
      'manifests',
      fromFile(`${OWN_HEAD}manifests: /m\n`, {}, { kubeconfig: '/e' }),
      { kind: 'manifests', directory: '/m' },
    ],
  ])('%s', (_, configuration, origin) => {
    expect(inForce(configuration).origin).toEqual(origin)
  })
})

describe('what else the agent takes from it', () => {
  it.each([
    ['logging: {verbosity: 3}', { logLevel: 'info' }],
    ['logging: {verbosity: 4}', { logLevel: 'debug' }],
    ['logging: {verbosity: 9}', { logLevel: 'trace' }],
    ['ipvs: {scheduler: wlc}', { scheduler: 'wlc' }],
    ['mode: ipvs', { scheduler: 'random' }],
    ['ipvs: {scheduler: lblc}', { scheduler: 'random' }],
    ['', { scheduler: 'random', allowExternalIPs: true, statusz: true, flagz: true }],
    [
      'featureGates: {AllowServiceExternalIPs: false, ComponentStatusz: false, ComponentFlagz: false}',
      { allowExternalIPs: false, statusz: false, flagz: false },
    ],
    [
      'bindAddressHardFail: true\nenableProfiling: true',
      { bindAddressHardFail: true, enableProfiling: true },
    ],
    ['bindAddress: 10.0.0.9', { bindAddress: '10.0.0.9' }],
  ])('%j', (fields, expected) => {
    expect(inForce(fromFields(fields))).toMatchObject(expected)
  })

  it('cannot be changed', () => {
    const config = inForce(fromFields('nodePortAddresses: [10.0.0.0/8]'))
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.conntrack)).toBe(true)
    expect(Object.values(config.nodePortAddresses).every(Object.isFrozen)).toBe(true)
  })
})
