import { SCHEDULERS } from './scheduler.ts'
import type { Backend, EndpointList, ServicePort } from './service-port.ts'

/**
 * A 52-bit hash of everything that a service port says, so that "nothing changed" can be told without
 * keeping the last answer: at 10,000 Services the answers would weigh more than the objects.
 */
export function fingerprint(port: ServicePort): number {
  high = 0x811c9dc5
  low = 0x9dc5811c
  mix(port.affinitySeconds)
  mix(SCHEDULERS.indexOf(port.scheduler))
  mix((port.internalPolicy === 'Local' ? 1 : 0) | (port.externalPolicy === 'Local' ? 2 : 0))
  mix(port.sourceRanges.length * 2 + (port.sourceRangesIncludeNode ? 1 : 0))
  for (const range of port.sourceRanges) mixText(range)
  for (const frontend of port.frontends) {
    mixText(frontend.class)
    mixText(frontend.address)
    mix(frontend.port)
  }
  mixList(port.internal)
  if (port.external === port.internal) mix(0)
  else mixList(port.external)
  if (port.cluster === port.internal) mix(1)
  else if (port.cluster === port.external) mix(2)
  else mixList(port.cluster)
  mixBackends(port.besides ?? [])
  return (high >>> 6) * 2 ** 26 + (low >>> 6)
}

/** Two independent lanes of which 26 bits each are used: together an exact double. */
let high = 0
let low = 0

function mix(value: number): void {
  high = Math.imul(high ^ value, 0x01000193)
  low = Math.imul(low ^ value, 0x85ebca6b)
  low ^= low >>> 13
}

function mixText(value: string): void {
  for (let i = 0; i < value.length; i++) mix(value.charCodeAt(i))
  mix(0x100 + value.length)
}

function mixList(list: EndpointList): void {
  mix(list.drop ? 1 : 2)
  mixBackends(list.active)
  mixBackends(list.terminating)
}

function mixBackends(backends: readonly Backend[]): void {
  mix(backends.length)
  for (const backend of backends) {
    mixText(backend.address)
    mix(backend.port)
    mix(backend.local ? 1 : 2)
    mixText(backend.targetUid)
  }
}
