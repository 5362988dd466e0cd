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
#include "sweep.h"

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

/* As the kernel gives it to iterators over the elements of a map (since 5.9). */
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
} __attribute__((preserve_access_index));

/*
 * Over both tables of flows, now and then; the agent starts it, on a thread of its own. A byte is
 * written for each entry that stays.
 */
SEC("iter/bpf_map_elem")
int sweep_flows(struct bpf_iter__bpf_map_elem *ctx)
{
	const struct kp_tuple *key = ctx->key;
	const struct kp_track *value = ctx->value;
	struct kp_tuple tuple;
	struct kp_track track;

	if (!key || !value)
		return 0;
	tuple = *key;
	track = *value;
	if (kp_sweep(&tuple, &track)) {
		__u8 kept = 1;

		bpf_seq_write(ctx->meta->seq, &kept, sizeof(kept));
	}
	return 0;
}
