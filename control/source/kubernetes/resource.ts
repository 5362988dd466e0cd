import { HEADLESS_LABEL, PROXY_NAME_LABEL } from '../kept-metadata.ts'
import type { Kind } from '../objects.ts'

/** One kind of object as the API server is asked for it (AP-2, kube-proxy.md 1.1). */
export interface Resource {
  readonly kind: Kind
  readonly path: string
  readonly labelSelector: string | undefined
  readonly fieldSelector: string | undefined
  /** Servers may refuse the field selector; the same is filtered here (IN-2). */
  readonly fieldSelectorOptional: boolean
  /** A server may not have the kind, or not show it to us: then there are no such objects. */
  readonly optional: boolean
}

/** What the proxy of a node watches. */
export function proxyResources(nodeName: string): readonly Resource[] {
  return [
    {
      kind: 'Service',
      path: '/api/v1/services',
      labelSelector: `!${PROXY_NAME_LABEL}`,
      fieldSelector: 'spec.clusterIP!=None',
      fieldSelectorOptional: true,
      optional: false,
    },
    {
      kind: 'EndpointSlice',
      path: '/apis/discovery.k8s.io/v1/endpointslices',
      labelSelector: `!${HEADLESS_LABEL}`,
      fieldSelector: undefined,
      fieldSelectorOptional: false,
      optional: false,
    },
    {
      kind: 'Node',
      path: '/api/v1/nodes',
      labelSelector: undefined,
      fieldSelector: `metadata.name=${nodeName}`,
      fieldSelectorOptional: false,
      optional: false,
    },
    {
      // Servers have it since 1.33.
      kind: 'ServiceCIDR',
      path: '/apis/networking.k8s.io/v1/servicecidrs',
      labelSelector: undefined,
      fieldSelector: undefined,
      fieldSelectorOptional: false,
      optional: true,
    },
  ]
}

export interface Query {
  readonly [parameter: string]: string | number | undefined
}

/** The path and query of a request for a resource. */
export function requestPath(resource: Resource, useFieldSelector: boolean, query: Query): string {
  const parameters = new URLSearchParams()
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined && value !== '') parameters.set(name, String(value))
  }
  add('labelSelector', resource.labelSelector)
  if (useFieldSelector) add('fieldSelector', resource.fieldSelector)
  for (const [name, value] of Object.entries(query)) add(name, value)
  return `${resource.path}?${parameters}`
}
