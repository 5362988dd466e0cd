import fc from 'fast-check'
import {
  type Backend,
  type EndpointList,
  type Frontend,
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
    cluster: internal,
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    affinitySeconds: options.affinitySeconds ?? 0,
    scheduler: 'random',
    sourceRanges: [],
    sourceRangesIncludeNode: false,
  }
}

function frontend(text: string): Frontend {
  const { address, port: number } = backend(text)
  return { class: 'ClusterIP', address, port: number }
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
      (one.external.drop && isEmpty(one.external) ? 2 : 0)
    for (const { address, port: number } of one.frontends) {
      all.set(`${address}:${number}/${one.protocol}`, {
        flags,
        affinitySeconds: one.affinitySeconds,
        internal: shown(one.internal),
        external: shown(one.external),
      })
    }
  }
  return all
}

function shown(part: EndpointList): string[] {
  return [
    ...part.active.map(({ address, port: number }) => `${address}:${number}`),
    ...part.terminating.map(({ address, port: number }) => `${address}:${number} terminating`),
  ]
}

/** What readers see, without ids and generations. */
export function content(
  seen: ReadonlyMap<string, SeenService>,
): Map<string, Omit<SeenService, 'serviceId' | 'generation'>> {
  return new Map(
    [...seen].map(([name, { flags, affinitySeconds, internal, external }]) => [
      name,
      { flags, affinitySeconds, internal, external },
    ]),
  )
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
      external: fc.option(endpointList, { nil: undefined }),
      affinitySeconds: fc.constantFrom(0, 0, 10800),
      frontends: fc.uniqueArray(fc.constantFrom(1, 2, 3), { minLength: 1, maxLength: 3 }),
    })
    .map(({ internal, external, affinitySeconds, frontends }) =>
      port(internal, {
        name: `svc-${index}`,
        external: external ?? internal,
        affinitySeconds,
        frontends: frontends.map((number) => `10.96.${index}.${number}:80`),
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
