import {
  type DetectLocalOptions,
  detectorsOf,
  isFromPod,
} from '../../../control/model/detect-local.ts'
import { backendName } from '../../../control/model/held-slice.ts'
import type { Model } from '../../../control/model/model.ts'
import { nodePortAddresses } from '../../../control/model/node-addresses.ts'
import type { Frontend, ServicePort } from '../../../control/model/service-port.ts'
import {
  admits,
  endpointsFor,
  isHairpin,
  masquerades,
  outcome,
  type TrafficSource,
} from '../../../control/model/traffic.ts'

/** What a node is like, as far as it decides about traffic. */
export interface Host {
  readonly interfaces: readonly string[]
  readonly nodePortAddresses: readonly string[]
  readonly localhostNodePorts: boolean
  /** Pods are told by it; empty: not at all. */
  readonly clusterCIDR: string
  readonly masqueradeAll: boolean
}

export const HOST: Host = {
  interfaces: ['127.0.0.1', '::1', '192.0.2.10', '192.0.2.11', 'fd00:2::10', 'fd00:2::11'],
  nodePortAddresses: [],
  localhostNodePorts: false,
  clusterCIDR: '10.244.0.0/16,fd00:10:244::/48',
  masqueradeAll: false,
}

/** The first packet of a connection, as it arrives or is sent. */
export interface Packet {
  readonly from: string
  readonly to: string
  readonly port: number
  /** TCP unless given. */
  readonly protocol?: string
}

/** `pass`: not for a Service. Else the endpoints that may get it, with `masq` where its source is replaced. */
export type Fate = 'drop' | 'refuse' | 'pass' | readonly string[]

/**
 * What becomes of a connection, put together from the model's decisions in their order: frontend, source
 * ranges, endpoints, masquerade. The same is decided by each mode in the kernel.
 */
export function trace(model: Model, packet: Packet, host: Host = HOST): Fate {
  const family = packet.to.includes(':') ? 6 : 4
  const options: DetectLocalOptions = {
    mode: 'ClusterCIDR',
    clusterCIDR: host.clusterCIDR,
    bridgeInterface: '',
    interfaceNamePrefix: '',
  }
  const detector = detectorsOf(options, [])[family]
  const match = frontendOf(model, packet, host, family)
  if (match === undefined) {
    const verdict = model.guardOf(packet.to)
    return isLocal(packet.to, host) ? 'pass' : verdict
  }
  const { port, frontend } = match
  if (!admits(port, frontend.class, packet.from)) return 'drop'
  const from: TrafficSource = isFromPod(detector, {
    source: packet.from,
    inputInterface: undefined,
  })
    ? 'pod'
    : isLocal(packet.from, host)
      ? 'node'
      : 'outside'
  const flow = { class: frontend.class, from }
  const settings = {
    masqueradeAll: host.masqueradeAll,
    detectsLocal: detector.by !== 'nothing',
  }
  const list = endpointsFor(port, flow, settings)
  const verdict = outcome(list)
  if (verdict !== 'forward') return verdict
  const usable = list.active.length > 0 ? list.active : list.terminating
  return usable.map((backend) => {
    const isMasqueraded =
      masquerades(port, flow, settings) || isHairpin(packet.from, backend.address)
    return `${backendName(backend)}${isMasqueraded ? ' masq' : ''}`
  })
}

function frontendOf(
  model: Model,
  { to, port: number, protocol = 'TCP' }: Packet,
  host: Host,
  family: 4 | 6,
): { port: ServicePort; frontend: Frontend } | undefined {
  const { matchAll, addresses, wholeLoopback } = nodePortAddresses(
    family,
    host.interfaces,
    model.nodeIPs,
    { nodePortAddresses: host.nodePortAddresses, localhost: host.localhostNodePorts },
  )
  const isLoopback = to.startsWith('127.') || to === '::1'
  const servesNodePorts =
    addresses.includes(to) ||
    (matchAll && isLocal(to, host) && !isLoopback) ||
    (wholeLoopback && isLoopback)
  const isAt = (frontend: Frontend) =>
    frontend.port === number &&
    (frontend.class === 'NodePort' ? servesNodePorts : frontend.address === to)
  for (const service of model.services()) {
    for (const port of model.resolve(service)) {
      if (port.family !== family || port.protocol !== protocol) continue
      const frontend = port.frontends.find(isAt)
      if (frontend !== undefined) return { port, frontend }
    }
  }
  return undefined
}

function isLocal(address: string, { interfaces }: Host): boolean {
  return address.startsWith('127.') || interfaces.includes(address)
}
