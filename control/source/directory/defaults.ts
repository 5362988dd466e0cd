import type { KubernetesObject } from '../objects.ts'

/**
 * Adds the one default that must not be added to objects from a server: there a nameless slice port is
 * to be ignored (IN-22), while a person who writes none means the unnamed one (kube-proxy.md 1.4).
 */
export function withManifestDefaults(object: KubernetesObject): KubernetesObject {
  if (object.kind !== 'EndpointSlice') return object
  return { ...object, ports: object.ports.map((port) => ({ ...port, name: port.name ?? '' })) }
}
