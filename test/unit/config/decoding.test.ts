import { describe, expect, it } from 'vitest'
import { complaints, fromFields, fromFile, HEAD, OWN_HEAD } from './configure.ts'

describe('a file that cannot be read as a configuration is refused (CF-3)', () => {
  it.each([
    [
      'a text for a number',
      'oomScoreAdj: "1"',
      'error f:3:1: oomScoreAdj is "1": write a whole number',
    ],
    [
      'a fraction',
      'conntrack:\n  min: 1.5',
      'error f:4:3: conntrack.min is 1.5: write a whole number',
    ],
    ['a number for a text', 'clusterCIDR: 10', 'error f:3:1: clusterCIDR is 10: write a string'],
    [
      'a text for a bool',
      'enableProfiling: "true"',
      'error f:3:1: enableProfiling is "true": write true or false',
    ],
    [
      'a number for a duration',
      'configSyncPeriod: 30',
      'error f:3:1: configSyncPeriod is 30: write a duration such as 30s or 1h15m',
    ],
    [
      'no duration',
      'iptables: {syncPeriod: 30sec}',
      'error f:3:12: iptables.syncPeriod is "30sec": write a duration such as 30s or 1h15m',
    ],
    [
      'a text for a list',
      'nodePortAddresses: primary',
      'error f:3:1: nodePortAddresses is "primary": write a list',
    ],
    [
      'a number in a list',
      'nodePortAddresses:\n- 10.0.0.0/8\n- 7',
      'error f:5:3: nodePortAddresses[1] is 7: write a string',
    ],
    [
      'a text for a section',
      'iptables: fast',
      'error f:3:1: iptables is "fast": write fields with values',
    ],
    [
      'a text for a gate',
      'featureGates: {AllAlpha: "on"}',
      'error f:3:16: featureGates.AllAlpha is "on": write true or false',
    ],
    [
      'a number out of range',
      'oomScoreAdj: 3000000000',
      'error f:3:1: oomScoreAdj is 3000000000: write a whole number between -2147483648 and 2147483647',
    ],
    ['a zero for a text', 'portRange: 0', 'error f:3:1: portRange is 0: write a string'],
    [
      'a negative verbosity',
      'logging: {verbosity: -1}',
      'error f:3:11: logging.verbosity is -1: write a whole number between 0 and 4294967295',
    ],
    [
      'a size that is none',
      'logging: {options: {json: {infoBufferSize: big}}}',
      'error f:3:28: logging.options.json.infoBufferSize is "big": write a size such as 512 or 1Ki',
    ],
    [
      'an address without quotes',
      'bindAddress: ::',
      'error f:3:14: Nested mappings are not allowed in compact mappings; correct the YAML',
    ],
    [
      'an alias to nowhere',
      'clusterCIDR: *pods',
      'error f:1:1: Unresolved alias (the anchor must be set before the alias): pods; correct the YAML',
    ],
  ])('%s', (_, fields, complaint) => {
    const configuration = fromFields(fields)
    expect(complaints(configuration)).toEqual([complaint])
    expect(configuration.effective).toBeUndefined()
  })

  it.each([
    [
      'nothing',
      '',
      'error f: the file has no configuration; write apiVersion: kubeproxy.config.k8s.io/v1alpha1 and kind: KubeProxyConfiguration',
    ],
    ['a list', '- a\n', 'error f:1:1: the document is not a mapping of fields; correct the YAML'],
    [
      'another kind',
      'apiVersion: v1\nkind: Pod\n',
      'error f:2:1: the document has apiVersion "v1", kind "Pod": write kubeproxy.config.k8s.io/v1alpha1 KubeProxyConfiguration, or kproxy.dev/v1alpha1 KproxyConfiguration',
    ],
    [
      'no kind',
      'mode: ""\n',
      'error f:1:1: the document has apiVersion missing, kind missing: write kubeproxy.config.k8s.io/v1alpha1 KubeProxyConfiguration, or kproxy.dev/v1alpha1 KproxyConfiguration',
    ],
    [
      'two of a kind',
      `${HEAD}---\n${HEAD}`,
      'error f:5:1: a second KubeProxyConfiguration; the first is at f:2:1, keep one of them',
    ],
  ])('%s', (_, text, complaint) => {
    expect(complaints(fromFile(text))).toEqual([complaint])
  })

  it('names every bad field at once, in the order of the file', () => {
    const found = complaints(
      fromFields('mode: fast\nconntrack: {min: -1, maxPerCore: x}\nbindAddress: 1.2.3'),
    )
    expect(found).toEqual([
      'error f:3:1: mode is "fast": write "", ebpf, iptables, ipvs or nftables',
      'error f:4:13: conntrack.min is -1: write a whole number of at least 0',
      'error f:4:22: conntrack.maxPerCore is "x": write a whole number',
      'error f:5:1: bindAddress is "1.2.3": write an IP address, such as 0.0.0.0 or "::"',
    ])
  })
})

describe('a file with fields that nobody knows is used without them (CF-3)', () => {
  it('warns of a misspelled field, and says what may be meant', () => {
    const configuration = fromFields('clusterCIRD: 10.0.0.0/8\nipvs:\n  sheduler: wrr')
    expect(complaints(configuration)).toEqual([
      'warning f:3:1: clusterCIRD is not a field of KubeProxyConfiguration: did you mean clusterCIDR? kproxy ignores it, as kube-proxy does',
      'warning f:5:3: ipvs.sheduler is not a field of KubeProxyConfiguration: did you mean scheduler? kproxy ignores it, as kube-proxy does',
    ])
    expect(configuration.effective).toMatchObject({
      scheduler: 'random',
      detectLocal: { cidrs: [] },
    })
  })

  it('warns of a field that is written twice, and takes the last', () => {
    const configuration = fromFields('mode: ipvs\nconntrack:\n  min: 1\n  min: 2\nmode: iptables')
    expect(complaints(configuration)).toEqual([
      'warning f:6:3: conntrack.min is written more than once: the last one counts; remove the others',
      'warning f:7:1: mode is written more than once: the last one counts; remove the others',
    ])
    expect(configuration.effective).toMatchObject({ proxyMode: 'iptables', conntrack: { min: 2 } })
  })

  it('is strict about its own document, which has no past', () => {
    expect(complaints(fromFile(`${OWN_HEAD}maxService: 5\nsocket: /a\nsocket: /b\n`))).toEqual([
      'error f:3:1: maxService is not a field of KproxyConfiguration: did you mean maxServices? remove it',
      'error f:5:1: socket is written more than once: remove one',
    ])
  })
})

describe('YAML as Kubernetes reads it', () => {
  it('takes yes, no, on, off, y and n for booleans, and dates and the like for texts', () => {
    const { kubeProxy } = fromFields(
      'enableProfiling: yes\nbindAddressHardFail: On\nipvs: {strictARP: off, scheduler: 2001-01-01}\nportRange: 1:30\noomScoreAdj: 010',
    )
    expect(kubeProxy).toMatchObject({
      ...{ enableProfiling: true, bindAddressHardFail: true, portRange: '1:30', oomScoreAdj: 8 },
      ipvs: { strictARP: false, scheduler: '2001-01-01' },
    })
    expect(complaints(fromFields('hostnameOverride: n'))).toEqual([
      'error f:3:1: hostnameOverride is false: write a string',
    ])
  })

  it('reads JSON, anchors and merge keys', () => {
    const json = JSON.stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      conntrack: { min: 7 },
    })
    expect(fromFile(json).kubeProxy.conntrack.min).toBe(7)
    const merged = fromFields('iptables: &p {syncPeriod: 40s}\nnftables:\n  <<: *p')
    expect(merged.kubeProxy.nftables.syncPeriod).toBe(40)
  })

  it('takes null for nothing written', () => {
    const { provenance, kubeProxy } = fromFields('conntrack: null\noomScoreAdj: null\nmode: ~')
    expect(kubeProxy).toMatchObject({ oomScoreAdj: -999, mode: '', conntrack: { min: 131_072 } })
    expect(provenance.get('oomScoreAdj')).toEqual({ from: 'default', at: '' })
  })

  it('puts both documents of a file together, in either order', () => {
    const one = `${HEAD}mode: ipvs\n`
    const other = `${OWN_HEAD}maxServices: 9\n`
    for (const text of [`${one}---\n${other}`, `---\n${other}---\n${one}---\n`]) {
      expect(fromFile(text).effective).toMatchObject({ proxyMode: 'ipvs', maxServices: 9 })
    }
  })
})
