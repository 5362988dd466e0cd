import type { EndpointList, ServicePort } from '../../model/service-port.ts'

/** The endpoint lists of a service port, in the order of `enum kp_list`. */
export const LISTS = ['internal', 'cluster', 'external'] as const

export type ListName = (typeof LISTS)[number]

/** Something for each list; often one and the same object. */
export type ByList<T> = Readonly<Record<ListName, T>>

/** The objects of all lists, each once. */
export function distinct<T>(lists: ByList<T>): T[] {
  const { internal, cluster, external } = lists
  const all = [internal]
  if (cluster !== internal) all.push(cluster)
  if (external !== internal && external !== cluster) all.push(external)
  return all
}

/** Endpoints in all lists, those of equal lists once. */
export function countEndpoints(lists: ByList<EndpointList>): number {
  return distinct(lists).reduce((sum, list) => sum + lengthOf(list), 0)
}

export function lengthOf(list: EndpointList): number {
  return list.active.length + list.terminating.length
}

/** The lists alone. */
export function listsOf({ internal, cluster, external }: ServicePort): ByList<EndpointList> {
  return { internal, cluster, external }
}
