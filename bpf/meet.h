/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* meet.h - what a socket hook must know of a client before a service may choose for it. */
#ifndef KPROXY_MEET_H
#define KPROXY_MEET_H

#include <linux/in.h>
#include "select.h"

/* Asked for only where the answer matters: is this host the client, of a loopback address? */
static __always_inline bool kp_may_mean_host(void *ctx, const struct kp_frontend *frontend)
{
	return kp_is_loopback4(&frontend->address) && kp_is_host(ctx);
}

/* The address that a socket is bound to, or will have. */
static __always_inline bool kp_source_of(struct bpf_sock_addr *ctx, __u64 netns, bool is_ipv4,
					 struct kp_address *source)
{
	struct bpf_sock *sk = ctx->sk;
	__u64 half[2];

	if (!sk)
		return false;
	if (is_ipv4) {
		source->word[2] = bpf_htonl(0xffff);
		source->word[3] = sk->src_ip4 ? sk->src_ip4 : kp_find_source4(netns);
		return source->word[3];
	}
	source->word[0] = sk->src_ip6[0];
	source->word[1] = sk->src_ip6[1];
	source->word[2] = sk->src_ip6[2];
	source->word[3] = sk->src_ip6[3];
	if (source->word[0] || source->word[1] || source->word[2] || source->word[3])
		return true;
	half[0] = kp_find_source6(netns, 0);
	half[1] = kp_find_source6(netns, 1);
	__builtin_memcpy(source, half, sizeof(*source));
	return half[0];
}

/*
 * Fills in what this service asks about a client, and no more: each answer is a call to the kernel.
 * @return KP_VERDICT_TRANSLATE, or that the client may not use it (TR-31)
 */
static __always_inline enum kp_verdict
kp_meet_client(struct bpf_sock_addr *ctx, const struct kp_frontend *frontend,
	       const struct kp_service *record, struct kp_client *client, struct kp_choice *choice)
{
	if (record->algorithm == KP_ALGORITHM_MAGLEV)
		client->socket = bpf_get_socket_cookie(ctx);
	if (record->frontend_class == KP_CLASS_CLUSTER_IP && !record->affinity_seconds &&
	    record->algorithm < KP_ALGORITHM_SOURCE_HASH)
		return KP_VERDICT_TRANSLATE;
	client->netns = bpf_get_netns_cookie(ctx);
	client->is_host = host_netns && client->netns == host_netns;
	if (!kp_has_limits(record))
		return KP_VERDICT_TRANSLATE;
	if (!client->is_host)
		client->has_source = kp_source_of(
		    ctx, client->netns, kp_is_mapped(&frontend->address), &client->source);
	return kp_admits(record, client) ? KP_VERDICT_TRANSLATE : kp_deny(record, choice);
}

#endif /* KPROXY_MEET_H */
