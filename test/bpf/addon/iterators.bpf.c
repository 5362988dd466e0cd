// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* iterators.bpf.c - iterators over the elements of a map and over UDP sockets. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock_common {
	__u16 skc_num;
};

struct sock {
	struct sock_common __sk_common;
};

struct udp_sock;
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	void *key;
	void *value;
};

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
};

#pragma clang attribute pop

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, __u64);
} numbers SEC(".maps");

SEC("iter/bpf_map_elem")
int keys(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key;
	__u32 copy;

	if (!key)
		return 0;
	copy = *key;
	bpf_seq_write(ctx->meta->seq, &copy, sizeof(copy));
	return 0;
}

SEC("iter/udp")
int udp_ports(struct bpf_iter__udp *ctx)
{
	struct sock *sk = (struct sock *)ctx->udp_sk;
	__u32 port;

	if (!sk)
		return 0;
	port = sk->__sk_common.skc_num;
	bpf_seq_write(ctx->meta->seq, &port, sizeof(port));
	return 0;
}

SEC("socket")
int no_iterator(struct __sk_buff *skb)
{
	return skb->len;
}
