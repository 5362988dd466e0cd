// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * lifetime.bpf.c - ends connected UDP sockets whose backend is gone.
 *
 * Two iterators over the maps of the socket plane. The first walks the peers of connected sockets,
 * of all network namespaces at once, and names those that are stale; the second walks the UDP
 * sockets of one namespace and ends those of them that user space has agreed to. Only the second
 * holds the lock of each socket, without which none may be ended.
 *
 * An object of its own: what it needs came with kernel 5.12, and without it the socket plane works
 * all the same. Before 6.5 user space leaves the second out, and ends sockets by netlink.
 */
#include <linux/in.h>
#include "client.h"
#include "frontend.h"

#define AF_INET6 10

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What is read of the kernel's types; offsets are those of the running kernel (CO-RE). */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_rcv_saddr;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	possible_net_t skc_net;
	struct kp_address skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
};

struct udp_sock;
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
};

#pragma clang attribute pop

/* Since 6.5, for iterators that hold the socket's lock; the socket's user gets ECONNABORTED. */
extern int bpf_sock_destroy(struct sock_common *sock) __ksym __weak;

/* endings: key. What user space has agreed to; a stale peer that is not here is left alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, KP_ENDINGS);
	__type(key, struct kp_member);
	__type(value, __u8);
} endings SEC(".maps");

/*
 * Does some endpoint of the service serve anybody? Where a policy alone leaves this node without
 * one there are others (TR-22). Flows of a service without any are left alone (CT-2).
 */
static __always_inline bool kp_serves(const struct kp_service *record)
{
	return record->internal.active || record->internal.terminating || record->cluster.active ||
	       record->cluster.terminating || record->external.active ||
	       record->external.terminating ||
	       record->flags & (KP_SERVICE_INTERNAL_DROP | KP_SERVICE_EXTERNAL_DROP);
}

/* What tells this socket from others: sock_diag(7) wants all of it. */
static __always_inline void kp_identify(struct sock *sk, struct kp_stale_peer *stale)
{
	const struct sock_common *common = &sk->__sk_common;

	stale->netns_cookie = common->skc_net.net->net_cookie;
	stale->socket_cookie = bpf_get_socket_cookie(sk);
	stale->family = common->skc_family;
	stale->local_port = bpf_htons(common->skc_num);
	stale->pad = 0;
	/* Kernels without IPv6 have no such field. */
	if (common->skc_family == AF_INET6 && bpf_core_field_exists(common->skc_v6_rcv_saddr)) {
		stale->local = common->skc_v6_rcv_saddr;
		return;
	}
	stale->local.word[0] = 0;
	stale->local.word[1] = 0;
	stale->local.word[2] = bpf_htonl(0xffff);
	stale->local.word[3] = common->skc_rcv_saddr;
}

/*
 * Is this socket connected to a backend that its service no longer has? The service is the one
 * that has the frontend now: it may have been deleted and made anew. A frontend that nobody serves
 * any more leaves its flows alone, as does one that cannot be read.
 */
static __always_inline bool kp_is_stale(struct sock *sk, const struct kp_peer *peer,
					struct kp_stale_peer *stale)
{
	struct kp_service record;
	struct kp_member member;
	bool is_host;

	/* connect(AF_UNSPEC) runs no hook that would forget the peer. */
	if (sk->__sk_common.skc_state != BPF_TCP_ESTABLISHED || !peer->service_id)
		return false;
	stale->frontend.address = peer->frontend;
	stale->frontend.port = peer->frontend_port;
	stale->frontend.protocol = IPPROTO_UDP;
	stale->frontend.scope = KP_SCOPE_ADDRESS;
	kp_identify(sk, stale);
	is_host = host_netns && stale->netns_cookie == host_netns;
	if (kp_find_record(&stale->frontend, is_host, false, &record) != KP_FOUND_SERVICE ||
	    !kp_serves(&record))
		return false;
	member.service_id = record.service_id;
	member.backend_id = peer->backend_id;
	if (bpf_map_lookup_elem(&members, &member))
		return false;
	stale->member = member;
	stale->backend = peer->backend;
	stale->backend_port = peer->backend_port;
	return true;
}

/* For each stale peer: a struct kp_stale_peer. TCP sockets are here that found no other place. */
SEC("iter/bpf_sk_storage_map")
int find_stale_peers(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct kp_stale_peer stale;
	struct kp_peer *peer = ctx->value;
	struct sock *sk = ctx->sk;

	if (!sk || !peer || sk->sk_protocol != IPPROTO_UDP)
		return 0;
	if (kp_is_stale(sk, peer, &stale))
		bpf_seq_write(ctx->meta->seq, &stale, sizeof(stale));
	return 0;
}

/*
 * For each socket that it ends: a struct kp_stale_peer. Writing comes first: where the buffer is
 * full the kernel shows the socket again at the next read.
 */
SEC("iter/udp")
int end_stale_sockets(struct bpf_iter__udp *ctx)
{
	struct udp_sock *udp = ctx->udp_sk;
	struct kp_stale_peer stale;
	struct kp_peer *peer;

	if (!udp)
		return 0;
	peer = bpf_sk_storage_get(&socket_peers, udp, NULL, 0);
	if (!peer || !kp_is_stale((struct sock *)udp, peer, &stale) ||
	    !bpf_map_lookup_elem(&endings, &stale.member))
		return 0;
	if (bpf_seq_write(ctx->meta->seq, &stale, sizeof(stale)))
		return 0;
	if (bpf_sock_destroy((struct sock_common *)udp))
		return 0;
	kp_uncount_peer(peer);
	peer->service_id = 0;
	return 0;
}
