import type { Addresses } from './place.ts'

/**
 * The laboratory's addresses, and the shell text that gives them to machines and pods. Addresses
 * are the same in every laboratory: each has namespaces of its own.
 */

/** The bridge that every machine is on, and their default gateway. */
export const gateway: Addresses = { ipv4: '172.20.0.1', ipv6: 'fd00:20::1' }

/** Address of the machine with this number, 2 to 254. */
export function machineAddresses(number: number): Addresses {
  return { ipv4: `172.20.0.${number}`, ipv6: `fd00:20::${number}` }
}

/** Pod ranges of the node with this index, from 1. */
export function podCidrs(nodeIndex: number): Addresses {
  return { ipv4: `10.244.${nodeIndex}.0/24`, ipv6: `fd00:10:244:${nodeIndex}::/64` }
}

/** The pod with this number (from 2) on that node; 1 is the node's own end of every pod's link. */
export function podAddresses(nodeIndex: number, number: number): Addresses {
  return { ipv4: `10.244.${nodeIndex}.${number}`, ipv6: `fd00:10:244:${nodeIndex}::${number}` }
}

/** Runs in the fabric, before any machine is plugged in. */
export function bridgeScript(): string {
  const lines = [
    'link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0',
    `addr add ${gateway.ipv4}/24 dev br0`,
    `addr add ${gateway.ipv6}/64 dev br0 nodad`,
    'link set br0 up',
  ]
  return batch(lines) + untilUsable(gateway.ipv6, 'br0')
}

/** Runs in the fabric: a cable from port `number` of the bridge to eth0 of the holder's namespace. */
export function plugScript(number: number, holder: number): string {
  return batch([
    `link add port${number} type veth peer name eth0 netns ${holder}`,
    `link set port${number} master br0`,
    `link set port${number} up`,
  ])
}

/** Runs in a machine that has been plugged in. */
export function machineScript(addresses: Addresses): string {
  const lines = [
    'link set eth0 up',
    `addr add ${addresses.ipv4}/24 dev eth0`,
    `addr add ${addresses.ipv6}/64 dev eth0 nodad`,
    // Without a default route a connect() to a Service address fails before anything can act on it.
    `route add 0.0.0.0/0 via ${gateway.ipv4}`,
    `route add ::/0 via ${gateway.ipv6}`,
  ]
  return batch(lines) + untilUsable(addresses.ipv6, 'eth0')
}

/** Runs in a machine: how to reach the pods of another node. */
export function podRouteScript(cidrs: Addresses, node: Addresses): string {
  return batch([
    `route add ${cidrs.ipv4} via ${node.ipv4}`,
    `route add ${cidrs.ipv6} via ${node.ipv6}`,
  ])
}

/** Runs in a node: a namespace with the pod's name, and its link. */
export function podScript(name: string, nodeIndex: number, number: number): string {
  const pod = podAddresses(nodeIndex, number)
  const node = podAddresses(nodeIndex, 1)
  const outer = batch([
    `netns add ${name}`,
    `link add veth${number} type veth peer name eth0 netns ${name}`,
    `addr add ${node.ipv4}/32 dev veth${number}`,
    `addr add ${node.ipv6}/128 dev veth${number} nodad`,
    `link set veth${number} up`,
    `route add ${pod.ipv4}/32 dev veth${number}`,
    `route add ${pod.ipv6}/128 dev veth${number}`,
  ])
  const inner = [
    'link set lo up',
    'link set eth0 up',
    `addr add ${pod.ipv4}/32 dev eth0`,
    `addr add ${pod.ipv6}/128 dev eth0 nodad`,
    `route add ${node.ipv4}/32 dev eth0 scope link`,
    `route add 0.0.0.0/0 via ${node.ipv4}`,
    `route add ${node.ipv6}/128 dev eth0`,
    `route add ::/0 via ${node.ipv6}`,
  ]
  const usable = untilUsable(pod.ipv6, 'eth0').trim()
  const enter =
    `nsenter --net=/run/netns/${name} sh -ec '` +
    `echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; ip -batch -; ${usable}'`
  const nodeUsable = untilUsable(node.ipv6, `veth${number}`)
  return `${outer}${enter} <<'END'\n${inner.join('\n')}\nEND\n${nodeUsable}`
}

/** Runs in a node: the link first, which ends at once; the namespace goes when nobody uses it. */
export function podRemovalScript(name: string, number: number): string {
  return batch([`link del veth${number}`, `netns del ${name}`])
}

/**
 * Waits for the local route of an IPv6 address, which the kernel makes some time after the command that
 * adds it. Until then nobody can bind to the address, and what is sent to it is lost.
 */
function untilUsable(address: string, device: string): string {
  const route = `ip -6 route show table local dev ${device} ${address}`
  return `until [ -n "$(${route})" ]; do sleep 0.01; done\n`
}

function batch(lines: readonly string[]): string {
  return `ip -batch - <<'END'\n${lines.join('\n')}\nEND\n`
}
