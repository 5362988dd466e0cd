import { SCHEDULERS } from '../../control/model/scheduler.ts'
import type { Kind } from '../../control/source/objects.ts'
import type { Plain } from '../unit/source/protobuf-codec.ts'
import type { Random } from './random.ts'
import {
  SENTINEL_BALANCER,
  SENTINEL_CLUSTER_IPS,
  SENTINEL_EXTERNAL_IP,
  SENTINEL_NAMESPACE,
  SENTINEL_NODE_PORT,
} from './sentinels.ts'

/** Objects that are encoded as they should be and make no sense, or too much of it. */

/** Few enough that the objects meet, collide and replace each other. */
const NAMES = Array.from({ length: 12 }, (_, index) => `hostile-${index}`)
const LONG = 'n'.repeat(10_000)
/** One reads like the key of a sentinel. */
const BAD_NAMES = [LONG, 'a/b', '/', '..', 'ü', `${SENTINEL_NAMESPACE}/one`]

const CLUSTER_IPS = [
  ...['10.96.0.1', '10.96.0.2', '10.96.0.3', '010.96.0.4', 'fd00:10:96::1', '::ffff:10.96.0.5'],
  ...['0.0.0.0', '127.0.0.1', '255.255.255.255', '224.0.0.1', 'fe80::1%eth0', '::', '10.96.0'],
  ...['None', '', 'x', '10.96.0.1/32', ...SENTINEL_CLUSTER_IPS],
]
/** What a stronger class of address wins is no disturbance (TR-6): these stand where they must lose. */
const BALANCERS = [...CLUSTER_IPS, SENTINEL_BALANCER]
const EXTERNAL_IPS = [...BALANCERS, SENTINEL_EXTERNAL_IP]
const ENDPOINTS = [
  ...['10.0.0.1', '10.0.0.1', '10.0.0.2', '010.0.0.2', 'fd00::1', 'fd00:0::1', '::ffff:10.0.0.1'],
  ...['169.254.0.1', '127.0.0.1', '0.0.0.0', '::1', '', 'x', 'www.example.org', '10.0.0.300'],
  ...['10.1.0.1', '10.1.0.2', 'fd00:1::1'],
]
const PORTS = [80, 80, 443, 8080, 0, 1, 65_535, 65_536, -1, 2 ** 31 - 1, -(2 ** 31)]
const PROTOCOLS = ['TCP', 'TCP', 'UDP', 'SCTP', '', 'tcp', 'ICMP']
const PORT_NAMES = ['', '', 'http', 'HTTP', 'p/TCP/4', ':', LONG]
const POLICIES = ['Cluster', 'Local', '', 'Sometimes']
/** Before and after the sentinels, as far as such times can be. */
const TIMES = [
  '1969-12-31T23:59:59Z',
  '0001-01-01T00:00:00Z',
  '1970-01-01T00:00:00Z',
  '2026-01-01T00:00:00Z',
]
const RANGES = ['10.0.0.0/8', '0.0.0.0/0', '::/0', '10.0.0.0/33', '', ' ', '1.2.3.4', 'x/8']

export function absurdObject(kind: Kind, random: Random): Plain {
  switch (kind) {
    case 'Service':
      return service(random)
    case 'EndpointSlice':
      return slice(random)
    case 'Node':
      return node(random)
    case 'ServiceCIDR':
      return {
        metadata: metadata(random),
        spec: { cidrs: random.some(5, () => random.pick(RANGES)) },
      }
  }
}

/** Mostly few; once in a while as many as no cluster has. */
function many<T>(few: number, most: number, random: Random, make: (index: number) => T): T[] {
  if (!random.oneIn(most / 4 + 100)) return random.some(few, make)
  return Array.from({ length: most }, (_, index) => make(index))
}

/** Absent, or not. */
function maybe<T>(random: Random, key: string, value: T): Record<string, T> {
  return random.oneIn(3) ? {} : { [key]: value }
}

function metadata(random: Random, extra: Plain = {}): Plain {
  return {
    name: random.pick(random.oneIn(40) ? BAD_NAMES : NAMES),
    namespace: random.oneIn(20) ? random.pick(['', '', LONG, 'a/b']) : 'default',
    uid: random.pick(['', 'not-a-uuid', '01234567-89ab-cdef-0123-456789abcdef', LONG]),
    resourceVersion: random.pick(['', '1', '2', 'x', '18446744073709551616']),
    ...maybe(random, 'creationTimestamp', random.pick(TIMES)),
    ...(random.oneIn(8) && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    ...extra,
  }
}

function service(random: Random): Plain {
  const addresses = () => random.pick(CLUSTER_IPS)
  const policy = () => random.pick(random.oneIn(20) ? POLICIES : POLICIES.slice(0, 3))
  const annotations = maybe(random, 'kproxy.dev/scheduler', random.pick([...SCHEDULERS, 'x', LONG]))
  return {
    metadata: metadata(random, { annotations }),
    spec: {
      type: random.pick(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', '', 'X']),
      clusterIP: addresses(),
      clusterIPs: random.some(3, addresses),
      ipFamilies: random.some(3, () => random.pick(['IPv4', 'IPv6', 'IPv4', 'IPv5', ''])),
      ports: many(4, 100, random, (index) => ({
        name: random.oneIn(2) ? `p${index}` : random.pick(PORT_NAMES),
        protocol: random.pick(PROTOCOLS),
        port: random.oneIn(2) ? index + 1 : random.pick(PORTS),
        nodePort: random.oneIn(4)
          ? random.pick([...PORTS, SENTINEL_NODE_PORT, SENTINEL_NODE_PORT + 1])
          : 0,
      })),
      externalIPs: many(2, 100, random, () => random.pick(EXTERNAL_IPS)),
      loadBalancerSourceRanges: many(2, 100, random, () => random.pick(RANGES)),
      sessionAffinity: random.pick(['None', 'ClientIP', '']),
      ...maybe(random, 'sessionAffinityConfig', {
        clientIP: { timeoutSeconds: random.pick([0, 1, 86_400, 86_401, -1, 2 ** 31 - 1]) },
      }),
      internalTrafficPolicy: policy(),
      externalTrafficPolicy: policy(),
      healthCheckNodePort: random.pick(PORTS),
    },
    status: {
      loadBalancer: {
        ingress: many(2, 100, random, () => ({
          ip: random.pick(BALANCERS),
          ...maybe(random, 'ipMode', random.pick(['VIP', 'Proxy', ''])),
        })),
      },
    },
  }
}

function slice(random: Random): Plain {
  const owner = random.oneIn(20) ? random.pick(['', LONG, 'a/b']) : random.pick(NAMES)
  const labels = {
    ...(!random.oneIn(20) && { 'kubernetes.io/service-name': owner }),
    ...(random.oneIn(20) && { 'service.kubernetes.io/headless': '' }),
  }
  return {
    metadata: metadata(random, { labels }),
    addressType: random.pick(['IPv4', 'IPv4', 'IPv4', 'IPv6', 'FQDN', 'ipv4', '']),
    ports: many(3, 100, random, (index) => ({
      ...maybe(random, 'name', random.oneIn(2) ? `p${index}` : random.pick(PORT_NAMES)),
      protocol: random.pick(PROTOCOLS),
      ...maybe(random, 'port', random.oneIn(2) ? index + 1 : random.pick(PORTS)),
    })),
    endpoints: many(6, 10_000, random, (index) => endpoint(index, random)),
  }
}

function endpoint(index: number, random: Random): Plain {
  const own = `10.${index >>> 16}.${(index >>> 8) & 255}.${index & 255}`
  const hint = () => ({ name: random.pick(['a', 'b', '', LONG]) })
  return {
    addresses: random.oneIn(20) ? [] : [random.oneIn(2) ? own : random.pick(ENDPOINTS), 'second'],
    conditions: {
      ...maybe(random, 'ready', random.oneIn(2)),
      ...maybe(random, 'serving', random.oneIn(2)),
      ...maybe(random, 'terminating', random.oneIn(2)),
    },
    ...maybe(random, 'nodeName', random.pick(['n1', 'n2', '', 'n1 '])),
    ...maybe(random, 'zone', random.pick(['a', 'b', ''])),
    ...(random.oneIn(4) && {
      targetRef: { namespace: 'default', name: random.pick(['p', '', 'ü', LONG]), uid: 'x' },
    }),
    ...(random.oneIn(8) && {
      hints: { forZones: random.some(3, hint), forNodes: random.some(3, hint) },
    }),
  }
}

/** Now and then our own one, which every Service depends on. */
function node(random: Random): Plain {
  const labels = maybe(random, 'topology.kubernetes.io/zone', random.pick(['a', 'b', '', LONG]))
  return {
    metadata: metadata(random, { labels, ...(random.oneIn(2) && { name: 'n1' }) }),
    spec: {
      podCIDR: random.pick(RANGES),
      podCIDRs: random.some(4, () => random.pick(RANGES)),
      taints: many(2, 100, random, () => ({
        key: random.pick(['', 'a', LONG]),
        effect: 'NoSchedule',
      })),
    },
    status: {
      addresses: many(3, 100, random, () => ({
        type: random.pick(['InternalIP', 'ExternalIP', 'Hostname', '']),
        address: random.pick(ENDPOINTS),
      })),
    },
  }
}
