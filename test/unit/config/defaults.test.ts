import { describe, expect, it } from 'vitest'
import { toObject } from '../../../control/config/format.ts'
import { fromFields, fromFile, fromFlags, HEAD, inForce } from './configure.ts'

describe('defaults (kube-proxy.md 7.1)', () => {
  it('are those of kube-proxy', () => {
    expect(toObject(fromFile(HEAD).kubeProxy)).toEqual({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      featureGates: {},
      clientConnection: {
        kubeconfig: '',
        acceptContentTypes: '',
        contentType: 'application/vnd.kubernetes.protobuf',
        qps: 5,
        burst: 10,
      },
      logging: {
        format: 'text',
        flushFrequency: '5s',
        verbosity: 0,
        vmodule: [],
        options: {
          text: { splitStream: false, infoBufferSize: '0' },
          json: { splitStream: false, infoBufferSize: '0' },
        },
      },
      hostnameOverride: '',
      bindAddress: '0.0.0.0',
      healthzBindAddress: '0.0.0.0:10256',
      metricsBindAddress: '127.0.0.1:10249',
      bindAddressHardFail: false,
      enableProfiling: false,
      showHiddenMetricsForVersion: '',
      mode: '',
      iptables: {
        masqueradeBit: 14,
        masqueradeAll: false,
        localhostNodePorts: true,
        syncPeriod: '30s',
        minSyncPeriod: '1s',
      },
      ipvs: {
        syncPeriod: '30s',
        minSyncPeriod: '0s',
        scheduler: '',
        excludeCIDRs: [],
        strictARP: false,
        tcpTimeout: '0s',
        tcpFinTimeout: '0s',
        udpTimeout: '0s',
      },
      nftables: { masqueradeBit: 14, masqueradeAll: false, syncPeriod: '30s', minSyncPeriod: '1s' },
      winkernel: {
        networkName: '',
        sourceVip: '',
        enableDSR: false,
        rootHnsEndpointName: '',
        forwardHealthCheckVip: false,
      },
      detectLocalMode: 'ClusterCIDR',
      detectLocal: { bridgeInterface: '', interfaceNamePrefix: '' },
      clusterCIDR: '',
      nodePortAddresses: [],
      oomScoreAdj: -999,
      conntrack: {
        maxPerCore: 32_768,
        min: 131_072,
        tcpEstablishedTimeout: '24h0m0s',
        tcpCloseWaitTimeout: '1h0m0s',
        tcpBeLiberal: false,
        udpTimeout: '0s',
        udpStreamTimeout: '0s',
      },
      configSyncPeriod: '15m0s',
      portRange: '',
      windowsRunAsService: false,
    })
  })

  it('are the same without a file', () => {
    expect(fromFlags({}).kubeProxy).toEqual(fromFile(HEAD).kubeProxy)
  })

  it('replace a zero, as kubeadm writes it, but not where zero is a value', () => {
    const { kubeProxy, provenance } = fromFields(
      'configSyncPeriod: 0s\niptables: {minSyncPeriod: "0", syncPeriod: 0s, masqueradeBit: 0, localhostNodePorts: false}\n' +
        'clientConnection: {qps: 0, burst: 0}\noomScoreAdj: 0\nconntrack: {maxPerCore: 0, min: 0, tcpCloseWaitTimeout: 0s}',
    )
    expect(kubeProxy).toMatchObject({
      configSyncPeriod: 900,
      iptables: { minSyncPeriod: 1, syncPeriod: 30, masqueradeBit: 0, localhostNodePorts: false },
      clientConnection: { qps: 5, burst: 10 },
      oomScoreAdj: 0,
      conntrack: { maxPerCore: 0, min: 0, tcpCloseWaitTimeout: 0, tcpEstablishedTimeout: 86_400 },
    })
    expect(provenance.get('configSyncPeriod')?.from).toBe('default')
    expect(provenance.get('oomScoreAdj')).toEqual({ from: 'file', at: 'f:6:1' })
  })
})

describe('listen addresses (CF-2)', () => {
  it.each([
    ['', '0.0.0.0', 10_256, '127.0.0.1', 10_249],
    ['bindAddress: 10.0.0.1', '0.0.0.0', 10_256, '127.0.0.1', 10_249],
    ['bindAddress: "::"', '::', 10_256, '::1', 10_249],
    ['bindAddress: fd00::1', '::', 10_256, '::1', 10_249],
    ['bindAddress: "::ffff:10.0.0.1"', '0.0.0.0', 10_256, '127.0.0.1', 10_249],
    ['healthzBindAddress: ""\nmetricsBindAddress: ""', '0.0.0.0', 10_256, '127.0.0.1', 10_249],
    [
      'healthzBindAddress: 1.2.3.4\nmetricsBindAddress: 0.0.0.0',
      '1.2.3.4',
      10_256,
      '0.0.0.0',
      10_249,
    ],
    ['healthzBindAddress: 1.2.3.4:80\nmetricsBindAddress: "[::]:81"', '1.2.3.4', 80, '::', 81],
    ['healthzBindAddress: "::"\nmetricsBindAddress: "[::]"', '::', 10_256, '::', 10_249],
  ])('%j', (fields, host, port, metricsHost, metricsPort) => {
    const { healthz, metrics } = inForce(fromFields(fields))
    expect({ healthz, metrics }).toEqual({
      healthz: { host, port },
      metrics: { host: metricsHost, port: metricsPort },
    })
  })
})
