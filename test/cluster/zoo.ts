import type { ApiClient } from './api.ts'
import { createNode, createService } from './objects.ts'

const ZONE = 'zone-1'

/**
 * Creates objects that between them set every field a proxy reads, and leave every optional one out
 * somewhere: what a decoder can get wrong is in here.
 */
export async function populateZoo(client: ApiClient): Promise<void> {
  await Promise.all([
    ...SERVICES.map((object) => createService(client, object)),
    ...SLICES.map((slice) =>
      client.create('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', slice),
    ),
  ])
  await client.patch('/api/v1/namespaces/default/services/balanced/status', {
    status: {
      loadBalancer: {
        ingress: [
          { ip: '192.0.2.10' },
          { ip: '2001:db8::10', ipMode: 'Proxy' },
          { hostname: 'lb.example.org' },
        ],
      },
    },
  })
  await createNode(client, {
    name: 'zoo-node',
    addresses: ['172.20.0.77', 'fd00:20::77'],
    podCIDRs: ['10.244.77.0/24', 'fd00:10:244:77::/64'],
    labels: { 'topology.kubernetes.io/zone': ZONE },
  })
  await client.patch('/api/v1/nodes/zoo-node', {
    spec: {
      taints: [
        { key: 'ToBeDeletedByClusterAutoscaler', value: '1', effect: 'NoSchedule' },
        { key: 'bare', effect: 'NoExecute' },
      ],
    },
  })
}

const SERVICES = [
  {
    metadata: { name: 'plain' },
    spec: { selector: { app: 'x' }, ports: [{ port: 80 }] },
  },
  {
    metadata: {
      name: 'full',
      labels: { app: 'full', 'service.kubernetes.io/service-proxy-name': 'another' },
      annotations: {
        'kproxy.dev/scheduler': 'maglev',
        'kproxy.dev/text': 'größer als ASCII: 漢字 🙂',
        'service.kubernetes.io/topology-mode': 'Auto',
        'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-02T03:04:05Z',
        long: 'x'.repeat(10_000),
      },
    },
    spec: {
      type: 'NodePort',
      ipFamilyPolicy: 'RequireDualStack',
      ipFamilies: ['IPv6', 'IPv4'],
      internalTrafficPolicy: 'Local',
      externalTrafficPolicy: 'Local',
      externalIPs: ['198.51.100.7', '2001:db8::7'],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 86400 } },
      trafficDistribution: 'PreferSameZone',
      publishNotReadyAddresses: true,
      ports: [
        { name: 'web', port: 80, targetPort: 'http', nodePort: 30080, appProtocol: 'http' },
        { name: 'dns', port: 53, protocol: 'UDP', nodePort: 32767 },
        { name: 'assoc', port: 65535, protocol: 'SCTP' },
      ],
    },
  },
  {
    metadata: { name: 'balanced' },
    spec: {
      type: 'LoadBalancer',
      ipFamilyPolicy: 'PreferDualStack',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 31234,
      loadBalancerSourceRanges: ['203.0.113.0/24', '2001:db8:1::/48'],
      ports: [{ port: 443 }],
    },
  },
  {
    metadata: { name: 'no-node-ports' },
    spec: {
      type: 'LoadBalancer',
      allocateLoadBalancerNodePorts: false,
      sessionAffinity: 'ClientIP',
      ports: [{ port: 1 }],
    },
  },
  {
    metadata: { name: 'headless' },
    spec: { clusterIP: 'None', ports: [{ port: 80 }] },
  },
  { metadata: { name: 'headless-without-ports' }, spec: { clusterIP: 'None' } },
  {
    metadata: { name: 'external' },
    spec: { type: 'ExternalName', externalName: 'example.org' },
  },
]

const SLICES = [
  {
    metadata: { name: 'bare' },
    addressType: 'IPv4',
    ports: null,
    endpoints: null,
  },
  {
    metadata: {
      name: 'v4',
      labels: {
        'kubernetes.io/service-name': 'plain',
        'service.kubernetes.io/headless': '',
        'endpointslice.kubernetes.io/managed-by': 'zoo',
      },
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-02T03:04:05.6Z' },
    },
    addressType: 'IPv4',
    ports: [
      { name: 'web', protocol: 'TCP', port: 65535, appProtocol: 'http' },
      { name: 'any' },
      { port: 53, protocol: 'UDP' },
    ],
    endpoints: [
      { addresses: ['10.1.0.1'] },
      { addresses: ['10.1.0.2', '10.1.0.3'], conditions: {} },
      { addresses: ['10.1.0.4'], conditions: { ready: false } },
      { addresses: ['10.1.0.5'], conditions: { ready: true, serving: false, terminating: true } },
      { addresses: ['10.1.0.6'], conditions: { ready: false, serving: true, terminating: true } },
      {
        addresses: ['10.1.0.7'],
        conditions: { ready: true, serving: true, terminating: false },
        hostname: 'seven',
        nodeName: 'n1',
        zone: ZONE,
        targetRef: {
          kind: 'Pod',
          namespace: 'default',
          name: 'seven',
          uid: '00000000-0000-4000-8000-000000000007',
        },
        hints: { forZones: [{ name: ZONE }, { name: 'b' }], forNodes: [{ name: 'n1' }] },
        deprecatedTopology: { 'kubernetes.io/arch': 'amd64' },
      },
      { addresses: ['10.1.0.8'], hints: {} },
      { addresses: ['10.1.0.9'], hints: { forZones: [] } },
      { addresses: ['10.1.0.10'], targetRef: { kind: 'Node', name: 'n2' } },
    ],
  },
  {
    metadata: { name: 'v6', labels: { 'kubernetes.io/service-name': 'full' } },
    addressType: 'IPv6',
    ports: [{ name: '', port: 80 }],
    endpoints: [{ addresses: ['fd00::1'], nodeName: 'n2' }],
  },
  {
    metadata: { name: 'names', labels: { 'kubernetes.io/service-name': 'full' } },
    addressType: 'FQDN',
    ports: [{ name: 'web', port: 80 }],
    endpoints: [{ addresses: ['backend.example.org'] }],
  },
]
