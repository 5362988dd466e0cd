import { describe, expect, it } from 'vitest'
import { checkAgainstNode, type NodeFacts } from '../../../control/config/node-rules.ts'
import { fromFields, inForce } from './configure.ts'

const node = (facts: Partial<NodeFacts>): NodeFacts => ({
  ...{ primaryFamily: 4, dualStack: true, podCIDRs: [] },
  ...facts,
})

function check(fields: string, facts: Partial<NodeFacts>): string[] {
  const quiet = fields.includes('nodePortAddresses')
    ? fields
    : `${fields}\nnodePortAddresses: [primary]`
  return checkAgainstNode(inForce(fromFields(quiet)), node(facts)).map(
    ({ severity, message }) => `${severity} ${message}`,
  )
}

describe('a configuration against its node (CF-5)', () => {
  it.each([
    [
      'a cluster range of the other family, on a node with both',
      'clusterCIDR: fd00::/64',
      {},
      'warning clusterCIDR is "fd00::/64", of IPv6 only, and this node is IPv4-first: add the IPv4 range of the pods',
    ],
    [
      'a cluster range of the other family, on a node with one',
      'clusterCIDR: fd00::/64',
      { dualStack: false },
      'error clusterCIDR is "fd00::/64", of IPv6 only, and this node is IPv4-only: add the IPv4 range of the pods',
    ],
    [
      'NodeCIDR without podCIDRs (IN-50)',
      'detectLocalMode: NodeCIDR',
      {},
      'error detectLocalMode is NodeCIDR and this Node has no spec.podCIDRs: let the controller-manager allocate them (--allocate-node-cidrs), or choose another mode',
    ],
    [
      'NodeCIDR with podCIDRs of the other family only',
      'detectLocalMode: NodeCIDR',
      { primaryFamily: 6 as const, podCIDRs: ['10.244.1.0/24'] },
      'error detectLocalMode is NodeCIDR and spec.podCIDRs of this Node is "10.244.1.0/24", of IPv4 only, while the node is IPv6-first: give it podCIDRs of IPv6, or choose another mode',
    ],
    [
      'NodePort ranges without the first family',
      'nodePortAddresses: [fd00::/64]',
      {},
      'warning nodePortAddresses has no IPv4 range, so NodePorts belong to every IPv4 address of this node: add a range, or write [primary]',
    ],
    [
      'NodePort ranges without the second family of a dual-stack cluster',
      'nodePortAddresses: [10.0.0.0/8]\nclusterCIDR: 10.244.0.0/16,fd00::/64',
      {},
      'warning nodePortAddresses has no IPv6 range, so NodePorts belong to every IPv6 address of this node: add a range, or write [primary]',
    ],
    [
      'a health address of the family that the node lacks',
      'healthzBindAddress: fd00::1',
      { dualStack: false },
      'warning healthzBindAddress is fd00::1, of IPv6, and this node is IPv4-only: write an IPv4 address',
    ],
    [
      'a metrics address of the family that the node lacks',
      'metricsBindAddress: 127.0.0.1',
      { dualStack: false, primaryFamily: 6 as const },
      'warning metricsBindAddress is 127.0.0.1, of IPv4, and this node is IPv6-only: write an IPv6 address',
    ],
  ])('complains of %s', (_, fields, facts, complaint) => {
    expect(check(fields, facts)).toEqual([complaint])
  })

  it.each([
    [
      'both families',
      'clusterCIDR: 10.0.0.0/8,fd00::/64\nnodePortAddresses: [10.0.0.0/8, fd00::/64]',
      {},
    ],
    ['NodeCIDR with podCIDRs', 'detectLocalMode: NodeCIDR', { podCIDRs: ['10.244.1.0/24'] }],
    ['a wildcard address of the other family', 'healthzBindAddress: "::"', { dualStack: false }],
    ['addresses of the other family on a node with both', 'healthzBindAddress: fd00::1', {}],
    ['one family everywhere', 'nodePortAddresses: [10.0.0.0/8]\nclusterCIDR: 10.244.0.0/16', {}],
  ])('is content with %s', (_, fields, facts) => {
    expect(check(fields, facts)).toEqual([])
  })
})
