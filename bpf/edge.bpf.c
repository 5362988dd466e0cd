// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * edge.bpf.c - the edge plane: traffic that comes to Services from outside the node.
 *
 * Attached with tcx to both directions of each uplink. A packet to a frontend is given a backend
 * here, by a conntrack of our own: on this node it then enters the stack as a plain packet from
 * client to pod, and the reply is translated back where it leaves; for another node it is sent on
 * at once, in this node's name, and never enters the stack.
 */
#include "edge.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tc")
int edge_ingress(struct __sk_buff *skb)
{
	return kp_enter(skb);
}

SEC("tc")
int edge_egress(struct __sk_buff *skb)
{
	return kp_exit(skb);
}
