import { describe, expect, it } from 'vitest'
import type { FlagTexts } from '../../../control/config/flag-values.ts'
import { KUBE_PROXY_FLAGS, OTHER_FLAGS } from '../../../control/config/flags.ts'
import { valueAt } from '../../../control/config/notices.ts'
import { complaints, fromFields, fromFlags, HEAD, inForce, notices } from './configure.ts'

type Row = [name: string, text: string, path: string, value: unknown, beside?: FlagTexts]

/** A value for every flag of kube-proxy that sets a field: what the field has then, with flags beside. */
const FLAGS: Row[] = [
  ['bind-address', '10.0.0.1', 'bindAddress', '10.0.0.1'],
  ['bind-address-hard-fail', 'true', 'bindAddressHardFail', true],
  ['cluster-cidr', '10.0.0.0/8,fd00::/64', 'clusterCIDR', '10.0.0.0/8,fd00::/64'],
  ['config-sync-period', '1m', 'configSyncPeriod', 60],
  ['conntrack-max-per-core', '7', 'conntrack.maxPerCore', 7],
  ['conntrack-min', '0', 'conntrack.min', 0],
  ['conntrack-tcp-be-liberal', 'T', 'conntrack.tcpBeLiberal', true],
  ['conntrack-tcp-timeout-close-wait', '0s', 'conntrack.tcpCloseWaitTimeout', 0],
  ['conntrack-tcp-timeout-established', '2h', 'conntrack.tcpEstablishedTimeout', 7200],
  ['conntrack-udp-timeout', '3s', 'conntrack.udpTimeout', 3],
  ['conntrack-udp-timeout-stream', '4s', 'conntrack.udpStreamTimeout', 4],
  ['detect-local-mode', 'NodeCIDR', 'detectLocalMode', 'NodeCIDR'],
  [
    'feature-gates',
    'AllAlpha=false,ComponentFlagz=0',
    'featureGates',
    { AllAlpha: false, ComponentFlagz: false },
  ],
  ['healthz-bind-address', '1.2.3.4', 'healthzBindAddress', '1.2.3.4:10256'],
  ['hostname-override', 'N1', 'hostnameOverride', 'n1'],
  ['iptables-localhost-nodeports', 'false', 'iptables.localhostNodePorts', false],
  ['iptables-masquerade-bit', '0', 'iptables.masqueradeBit', 0],
  ['iptables-min-sync-period', '0', 'iptables.minSyncPeriod', 0],
  ['iptables-min-sync-period', '5s', 'nftables.minSyncPeriod', 5, { 'proxy-mode': ['nftables'] }],
  ['iptables-sync-period', '40s', 'iptables.syncPeriod', 40],
  ['iptables-sync-period', '40s', 'nftables.syncPeriod', 40, { 'proxy-mode': ['nftables'] }],
  ['ipvs-exclude-cidrs', '10.0.0.0/8,fd00::/64', 'ipvs.excludeCIDRs', ['10.0.0.0/8', 'fd00::/64']],
  ['ipvs-min-sync-period', '2s', 'ipvs.minSyncPeriod', 2, { 'proxy-mode': ['ipvs'] }],
  ['ipvs-scheduler', 'wrr', 'ipvs.scheduler', 'wrr'],
  ['ipvs-strict-arp', 'true', 'ipvs.strictARP', true],
  ['ipvs-sync-period', '50s', 'ipvs.syncPeriod', 50, { 'proxy-mode': ['ipvs'] }],
  ['ipvs-tcp-timeout', '1s', 'ipvs.tcpTimeout', 1],
  ['ipvs-tcpfin-timeout', '2s', 'ipvs.tcpFinTimeout', 2],
  ['ipvs-udp-timeout', '3s', 'ipvs.udpTimeout', 3],
  ['kube-api-burst', '11', 'clientConnection.burst', 11],
  ['kube-api-content-type', 'application/json', 'clientConnection.contentType', 'application/json'],
  ['kube-api-qps', '2.5', 'clientConnection.qps', 2.5],
  ['kubeconfig', '/k', 'clientConnection.kubeconfig', '/k'],
  ['log-flush-frequency', '1s', 'logging.flushFrequency', 1],
  ['log-json-info-buffer-size', '0', 'logging.options.json.infoBufferSize', '0'],
  ['log-json-split-stream', 'false', 'logging.options.json.splitStream', false],
  ['log-text-info-buffer-size', '0', 'logging.options.text.infoBufferSize', '0'],
  ['log-text-split-stream', 'false', 'logging.options.text.splitStream', false],
  ['logging-format', 'json', 'logging.format', 'json'],
  ['masquerade-all', 'true', 'iptables.masqueradeAll', true],
  ['masquerade-all', 'true', 'nftables.masqueradeAll', true, { 'proxy-mode': ['nftables'] }],
  ['metrics-bind-address', '[::]', 'metricsBindAddress', '[::]:10249'],
  [
    'nodeport-addresses',
    '10.0.0.0/8,11.0.0.0/8',
    'nodePortAddresses',
    ['10.0.0.0/8', '11.0.0.0/8'],
  ],
  ['oom-score-adj', '0', 'oomScoreAdj', 0],
  ['pod-bridge-interface', 'cni0', 'detectLocal.bridgeInterface', 'cni0'],
  ['pod-interface-name-prefix', 'cali', 'detectLocal.interfaceNamePrefix', 'cali'],
  ['profiling', 'true', 'enableProfiling', true],
  ['proxy-mode', 'ipvs', 'mode', 'ipvs'],
  ['show-hidden-metrics-for-version', '1.35', 'showHiddenMetricsForVersion', '1.35'],
  ['v', '2', 'logging.verbosity', 2],
  [
    'vmodule',
    'main=4,api*=2',
    'logging.vmodule',
    [
      { filePattern: 'main', verbosity: 4 },
      { filePattern: 'api*', verbosity: 2 },
    ],
  ],
]

describe('flags of kube-proxy without a file', () => {
  it.each(FLAGS)('--%s=%s sets %s', (name, text, path, value, beside = {}) => {
    const configuration = fromFlags({ ...beside, [name]: [text] })
    expect(complaints(configuration)).toEqual([])
    expect(valueAt(configuration.kubeProxy, path)).toEqual(value)
    expect(configuration.provenance.get(path)).toEqual({ from: 'flag', at: `--${name}` })
  })

  it('are all in that list', () => {
    expect(new Set(FLAGS.map(([name]) => name))).toEqual(
      new Set(KUBE_PROXY_FLAGS.map(({ name }) => name)),
    )
  })

  it.each([
    ['conntrack-min', 'many', 'error --conntrack-min: conntrack.min is "many": write a number'],
    ['conntrack-min', '1.5', 'error --conntrack-min: conntrack.min is 1.5: write a whole number'],
    ['profiling', 'maybe', 'error --profiling: enableProfiling is "maybe": write true or false'],
    [
      'feature-gates',
      'AllAlpha',
      'error --feature-gates: featureGates is "AllAlpha": write names and values, such as A=true,B=false',
    ],
    [
      'feature-gates',
      'Nope=true',
      'error --feature-gates: featureGates.Nope is true: Kubernetes has no such feature gate; correct or remove it',
    ],
    [
      'vmodule',
      'main',
      'error --vmodule: logging.vmodule is "main": write patterns and levels, such as main=4,api=2',
    ],
    [
      'nodeport-addresses',
      '10.0.0.0/8,x',
      'error --nodeport-addresses: nodePortAddresses[1] is "x": write a range such as 10.0.0.0/8 or fd00::/64, or [primary]',
    ],
    [
      'cluster-cidr',
      'x',
      'error --cluster-cidr: clusterCIDR is "x": write a range such as 10.0.0.0/8 or fd00::/64',
    ],
    [
      'max-services',
      '0',
      'error --max-services: maxServices is 0: write a whole number between 1 and 2147483647',
    ],
    [
      'log-level',
      'loud',
      'error --log-level: logLevel is "loud": write "", trace, debug, info, warn, error or fatal',
    ],
    [
      'ipvs-sync-period',
      '1s',
      'warning --ipvs-sync-period does not count with --proxy-mode=""; remove it',
    ],
  ])('--%s=%s is answered by a sentence', (name, text, complaint) => {
    expect(complaints(fromFlags({ [name]: [text] }))).toEqual([complaint])
  })

  it('put lists together that are given in pieces', () => {
    const { nodePortAddresses } = fromFlags({
      'nodeport-addresses': ['10.0.0.0/8', '11.0.0.0/8,12.0.0.0/8'],
    }).kubeProxy
    expect(nodePortAddresses).toEqual(['10.0.0.0/8', '11.0.0.0/8', '12.0.0.0/8'])
  })

  it('have a default of their own for --ipvs-min-sync-period', () => {
    expect(fromFlags({ 'proxy-mode': ['ipvs'] }).kubeProxy.ipvs.minSyncPeriod).toBe(1)
    expect(fromFields('mode: ipvs').kubeProxy.ipvs.minSyncPeriod).toBe(0)
  })

  it.each([
    [{ 'healthz-bind-address': [''] }, undefined, 10_249],
    [{ 'metrics-bind-address': [''] }, 10_256, undefined],
    [{ 'healthz-port': ['0'] }, undefined, 10_249],
    [{ 'metrics-port': ['0'] }, 10_256, undefined],
    [{ 'healthz-port': ['80'], 'healthz-bind-address': ['1.2.3.4'] }, 80, 10_249],
    [{ 'healthz-port': ['80'], 'healthz-bind-address': ['1.2.3.4:81'] }, 81, 10_249],
  ])('switch servers off, or give them a port (CF-2): %j', (flags, healthz, metrics) => {
    const config = inForce(fromFlags(flags as FlagTexts))
    expect(config.healthz?.port).toBe(healthz)
    expect(config.metrics?.port).toBe(metrics)
  })

  it('--bind-address does not move the servers, as in kube-proxy', () => {
    const { healthz, metrics } = inForce(fromFlags({ 'bind-address': ['fd00::1'] }))
    expect([healthz?.host, metrics?.host]).toEqual(['0.0.0.0', '127.0.0.1'])
  })

  it('say that a deprecated port alone does nothing, as in kube-proxy', () => {
    expect(complaints(fromFlags({ 'healthz-port': ['80'] }))).toEqual([
      'warning healthzBindAddress: --healthz-port=80 needs an address beside it, as in kube-proxy; write --healthz-bind-address=0.0.0.0:80',
    ])
  })
})

describe('flags beside --config', () => {
  it.each(
    KUBE_PROXY_FLAGS.filter(({ always }) => !always).map(({ name }) => [
      name,
      FLAGS.find(([flag, , , , beside]) => flag === name && beside === undefined)?.[1] ?? '1s',
    ]),
  )('--%s=%s does not count, and a warning says so', (name, text) => {
    const configuration = fromFields('', { [name]: [text] })
    expect(complaints(configuration)).toEqual([
      expect.stringMatching(
        `^warning --${name} is ignored because --config is given; write .* in the file, or remove the flag$`,
      ),
    ])
    expect(configuration.kubeProxy).toEqual(fromFields('').kubeProxy)
  })

  it.each([
    ['v', '5', 'logging.verbosity', 5],
    ['logging-format', 'json', 'logging.format', 'json'],
    ['hostname-override', 'flag', 'hostnameOverride', 'flag'],
  ])('--%s=%s wins over the file', (name, text, path, value) => {
    const file = 'logging: {verbosity: 1, format: text}\nhostnameOverride: file'
    const configuration = fromFields(file, { [name]: [text] })
    expect(complaints(configuration)).toEqual([])
    expect(valueAt(configuration.kubeProxy, path)).toEqual(value)
  })

  it('of our own win over the file', () => {
    const file = `${HEAD}---\napiVersion: kproxy.dev/v1alpha1\nkind: KproxyConfiguration\nmaxServices: 9\nsocket: /file\n`
    const configuration = fromFields(file.slice(HEAD.length), { 'max-services': ['10'] })
    expect(configuration.kproxy).toMatchObject({ maxServices: 10, socket: '/file' })
    expect(configuration.provenance.get('maxServices')).toEqual({
      from: 'flag',
      at: '--max-services',
    })
    expect(configuration.provenance.get('socket')).toEqual({ from: 'file', at: 'f:7:1' })
  })

  it.each(OTHER_FLAGS.map(({ name, always }) => [name, always === true]))(
    '--%s without a field counts: %s',
    (name, counts) => {
      const found = complaints(fromFields('', { [name]: ['0'] }))
      expect(found).toEqual(
        counts ? [] : [`warning --${name} is ignored because --config is given; remove it`],
      )
    },
  )
})

describe('settings that contradict each other', () => {
  it('--node-name and --hostname-override', () => {
    expect(complaints(fromFlags({ 'node-name': ['a'], 'hostname-override': ['b'] }))).toEqual([
      'error --node-name is "a" and --hostname-override is "b": give one of them',
    ])
    expect(complaints(fromFlags({ 'node-name': ['a'], 'hostname-override': ['a'] }))).toEqual([])
  })

  it('an empty --node-name; an empty --hostname-override says nothing, as in kube-proxy', () => {
    expect(complaints(fromFlags({ 'node-name': [''] }))).toEqual([
      'error --node-name is empty: give the name of this Node object',
    ])
    expect(complaints(fromFlags({ 'hostname-override': [''] }))).toEqual([])
  })

  it('two places to take Services from', () => {
    expect(complaints(fromFlags({ manifests: ['/m'], kubeconfig: ['/k'] }))).toEqual([
      'error --manifests: manifests is "/m" and clientConnection.kubeconfig is "/k": remove one of them',
    ])
    const beside = fromFields('clientConnection: {kubeconfig: /k}', { manifests: ['/m'] })
    expect(complaints(beside)).toEqual([
      'warning --manifests: manifests is "/m" and clientConnection.kubeconfig is "/k": the manifests are served, not the cluster',
    ])
    expect(inForce(beside).origin).toEqual({ kind: 'manifests', directory: '/m' })
  })

  it('a flag that does nothing here, and one that does', () => {
    expect(notices(fromFlags({ 'boot-id-file': ['/x'] }))).toContain('--boot-id-file has no effect')
  })
})
