import { HEADLESS_LABEL, PROXY_NAME_LABEL } from './kept-metadata.ts'
import type { EndpointSlice, KubernetesObject, Node, Service } from './objects.ts'

/**
 * Whether the proxy of this node sees the object at all. Every source asks here, even where a server
 * has filtered already: old servers refuse field selectors, and directories have none.
 *
 * An object that becomes invisible must be reported like a deleted one (IN-1).
 */
export function isVisible(object: KubernetesObject, nodeName: string): boolean {
  switch (object.kind) {
    case 'Service':
      return isServiceVisible(object)
    case 'EndpointSlice':
      return isSliceVisible(object)
    case 'Node':
      return isOwnNode(object, nodeName)
    case 'ServiceCIDR':
      return true
  }
}

/** IN-1: another proxy's Service, whatever the label's value. IN-3: a headless Service. */
function isServiceVisible(service: Service): boolean {
  return !(PROXY_NAME_LABEL in service.metadata.labels) && service.clusterIP !== 'None'
}

/** IN-2: slices of headless Services, and those hidden by hand. */
function isSliceVisible(slice: EndpointSlice): boolean {
  return !(HEADLESS_LABEL in slice.metadata.labels)
}

/** Only this node's own object matters (kube-proxy.md 1.1). */
function isOwnNode(node: Node, nodeName: string): boolean {
  return node.metadata.name === nodeName
}
