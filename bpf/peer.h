/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* peer.h - what a connected socket asked for and was given: for getpeername, recvmsg and counting.
 */
#ifndef KPROXY_PEER_H
#define KPROXY_PEER_H

#include <linux/in.h>
#include "select.h"
#include "tcp-peer.h"

/*
 * What this socket is connected to, if to a Service; `place` is where, if in tcp_peers. `ctx` is
 * the hook's: it knows the cookie.
 */
static __always_inline struct kp_peer *kp_find_peer(void *ctx, struct bpf_sock *sk, __u32 protocol,
						    struct kp_tcp_peer **place)
{
	struct kp_tcp_peer *candidate;
	struct kp_peer *peer;
	__u64 cookie;

	*place = NULL;
	if (protocol == IPPROTO_TCP) {
		cookie = bpf_get_socket_cookie(ctx);
		candidate = kp_tcp_place(cookie);
		if (candidate && candidate->cookie == cookie) {
			*place = candidate;
			return &candidate->peer;
		}
		if (candidate && !candidate->spilled)
			return NULL;
	}
	peer = bpf_sk_storage_get(&socket_peers, sk, NULL, 0);
	return peer && peer->service_id ? peer : NULL;
}

/* A socket that connects anew, or is released, no longer uses the backend that it had. */
static __always_inline void kp_forget_peer(void *ctx, struct bpf_sock *sk, __u32 protocol)
{
	struct kp_tcp_peer *place;
	struct kp_peer *peer = kp_find_peer(ctx, sk, protocol, &place);

	if (!peer)
		return;
	kp_uncount_peer(peer);
	if (place)
		kp_free_tcp_place(place);
	else
		peer->service_id = 0;
}

/* Room for the peer of a socket that has none now. */
static __always_inline struct kp_peer *kp_make_peer(void *ctx, struct bpf_sock *sk, __u32 protocol)
{
	struct kp_tcp_peer *place;
	__u64 cookie;

	if (protocol == IPPROTO_TCP) {
		cookie = bpf_get_socket_cookie(ctx);
		place = kp_tcp_place(cookie);
		if (place && kp_claim_tcp_place(place, cookie))
			return &place->peer;
	}
	return bpf_sk_storage_get(&socket_peers, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
}

/* Without room for it the connection works, but shows its backend and is not counted as active. */
static __always_inline void kp_remember_peer(void *ctx, struct bpf_sock *sk,
					     const struct kp_frontend *frontend,
					     const struct kp_choice *choice)
{
	struct kp_peer *peer = kp_make_peer(ctx, sk, frontend->protocol);

	if (!peer) {
		kp_count_reason(KP_REASON_NO_SOCKET_STORAGE);
		return;
	}
	peer->frontend = frontend->address;
	peer->frontend_port = frontend->port;
	peer->backend = choice->address;
	peer->backend_port = choice->port;
	peer->service_id = choice->service_id;
	peer->backend_id = choice->backend_id;
	peer->counted = 0;
	if (kp_count_connection(choice->service_id, choice->backend_id))
		peer->counted |= KP_COUNTED_ACTIVE;
	if (choice->algorithm == KP_ALGORITHM_LEAST_CONNECTIONS) {
		kp_add_load(choice->backend_id, 1);
		peer->counted |= KP_COUNTED_LOAD;
	}
}

/* The frontend that stands for `address`:`port` on this connected socket, if that is its backend.
 */
static __always_inline bool kp_peer_frontend(void *ctx, struct bpf_sock *sk, __u32 protocol,
					     struct kp_address *address, __be16 *port)
{
	struct kp_tcp_peer *place;
	struct kp_peer *peer = kp_find_peer(ctx, sk, protocol, &place);

	if (!peer)
		return false;
	if (peer->backend_port != *port || !kp_same_address(&peer->backend, address))
		return false;
	*address = peer->frontend;
	*port = peer->frontend_port;
	return true;
}

#endif /* KPROXY_PEER_H */
