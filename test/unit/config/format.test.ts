import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration } from '../../../control/config/duration.ts'
import { toYaml } from '../../../control/config/format.ts'
import { fromFile, HEAD, inForce } from './configure.ts'

const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8')

describe('configurations as others write them (DP-1, DP-2)', () => {
  it.each(['kubeadm.conf', 'kind.conf', 'kind-rootless-ipv6.conf'])(
    '%s starts kproxy as it is',
    async (name) => {
      const configuration = fromFile(fixture(name))
      const severities = new Set(configuration.problems.map(({ severity }) => severity))
      expect(severities.difference(new Set(['notice']))).toEqual(new Set())
      expect(inForce(configuration).mode).toBe('ebpf')
      const golden = `${name.replace('.conf', '')}.effective.yaml`
      await expect(toYaml(configuration)).toMatchFileSnapshot(`fixtures/${golden}`)
    },
  )

  it('say in a notice what kind asks for and does not get', () => {
    const { problems } = fromFile(fixture('kind.conf'))
    expect(problems.map(({ message }) => message)).toEqual([
      'mode is "iptables": kproxy runs its eBPF mode in place of kube-proxy\'s iptables mode',
      'nodePortAddresses is not set, so NodePorts belong to every address of this node: write [primary] for its own addresses alone',
    ])
  })
})

const seconds = fc.integer({ min: 1, max: 90_000 }).map(formatDuration)
const cidr = fc.constantFrom('10.0.0.0/8', '192.168.0.0/16', 'fd00::/64', '0.0.0.0/0')
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

/** Valid fields, any of which may be missing. */
const fields = fc.record(
  {
    mode: fc.constantFrom('', 'ebpf', 'iptables', 'ipvs', 'nftables'),
    bindAddress: fc.constantFrom('0.0.0.0', '::', '10.0.0.1', 'fd00::1'),
    healthzBindAddress: fc.constantFrom('', '1.2.3.4', '[::]:80', '::1'),
    metricsBindAddress: fc.constantFrom('', '127.0.0.1:9', 'fd00::2'),
    hostnameOverride: fc.constantFrom('', 'n1', 'a.b'),
    enableProfiling: fc.boolean(),
    oomScoreAdj: fc.integer({ min: -1000, max: 1000 }),
    clusterCIDR: fc.constantFrom('', '10.0.0.0/8', '10.0.0.0/8,fd00::/64'),
    nodePortAddresses: fc.oneof(fc.constant(['primary']), fc.array(cidr)),
    featureGates: fc.dictionary(fc.constantFrom('AllAlpha', 'ComponentFlagz'), fc.boolean()),
    iptables: fc.record(
      {
        masqueradeBit: fc.integer({ min: 0, max: 31 }),
        localhostNodePorts: fc.boolean(),
        syncPeriod: fc.constantFrom('100000s', '28h', '90001500ms'),
        minSyncPeriod: seconds,
      },
      { requiredKeys: ['syncPeriod'] },
    ),
    conntrack: fc.record(
      {
        maxPerCore: fc.nat(100_000),
        min: fc.nat(100_000),
        tcpEstablishedTimeout: fc.oneof(seconds, fc.constant('0s')),
        udpTimeout: seconds,
      },
      { requiredKeys: [] },
    ),
    logging: fc.record(
      {
        verbosity: fc.nat(10),
        flushFrequency: fc.oneof(seconds, fc.integer({ min: 1e6, max: 1e10 })),
        vmodule: fc.array(fc.record({ filePattern: fc.constant('a*'), verbosity: fc.nat(9) })),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
)

const own = fc.record(
  {
    maxServices: fc.integer({ min: 1, max: 1e6 }),
    logLevel: fc.constantFrom('', 'debug', 'warn'),
    socket: optional(fc.constant('/run/s')),
  },
  { requiredKeys: [] },
)

describe('a printed configuration', () => {
  it('is the same configuration when it is read', { timeout: 30_000 }, () => {
    fc.assert(
      fc.property(fields, own, (kubeProxy, kproxy) => {
        const text = `${HEAD}${lines(kubeProxy)}---\napiVersion: kproxy.dev/v1alpha1\nkind: KproxyConfiguration\n${lines(kproxy)}`
        const written = fromFile(text)
        const printed = fromFile(toYaml(written))
        expect(printed.kubeProxy).toEqual(written.kubeProxy)
        expect(printed.kproxy).toEqual(written.kproxy)
        expect(printed.effective).toEqual(inForce(written))
      }),
      { numRuns: 100 },
    )
  })

  it('says of each value where it comes from', () => {
    const text = toYaml(fromFile(`${HEAD}mode: ipvs\nconntrack: {min: 5}\n`, { v: ['2'] }))
    const line = (start: string) => text.split('\n').find((line) => line.trim().startsWith(start))
    expect(line('mode:')).toBe('mode: ipvs # f:3:1')
    expect(line('min:')).toBe('  min: 5 # f:4:13')
    expect(line('verbosity:')).toBe('  verbosity: 2 # --v')
    expect(line('maxPerCore:')).toBe('  maxPerCore: 32768 # default')
  })
})

/** YAML takes JSON values. */
function lines(fields: object): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
    .join('')
}
