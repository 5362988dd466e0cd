import fc from 'fast-check'
import type { Plain } from './protobuf-codec.ts'

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 80 }))
const label = fc.constantFrom(
  'kubernetes.io/service-name',
  'service.kubernetes.io/headless',
  'service.kubernetes.io/service-proxy-name',
  'topology.kubernetes.io/zone',
  'app',
)
const annotation = fc.constantFrom(
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kproxy.dev/anything',
  'kubectl.kubernetes.io/last-applied-configuration',
)
const name = fc.string({ minLength: 1, maxLength: 20 })
/** Of an object. A slash in it is an error. */
const objectName = name.map((text) => text.replaceAll('/', '-'))
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const protocol = fc.constantFrom('TCP', 'UDP', 'SCTP', '')
const policy = fc.constantFrom('Cluster', 'Local', '')
const time = fc
  .integer({ min: 0, max: 4_000_000_000 })
  .map((seconds) => new Date(seconds * 1e3).toISOString())

/** An object of which any optional field may be absent. */
const some = (fields: Record<string, fc.Arbitrary<unknown>>, required: string[] = []) =>
  fc.record(fields, { requiredKeys: required }) as fc.Arbitrary<Plain>

const metadata = some(
  {
    name: objectName,
    namespace: objectName,
    generateName: text,
    uid: text,
    resourceVersion: text,
    generation: fc.nat(),
    creationTimestamp: time,
    deletionTimestamp: time,
    labels: fc.dictionary(label, text),
    annotations: fc.dictionary(annotation, text),
    finalizers: fc.array(text),
  },
  ['name', 'namespace'],
)

const servicePort = some(
  {
    name: text,
    protocol,
    port: int32,
    targetPort: some({ type: fc.nat(1), intVal: int32, strVal: text }),
    nodePort: int32,
    appProtocol: text,
  },
  ['port'],
)

export const arbitraryService = some(
  {
    metadata,
    spec: some({
      ports: fc.array(servicePort, { maxLength: 4 }),
      selector: fc.dictionary(text, text),
      clusterIP: fc.constantFrom('10.0.0.1', 'fd00::1', 'None', ''),
      type: fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName', ''),
      externalIPs: fc.array(text, { maxLength: 3 }),
      sessionAffinity: fc.constantFrom('None', 'ClientIP', ''),
      loadBalancerSourceRanges: fc.array(text, { maxLength: 3 }),
      externalTrafficPolicy: policy,
      healthCheckNodePort: int32,
      publishNotReadyAddresses: fc.boolean(),
      sessionAffinityConfig: some({ clientIP: some({ timeoutSeconds: int32 }) }),
      ipFamilyPolicy: text,
      clusterIPs: fc.array(fc.constantFrom('10.0.0.1', 'fd00::1', 'None'), { maxLength: 2 }),
      ipFamilies: fc.array(fc.constantFrom('IPv4', 'IPv6'), { maxLength: 2 }),
      internalTrafficPolicy: policy,
      trafficDistribution: text,
    }),
    status: some({
      loadBalancer: some({
        ingress: fc.array(some({ ip: text, hostname: text, ipMode: text }), { maxLength: 3 }),
      }),
    }),
  },
  ['metadata'],
)

const hints = fc.array(some({ name }, ['name']), { maxLength: 3 })

const endpoint = some(
  {
    addresses: fc.array(text, { maxLength: 2 }),
    conditions: some({
      ready: fc.boolean(),
      serving: fc.boolean(),
      terminating: fc.boolean(),
    }),
    hostname: text,
    targetRef: some({ kind: text, namespace: text, name: text, uid: text }),
    deprecatedTopology: fc.dictionary(text, text),
    nodeName: text,
    zone: text,
    hints: some({ forZones: hints, forNodes: hints }),
  },
  [],
)

export const arbitraryEndpointSlice = some(
  {
    metadata,
    endpoints: fc.array(endpoint, { maxLength: 5 }),
    ports: fc.array(some({ name: text, protocol, port: int32, appProtocol: text }), {
      maxLength: 3,
    }),
    addressType: fc.constantFrom('IPv4', 'IPv6', 'FQDN'),
  },
  ['metadata', 'addressType'],
)

export const arbitraryServiceCIDR = some(
  {
    metadata: metadata.map(({ namespace: _, ...rest }) => rest),
    spec: some({ cidrs: fc.array(text, { maxLength: 3 }) }),
    status: some({
      conditions: fc.array(some({ type: text, status: text }), { maxLength: 2 }),
    }),
  },
  ['metadata'],
)

export const arbitraryNode = some(
  {
    metadata: metadata.map(({ namespace: _, ...rest }) => rest),
    spec: some({
      podCIDR: text,
      providerID: text,
      unschedulable: fc.boolean(),
      taints: fc.array(some({ key: name, value: text, effect: text }, ['key']), { maxLength: 3 }),
      podCIDRs: fc.array(text, { maxLength: 2 }),
    }),
    status: some({
      phase: text,
      addresses: fc.array(some({ type: name, address: name }, ['type', 'address']), {
        maxLength: 3,
      }),
    }),
  },
  ['metadata'],
)
