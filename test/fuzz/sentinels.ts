import type { StoredObject } from '../unit/source/fake-store.ts'

/**
 * A few Services as they should be, which live throughout and which nothing may disturb. They are older
 * than every other, so that whoever names their addresses must wait (TR-6).
 */
export const SENTINEL_CLUSTER_IPS = [
  ...['172.31.255.1', 'fd00:ffff::1', '172.31.255.2', '172.31.255.3', '172.31.255.4'],
]
export const SENTINEL_BALANCER = '203.0.113.44'
export const SENTINEL_EXTERNAL_IP = '198.51.100.44'
export const SENTINEL_NODE_PORT = 31_999
const [ONE, ONE_SIX, TWO, THREE, FOUR] = SENTINEL_CLUSTER_IPS

export const SENTINEL_NAMESPACE = 'sentinels'

const metadata = (name: string, labels = {}) => ({
  name,
  namespace: SENTINEL_NAMESPACE,
  uid: `uid-${name}`,
  resourceVersion: '7',
  creationTimestamp: '1970-01-01T00:00:01Z',
  labels,
})

const ports = [
  { name: 'http', protocol: 'TCP', port: 80 },
  { name: 'dns', protocol: 'UDP', port: 53 },
]

const slice = (name: string, owner: string, addressType: string, addresses: readonly string[]) => ({
  metadata: metadata(name, { 'kubernetes.io/service-name': owner }),
  addressType,
  ports: [
    { name: 'http', protocol: 'TCP', port: 8080 },
    { name: 'dns', protocol: 'UDP', port: 5353 },
  ],
  endpoints: addresses.map((address, index) => ({
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: index === 0 ? 'n1' : 'n2',
    targetRef: {
      kind: 'Pod',
      namespace: SENTINEL_NAMESPACE,
      name: `pod-${index}`,
      uid: `uid-${index}`,
    },
  })),
})

export const SENTINEL_SERVICES: readonly StoredObject[] = [
  {
    metadata: metadata('one'),
    spec: {
      type: 'ClusterIP',
      clusterIP: ONE,
      clusterIPs: [ONE, ONE_SIX],
      ipFamilies: ['IPv4', 'IPv6'],
      ports,
    },
  },
  {
    metadata: metadata('two'),
    spec: {
      type: 'NodePort',
      clusterIP: TWO,
      clusterIPs: [TWO],
      ipFamilies: ['IPv4'],
      sessionAffinity: 'ClientIP',
      ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: SENTINEL_NODE_PORT }],
    },
  },
  {
    metadata: {
      ...metadata('four'),
      annotations: { 'kproxy.dev/scheduler': 'mh' },
    },
    spec: {
      type: 'LoadBalancer',
      clusterIP: FOUR,
      clusterIPs: [FOUR],
      ipFamilies: ['IPv4'],
      externalIPs: [SENTINEL_EXTERNAL_IP],
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 31_234,
      loadBalancerSourceRanges: ['192.0.2.0/24', '198.18.0.0/15'],
      ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: SENTINEL_NODE_PORT + 1 }],
    },
    status: { loadBalancer: { ingress: [{ ip: SENTINEL_BALANCER, ipMode: 'VIP' }] } },
  },
  // Without endpoints: it must go on refusing.
  {
    metadata: metadata('three'),
    spec: { clusterIP: THREE, clusterIPs: [THREE], ipFamilies: ['IPv4'], ports },
  },
]

/** Two of their endpoints are such as hostile slices name, too. */
export const SENTINEL_SLICES: readonly StoredObject[] = [
  slice('one-4', 'one', 'IPv4', ['10.1.0.1', '10.1.0.2', '10.200.0.3']),
  slice('one-6', 'one', 'IPv6', ['fd00:1::1', 'fd00:200::2']),
  slice('four-4', 'four', 'IPv4', ['10.1.0.1', '10.200.0.6']),
  slice('two-4', 'two', 'IPv4', ['10.200.0.4', '10.200.0.5']),
]
