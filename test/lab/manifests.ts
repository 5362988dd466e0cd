import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { LabNode, Pod } from './machine.ts'

/** A Kubernetes object as it is written in a manifest. */
export type Manifest = Readonly<Record<string, unknown>>

export interface PortSpec {
  readonly name?: string
  /** TCP unless told. */
  readonly protocol?: string
  readonly port: number
  /** Port of the pods; the Service's own unless told. */
  readonly targetPort?: number
  readonly nodePort?: number
}

export interface ServiceSpec {
  readonly name: string
  readonly namespace?: string
  /** IPv4, IPv6 or both, the first being the Service's `clusterIP`. */
  readonly clusterIPs: readonly string[]
  readonly ports: readonly PortSpec[]
  /** Seconds of ClientIP affinity; none unless told. */
  readonly affinity?: number
  readonly internalTrafficPolicy?: 'Cluster' | 'Local'
  /** More of `spec`, or other values for what is above. */
  readonly spec?: Manifest
  readonly status?: Manifest
  readonly annotations?: Readonly<Record<string, string>>
}

export interface EndpointSpec {
  readonly pod: Pod
  readonly ready?: boolean
  readonly serving?: boolean
  readonly terminating?: boolean
}

const familyOf = (address: string) => (address.includes(':') ? 'IPv6' : 'IPv4')

export function service(spec: ServiceSpec): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: spec.name,
      namespace: spec.namespace ?? 'default',
      ...(spec.annotations && { annotations: spec.annotations }),
    },
    ...(spec.status && { status: spec.status }),
    spec: {
      type: 'ClusterIP',
      clusterIP: spec.clusterIPs[0],
      clusterIPs: spec.clusterIPs,
      ipFamilies: spec.clusterIPs.map(familyOf),
      ports: spec.ports.map(({ name, protocol = 'TCP', port, targetPort = port, nodePort }) => ({
        ...(name !== undefined && { name }),
        protocol,
        port,
        targetPort,
        ...(nodePort !== undefined && { nodePort }),
      })),
      ...(spec.internalTrafficPolicy && { internalTrafficPolicy: spec.internalTrafficPolicy }),
      ...(spec.affinity !== undefined && {
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: spec.affinity } },
      }),
      ...spec.spec,
    },
  }
}

/** The EndpointSlices of a Service, one for each of its families. */
export function endpointSlices(
  spec: ServiceSpec,
  endpoints: readonly (Pod | EndpointSpec)[],
): Manifest[] {
  return spec.clusterIPs.map((clusterIP) => {
    const family = familyOf(clusterIP)
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${spec.name}-${family.toLowerCase()}`,
        namespace: spec.namespace ?? 'default',
        labels: { 'kubernetes.io/service-name': spec.name },
      },
      addressType: family,
      ports: spec.ports.map(({ name = '', protocol = 'TCP', port, targetPort = port }) => ({
        name,
        protocol,
        port: targetPort,
      })),
      endpoints: endpoints.map((endpoint) => endpointOf(endpoint, family)),
    }
  })
}

/** One endpoint of a slice of that address type. */
export function endpointOf(endpoint: Pod | EndpointSpec, family: string): Manifest {
  const { pod, ...conditions } = 'pod' in endpoint ? endpoint : { pod: endpoint }
  const { ready = true, serving = ready, terminating = false } = conditions as EndpointSpec
  return {
    addresses: [family === 'IPv6' ? pod.addresses.ipv6 : pod.addresses.ipv4],
    nodeName: pod.node.name,
    conditions: { ready, serving, terminating },
    targetRef: { kind: 'Pod', namespace: 'default', name: pod.name, uid: `uid-of-${pod.name}` },
  }
}

/** A Service together with its EndpointSlices. */
export function serviceWith(
  spec: ServiceSpec,
  endpoints: readonly (Pod | EndpointSpec)[],
): Manifest[] {
  return [service(spec), ...endpointSlices(spec, endpoints)]
}

export function nodeManifest(node: LabNode): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node.name },
    spec: {
      podCIDR: node.podCidrs.ipv4,
      podCIDRs: [node.podCidrs.ipv4, node.podCidrs.ipv6],
    },
    status: {
      addresses: [
        { type: 'InternalIP', address: node.addresses.ipv4 },
        { type: 'InternalIP', address: node.addresses.ipv6 },
        { type: 'Hostname', address: node.name },
      ],
    },
  }
}

/** A directory of manifests; each file changes as a whole. */
export class ManifestDirectory implements Disposable {
  readonly path: string

  constructor(path = mkdtempSync(join(tmpdir(), 'kproxy-manifests-'))) {
    this.path = path
  }

  /** Writes or replaces `NAME.yaml`. */
  put(name: string, manifests: readonly Manifest[]): void {
    const text = manifests.map((manifest) => stringify(manifest)).join('---\n')
    const draft = join(this.path, `.${name}.new`)
    writeFileSync(draft, text)
    renameSync(draft, join(this.path, `${name}.yaml`))
  }

  delete(name: string): void {
    rmSync(join(this.path, `${name}.yaml`))
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
