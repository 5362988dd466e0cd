import type { LoadBalancerIngress, ObjectMeta, Service, ServicePort } from '../../objects.ts'
import type { StringPool } from '../../string-pool.ts'
import {
  affinitySeconds,
  clusterAddresses,
  DEFAULT_PROTOCOL,
  DEFAULT_SERVICE_TYPE,
  loadBalancerIngress,
  sessionAffinity,
  trafficPolicy,
} from '../defaults.ts'
import { decodeMetadata, named } from './metadata.ts'
import { checkEnd, messageEnd, type Reader, sharedString } from './reader.ts'

/** Reads the fields of a v1 Service that a proxy uses, up to `end`. */
export function decodeService(reader: Reader, end: number, pool: StringPool): Service {
  let metadata: ObjectMeta | undefined
  let spec = EMPTY_SPEC
  const ingress: LoadBalancerIngress[] = []
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) metadata = decodeMetadata(reader, pool)
    else if (tag === 18) spec = decodeSpec(reader, pool)
    else if (tag === 26) decodeStatus(reader, pool, ingress)
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  const affinity = sessionAffinity(spec.sessionAffinity, ['spec', 'sessionAffinity'])
  return {
    kind: 'Service',
    metadata: named(metadata),
    type: spec.type || DEFAULT_SERVICE_TYPE,
    ...clusterAddresses(spec),
    ports: spec.ports,
    externalIPs: spec.externalIPs,
    loadBalancerIngress: ingress,
    loadBalancerSourceRanges: spec.loadBalancerSourceRanges,
    internalTrafficPolicy: trafficPolicy(spec.internalTrafficPolicy, [
      'spec',
      'internalTrafficPolicy',
    ]),
    externalTrafficPolicy: trafficPolicy(spec.externalTrafficPolicy, [
      'spec',
      'externalTrafficPolicy',
    ]),
    healthCheckNodePort: spec.healthCheckNodePort,
    sessionAffinity: affinity,
    sessionAffinitySeconds: affinitySeconds(affinity, spec.affinityTimeout),
  }
}

interface Spec {
  ports: ServicePort[]
  clusterIP: string
  clusterIPs: string[]
  ipFamilies: string[]
  type: string
  externalIPs: string[]
  sessionAffinity: string
  affinityTimeout: number | undefined
  loadBalancerSourceRanges: string[]
  externalTrafficPolicy: string
  internalTrafficPolicy: string
  healthCheckNodePort: number
}

function emptySpec(): Spec {
  return {
    ports: [],
    clusterIP: '',
    clusterIPs: [],
    ipFamilies: [],
    type: '',
    externalIPs: [],
    sessionAffinity: '',
    affinityTimeout: undefined,
    loadBalancerSourceRanges: [],
    externalTrafficPolicy: '',
    internalTrafficPolicy: '',
    healthCheckNodePort: 0,
  }
}

const EMPTY_SPEC: Readonly<Spec> = Object.freeze(emptySpec())

function decodeSpec(reader: Reader, pool: StringPool): Spec {
  const end = messageEnd(reader)
  const spec = emptySpec()
  while (reader.pos < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        spec.ports.push(decodePort(reader, pool))
        break
      case 26:
        spec.clusterIP = reader.string()
        break
      case 34:
        spec.type = sharedString(reader, pool)
        break
      case 42:
        spec.externalIPs.push(reader.string())
        break
      case 58:
        spec.sessionAffinity = sharedString(reader, pool)
        break
      case 74:
        spec.loadBalancerSourceRanges.push(reader.string())
        break
      case 90:
        spec.externalTrafficPolicy = sharedString(reader, pool)
        break
      case 96:
        spec.healthCheckNodePort = reader.int32()
        break
      case 114:
        spec.affinityTimeout = decodeAffinityTimeout(reader)
        break
      case 146:
        spec.clusterIPs.push(reader.string())
        break
      case 154:
        spec.ipFamilies.push(sharedString(reader, pool))
        break
      case 178:
        spec.internalTrafficPolicy = sharedString(reader, pool)
        break
      default:
        reader.skipType(tag & 7)
    }
  }
  checkEnd(reader, end)
  // The first of the cluster IPs is the cluster IP: one string serves both.
  if (spec.clusterIPs[0] === spec.clusterIP) spec.clusterIP = spec.clusterIPs[0]
  return spec
}

function decodePort(reader: Reader, pool: StringPool): ServicePort {
  const end = messageEnd(reader)
  let name = ''
  let protocol = ''
  let port = 0
  let nodePort = 0
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) name = sharedString(reader, pool)
    else if (tag === 18) protocol = sharedString(reader, pool)
    else if (tag === 24) port = reader.int32()
    else if (tag === 40) nodePort = reader.int32()
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return { name, protocol: protocol || DEFAULT_PROTOCOL, port, nodePort }
}

/** SessionAffinityConfig.clientIP.timeoutSeconds. */
function decodeAffinityTimeout(reader: Reader): number | undefined {
  const end = messageEnd(reader)
  let timeout: number | undefined
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) timeout = decodeClientIP(reader)
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return timeout
}

function decodeClientIP(reader: Reader): number | undefined {
  const end = messageEnd(reader)
  let timeout: number | undefined
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 8) timeout = reader.int32()
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return timeout
}

/** ServiceStatus.loadBalancer.ingress. */
function decodeStatus(reader: Reader, pool: StringPool, ingress: LoadBalancerIngress[]): void {
  const end = messageEnd(reader)
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) decodeLoadBalancer(reader, pool, ingress)
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
}

function decodeLoadBalancer(
  reader: Reader,
  pool: StringPool,
  ingress: LoadBalancerIngress[],
): void {
  const end = messageEnd(reader)
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) ingress.push(decodeIngress(reader, pool))
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
}

function decodeIngress(reader: Reader, pool: StringPool): LoadBalancerIngress {
  const end = messageEnd(reader)
  let ip = ''
  let ipMode: string | undefined
  while (reader.pos < end) {
    const tag = reader.tag()
    if (tag === 10) ip = reader.string()
    else if (tag === 26) ipMode = sharedString(reader, pool)
    else reader.skipType(tag & 7)
  }
  checkEnd(reader, end)
  return loadBalancerIngress(ip, ipMode)
}
