import fc from 'fast-check'
import { ALGORITHMS, CLASS_NUMBERS } from '../../../control/mode/ebpf/records.ts'
import {
  type Backend,
  type EndpointList,
  type Frontend,
  type FrontendClass,
  type ServicePort,
  type ServicePortChange,
  servicePortKey,
} from '../../../control/model/service-port.ts'
import type { SeenService } from './reader.ts'

/** A backend at "10.0.0.7:8080", or with a target: "10.0.0.7:8080=uid". */
export function backend(text: string): Backend {
  const [place = '', targetUid = ''] = text.split('=')
  const colon = place.lastIndexOf(':')
  return {
    address: place.slice(0, colon),
    port: Number(place.slice(colon + 1)),
    local: false,
    targetUid,
    targetName: '',
    zone: '',
  }
}

export function list(active: readonly string[], terminating: readonly string[] = []): EndpointList {
  return { active: active.map(backend), terminating: terminating.map(backend), drop: false }
}

export interface PortOptions {
  readonly name?: string
  readonly frontends?: readonly string[]
  readonly external?: EndpointList
  readonly cluster?: EndpointList
  readonly scheduler?: ServicePort['scheduler']
  readonly sourceRanges?: readonly string[]
  readonly affinitySeconds?: number
  readonly protocol?: ServicePort['protocol']
}

/** A service port with endpoints as text. */
export function port(
  active: readonly string[] | EndpointList,
  options: PortOptions = {},
): ServicePort {
  const { name = 'web', frontends = ['10.96.0.1:80'], protocol = 'TCP' } = options
  const internal = 'active' in active ? active : list(active)
  return {
    key: servicePortKey('default', name, 'http', protocol, 4),
    namespace: 'default',
    name,
    portName: 'http',
    protocol,
    family: 4,
    frontends: frontends.map(frontend),
    internal,
    external: options.external ?? internal,
    cluster: options.cluster ?? internal,
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    affinitySeconds: options.affinitySeconds ?? 0,
    scheduler: options.scheduler ?? 'random',
    sourceRanges: options.sourceRanges ?? [],
    sourceRangesIncludeNode: false,
  }
}

/** "10.96.0.1:80" is a ClusterIP; others have their class before it, as in "NodePort 0.0.0.0:30080". */
function frontend(text: string): Frontend {
  const [place = '', kind = 'ClusterIP'] = text.split(' ').reverse()
  const { address, port: number } = backend(place)
  return { class: kind as FrontendClass, address, port: number }
}

export const set = (value: ServicePort): ServicePortChange => ({
  type: 'set',
  key: value.key,
  port: value,
})

export const remove = (value: ServicePort): ServicePortChange => ({
  type: 'delete',
  key: value.key,
})

export const setAll = (ports: Iterable<ServicePort>): ServicePortChange[] => [...ports].map(set)

/** What readers should see of the desired state, without ids and generations. */
export function wanted(
  ports: Iterable<ServicePort>,
): Map<string, Omit<SeenService, 'serviceId' | 'generation'>> {
  const all = new Map<string, Omit<SeenService, 'serviceId' | 'generation'>>()
  for (const one of ports) {
    const isEmpty = (part: EndpointList) => part.active.length + part.terminating.length === 0
    const flags =
      (one.internal.drop && isEmpty(one.internal) ? 1 : 0) |
      (one.external.drop && isEmpty(one.external) ? 2 : 0) |
      (one.sourceRanges.length > 0 ? 4 : 0)
    for (const { class: kind, address, port: number } of one.frontends) {
      all.set(`${address}:${number}/${one.protocol}`, {
        flags,
        affinitySeconds: one.affinitySeconds,
        algorithm: ALGORITHMS[one.scheduler],
        frontendClass: CLASS_NUMBERS[kind],
        internal: shown(one.internal, one.scheduler),
        cluster: shown(one.cluster, one.scheduler),
        external: shown(one.external, one.scheduler),
      })
    }
  }
  return all
}

function shown(part: EndpointList, scheduler: ServicePort['scheduler']): string[] {
  const all = [
    ...part.active.map(({ address, port: number }) => `${address}:${number}`),
    ...part.terminating.map(({ address, port: number }) => `${address}:${number} terminating`),
  ]
  return scheduler === 'mh' ? all.sort() : all
}

/** Who may use LoadBalancer IPs, of those service ports that limit it. */
export function wantedRanges(ports: Iterable<ServicePort>): (readonly string[])[] {
  return [...ports].map(({ sourceRanges }) => sourceRanges).filter(({ length }) => length > 0)
}

/** What readers see, without ids and generations. */
export function content(
  seen: ReadonlyMap<string, SeenService>,
): Map<string, Omit<SeenService, 'serviceId' | 'generation'>> {
  return new Map([...seen].map(([name, { serviceId: _, generation: __, ...rest }]) => [name, rest]))
}

const places = Array.from({ length: 8 }, (_, host) => `10.0.0.${host + 1}:8080`)

const backendText = fc
  .tuple(fc.constantFrom(...places), fc.constantFrom('', '=pod-a', '=pod-b'))
  .map(([place, target]) => place + target)

const endpointList = fc
  .tuple(
    fc.uniqueArray(backendText, { maxLength: 5, selector: (text) => text.split('=')[0] }),
    fc.nat(5),
    fc.boolean(),
  )
  .map(([all, cut, drop]) => ({ ...list(all.slice(0, cut), all.slice(cut)), drop }))

/** The frontends of one service never overlap with those of another. */
const servicePort = (index: number) =>
  fc
    .record({
      internal: endpointList,
      cluster: fc.option(endpointList, { nil: undefined }),
      external: fc.option(endpointList, { nil: undefined }),
      affinitySeconds: fc.constantFrom(0, 0, 10800),
      scheduler: fc.constantFrom(
        'random',
        'random',
        'random',
        'random',
        'random',
        'rr',
        'lc',
        'mh',
      ),
      frontends: fc.uniqueArray(fc.constantFrom(1, 2, 3), { minLength: 1, maxLength: 3 }),
      exposed: fc.constantFrom(
        [],
        [`NodePort 0.0.0.0:${30_080 + index}`],
        [`LoadBalancerIP 192.0.2.${index}:80`],
      ),
      sourceRanges: fc.subarray(['192.0.2.0/24', '198.51.100.7/32', '203.0.113.0/25']),
    })
    .map(({ internal, cluster, external, frontends, exposed, sourceRanges, ...rest }) =>
      port(internal, {
        ...rest,
        name: `svc-${index}`,
        cluster: cluster ?? internal,
        external: external ?? internal,
        frontends: [...frontends.map((number) => `10.96.${index}.${number}:80`), ...exposed],
        sourceRanges: exposed[0]?.startsWith('LoadBalancerIP') ? sourceRanges : [],
      }),
    )

/** A desired state: some of five service ports. */
export const desiredState: fc.Arbitrary<ServicePort[]> = fc
  .tuple(...[0, 1, 2, 3, 4].map((index) => fc.option(servicePort(index), { nil: undefined })))
  .map((ports) => ports.filter((one) => one !== undefined))

/** The changes that lead from one desired state to another. */
export function changesBetween(
  before: readonly ServicePort[],
  after: readonly ServicePort[],
): ServicePortChange[] {
  const kept = new Set(after.map(({ key }) => key))
  return [...before.filter(({ key }) => !kept.has(key)).map(remove), ...setAll(after)]
}
