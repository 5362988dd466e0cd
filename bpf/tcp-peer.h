/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * tcp-peer.h - places for the peers of TCP sockets, by the low bits of the socket's cookie.
 *
 * Each CPU hands out cookies in order, from blocks of 4,096 that no other has, so a place is free
 * unless a socket of 32,768 cookies ago, or of another multiple, still lives; then the newcomer
 * uses storage of its own. The kernel holds the socket's lock in connect(), getpeername() and
 * release, so a place has to be guarded against other sockets only.
 */
#ifndef KPROXY_TCP_PEER_H
#define KPROXY_TCP_PEER_H

#include "maps.h"

/* Of a tcp_peers map of another size: its number of places less one. */
const volatile __u32 tcp_peer_mask = KP_TCP_PEERS - 1;

static __always_inline struct kp_tcp_peer *kp_tcp_place(__u64 cookie)
{
	__u32 index = cookie & tcp_peer_mask;

	return bpf_map_lookup_elem(&tcp_peers, &index);
}

/* Takes the place for this socket, which does not hold it yet, unless another one does. */
static __always_inline bool kp_claim_tcp_place(struct kp_tcp_peer *place, __u64 cookie)
{
	bool claimed;

	bpf_spin_lock(&place->lock);
	claimed = !place->cookie;
	if (claimed)
		place->cookie = cookie;
	else
		place->spilled = 1;
	bpf_spin_unlock(&place->lock);
	return claimed;
}

/* The lock orders what was read from the place before what the next holder writes. */
static __always_inline void kp_free_tcp_place(struct kp_tcp_peer *place)
{
	bpf_spin_lock(&place->lock);
	place->cookie = 0;
	bpf_spin_unlock(&place->lock);
}

#endif /* KPROXY_TCP_PEER_H */
