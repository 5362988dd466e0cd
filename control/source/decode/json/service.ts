import type { LoadBalancerIngress, Service, ServicePort } from '../../objects.ts'
import { flat, type StringPool } from '../../string-pool.ts'
import { DecodeError } from '../decode-error.ts'
import {
  affinitySeconds,
  clusterAddresses,
  DEFAULT_PROTOCOL,
  DEFAULT_SERVICE_TYPE,
  loadBalancerIngress,
  sessionAffinity,
  trafficPolicy,
} from '../defaults.ts'
import type { Fields } from './fields.ts'
import { decodeMetadata } from './metadata.ts'

/** Reads the fields of a v1 Service that a proxy uses (kube-proxy.md 1.2). */
export function decodeService(object: Fields, pool: StringPool): Service {
  const metadata = decodeMetadata(object, 'default', pool)
  const spec = object.mapping('spec')
  const balancer = object.mapping('status')?.mapping('loadBalancer')
  const affinity = sessionAffinity(spec?.string('sessionAffinity'), ['spec', 'sessionAffinity'])
  const timeout = spec?.mapping('sessionAffinityConfig')?.mapping('clientIP')
  return {
    kind: 'Service',
    metadata,
    type: pool.intern(spec?.string('type') || DEFAULT_SERVICE_TYPE),
    ...clusterAddresses({
      clusterIP: flat(spec?.string('clusterIP') ?? ''),
      clusterIPs: spec?.strings('clusterIPs').map(flat) ?? [],
      ipFamilies: spec?.strings('ipFamilies').map((family) => pool.intern(family)) ?? [],
    }),
    ports: spec?.mappings('ports').map((port) => decodePort(port, pool)) ?? [],
    externalIPs: spec?.strings('externalIPs').map(flat) ?? [],
    loadBalancerIngress: balancer?.mappings('ingress').map(decodeIngress) ?? [],
    loadBalancerSourceRanges: spec?.strings('loadBalancerSourceRanges').map(flat) ?? [],
    internalTrafficPolicy: trafficPolicy(spec?.string('internalTrafficPolicy'), [
      'spec',
      'internalTrafficPolicy',
    ]),
    externalTrafficPolicy: trafficPolicy(spec?.string('externalTrafficPolicy'), [
      'spec',
      'externalTrafficPolicy',
    ]),
    healthCheckNodePort: spec?.integer('healthCheckNodePort') ?? 0,
    sessionAffinity: affinity,
    sessionAffinitySeconds: affinitySeconds(affinity, timeout?.integer('timeoutSeconds')),
  }
}

function decodePort(fields: Fields, pool: StringPool): ServicePort {
  const port = fields.integer('port')
  if (port === undefined) {
    throw DecodeError.field(fields.path('port'), undefined, 'write the port that clients use')
  }
  return {
    name: pool.intern(fields.string('name') ?? ''),
    protocol: pool.intern(fields.string('protocol') || DEFAULT_PROTOCOL),
    port,
    nodePort: fields.integer('nodePort') ?? 0,
  }
}

function decodeIngress(fields: Fields): LoadBalancerIngress {
  return loadBalancerIngress(flat(fields.string('ip') ?? ''), fields.string('ipMode'))
}
