import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kproxyProgram } from '../lab/kproxy.ts'
import { fromFile, HEAD } from '../unit/config/configure.ts'
import { stockProgram } from './stock.ts'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kproxy-config-'))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, '../unit/config/fixtures', name), 'utf8')

interface Written {
  /** Whether the program took the configuration. */
  readonly taken: boolean
  /** What it wrote, as kproxy reads it. */
  readonly configuration: object | undefined
}

/** Lets a program read a configuration and write it with all defaults. */
function write(
  program: readonly string[],
  file: string | undefined,
  flags: readonly string[],
): Written {
  const [command = '', ...args] = program
  const output = join(directory, 'output.yaml')
  rmSync(output, { force: true })
  const input = join(directory, 'input.yaml')
  if (file !== undefined) writeFileSync(input, file)
  const config = file === undefined ? [] : ['--config', input]
  const { status } = spawnSync(command, [...args, ...config, ...flags, '--write-config-to', output])
  if (status !== 0) return { taken: false, configuration: undefined }
  return { taken: true, configuration: comparable(readFileSync(output, 'utf8')) }
}

/** kube-proxy writes its default mode out, no portRange, and zeros for the periods of modes not in force. */
function comparable(text: string): object {
  const { kubeProxy } = fromFile(text)
  const { iptables, ipvs, nftables, portRange: _, ...rest } = kubeProxy
  const mode = kubeProxy.mode || 'iptables'
  const periods = { iptables, ipvs, nftables }[mode as 'ipvs']
  const withoutPeriods = (section: object) => ({ ...section, syncPeriod: 0, minSyncPeriod: 0 })
  return {
    ...rest,
    mode,
    periods: [periods.syncPeriod, periods.minSyncPeriod],
    // CF-1: a mode's masqueradeAll alone reaches the other side.
    sections: [
      withoutPeriods({ ...iptables, masqueradeAll: mode !== 'nftables' && iptables.masqueradeAll }),
      withoutPeriods(ipvs),
      withoutPeriods({ ...nftables, masqueradeAll: mode === 'nftables' && nftables.masqueradeAll }),
    ],
  }
}

/** What kube-proxy and kproxy make of the same configuration. */
function both(file: string | undefined, flags: readonly string[] = []): [Written, Written] {
  return [
    write([stockProgram('kube-proxy')], file, flags),
    write([kproxyProgram, 'run'], file, flags),
  ]
}

describe('kproxy and kube-proxy make the same of a configuration', () => {
  test.each([
    ['kubeadm.conf', fixture('kubeadm.conf')],
    ['kind.conf', fixture('kind.conf')],
    ['kind-rootless-ipv6.conf', fixture('kind-rootless-ipv6.conf')],
    ['nothing written (defaults)', HEAD],
    [
      'zeros that are values and zeros that are not',
      `${HEAD}oomScoreAdj: 0\nconntrack: {min: 0, maxPerCore: 0, tcpEstablishedTimeout: 0s}\niptables: {masqueradeBit: 0, localhostNodePorts: false, syncPeriod: 0s}\nclientConnection: {qps: 0, burst: 0}\n`,
    ],
    [
      'addresses without ports (CF-2)',
      `${HEAD}bindAddress: fd00::1\nhealthzBindAddress: 1.2.3.4\nmetricsBindAddress: "::1"\n`,
    ],
    ['a v4-mapped bindAddress', `${HEAD}bindAddress: "::ffff:10.0.0.1"\n`],
    ['leading zeros (IN-9)', `${HEAD}bindAddress: 010.0.0.1\nclusterCIDR: 010.0.0.0/8\n`],
    [
      'periods of ipvs (CF-1)',
      `${HEAD}mode: ipvs\nipvs: {syncPeriod: 7s, minSyncPeriod: 2s, scheduler: wrr}\niptables: {masqueradeAll: true}\n`,
    ],
    [
      'periods of nftables (CF-1)',
      `${HEAD}mode: nftables\nnftables: {syncPeriod: 7s, minSyncPeriod: 2s, masqueradeAll: true}\n`,
    ],
    ['an unknown field (CF-3)', `${HEAD}clusterCIRD: 10.0.0.0/8\nmetadata: {name: config}\n`],
    ['a field written twice (CF-3)', `${HEAD}clusterCIDR: 10.0.0.0/8\nclusterCIDR: 11.0.0.0/8\n`],
    [
      'booleans of YAML 1.1',
      `${HEAD}enableProfiling: yes\nipvs: {strictARP: on}\nbindAddressHardFail: y\noomScoreAdj: 010\nwinkernel: {networkName: 1:30}\n`,
    ],
    ['logging', `${HEAD}logging: {format: json, verbosity: 3, flushFrequency: 7000000000}\n`],
    [
      'odd durations',
      `${HEAD}configSyncPeriod: 1h1m1.5s\nconntrack: {udpTimeout: 1500ms, udpStreamTimeout: .5m}\n`,
    ],
    [
      'our own document behind',
      `${HEAD}mode: ipvs\n---\napiVersion: kproxy.dev/v1alpha1\nkind: KproxyConfiguration\nmaxServices: 9\n`,
    ],
    [
      'winkernel',
      `${HEAD}winkernel: {networkName: net, enableDSR: true}\nwindowsRunAsService: true\nportRange: 1-2\n`,
    ],
  ])('file: %s', (_, file) => {
    const [theirs, ours] = both(file)
    expect(theirs.taken).toBe(true)
    expect(ours).toEqual(theirs)
  })

  test.each([
    [['--cluster-cidr=10.0.0.0/8,fd00::/64', '--detect-local-mode=NodeCIDR']],
    [['--proxy-mode=ipvs', '--ipvs-scheduler=sh', '--ipvs-sync-period=9s', '--masquerade-all']],
    [['--proxy-mode=ipvs']],
    [
      [
        '--proxy-mode=nftables',
        '--iptables-sync-period=9s',
        '--iptables-min-sync-period=3s',
        '--masquerade-all=true',
      ],
    ],
    [['--nodeport-addresses=10.0.0.0/8', '--nodeport-addresses', '11.0.0.0/8,fd00::/64']],
    [
      [
        '--feature-gates=AllAlpha=false,ComponentFlagz=f',
        '-v=3',
        '--vmodule=a=1,b*=2',
        '--profiling=1',
      ],
    ],
    [
      [
        '--v',
        '2',
        '--conntrack-min=0x10',
        '--conntrack-tcp-timeout-established=0',
        '--oom-score-adj=-5',
      ],
    ],
    [
      [
        '--hostname-override= Node-1 ',
        '--kube-api-qps=1.5',
        '--kube-api-burst=7',
        '--kubeconfig=/k',
      ],
    ],
    [['--log-flush-frequency=9s', '--logging-format=json', '--conntrack-tcp-be-liberal=T']],
    [
      [
        '--iptables-localhost-nodeports=false',
        '--iptables-masquerade-bit=0',
        '--bind-address=fd00::1',
      ],
    ],
  ])('flags: %j', (flags) => {
    const [theirs, ours] = both(undefined, flags)
    expect(theirs.taken).toBe(true)
    expect(ours).toEqual(theirs)
  })

  test('flags beside a file', () => {
    const flags = [
      '--cluster-cidr=11.0.0.0/8',
      '-v=4',
      '--hostname-override=x',
      '--proxy-mode=ipvs',
    ]
    const [theirs, ours] = both(`${HEAD}clusterCIDR: 10.0.0.0/8\nlogging: {verbosity: 1}\n`, flags)
    expect(theirs.taken).toBe(true)
    expect(ours).toEqual(theirs)
  })

  test.each([
    'mode: userspace',
    'mode: 1',
    'bindAddress: ::',
    'bindAddress: localhost',
    'oomScoreAdj: "1"',
    'oomScoreAdj: 1001',
    'configSyncPeriod: -1s',
    'iptables: {syncPeriod: 1s, minSyncPeriod: 2s}',
    'iptables: {masqueradeBit: 32}',
    'healthzBindAddress: 1.2.3.4:0',
    'metricsBindAddress: localhost:1',
    'nodePortAddresses: [primary, 10.0.0.0/8]',
    'nodePortAddresses: [10.0.0.0/33]',
    'clusterCIDR: 10.0.0.0/8,11.0.0.0/8',
    'clusterCIDR: "10.0.0.0/8, fd00::/64"',
    'detectLocalMode: Magic',
    'detectLocalMode: BridgeInterface',
    'conntrack: {min: -1}',
    'conntrack: {udpTimeout: -1s}',
    'mode: ipvs\nipvs: {excludeCIDRs: [x]}',
    'clientConnection: {burst: -1}',
    'featureGates: {Nope: true}',
    'featureGates: {PreferSameTrafficDistribution: false}',
    'logging: {format: xml}',
    'logging: {options: {json: {infoBufferSize: 1Ki}}}',
    'hostnameOverride: n',
    'showHiddenMetricsForVersion: abc',
    'kind: Pod',
  ])('both refuse %j (CF-3, CF-4)', (fields) => {
    const head = fields.startsWith('kind') ? 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\n' : HEAD
    const [theirs, ours] = both(`${head}${fields}\n`)
    expect({ theirs: theirs.taken, ours: ours.taken }).toEqual({ theirs: false, ours: false })
  })
})
