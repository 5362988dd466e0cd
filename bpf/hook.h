/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * hook.h - what the socket hooks do. Each takes the address family of its hook as a constant, so
 * that the compiler leaves only the context fields which that hook may touch.
 */
#ifndef KPROXY_HOOK_H
#define KPROXY_HOOK_H

#include <linux/errno.h>
#include <linux/in.h>
#include <bpf/bpf_endian.h>
#include "flow.h"

/* Verdicts of the kernel's cgroup hooks. */
#define PROCEED 1
#define REJECT 0

enum kp_family {
	KP_IPV4,
	KP_IPV6, /* of the socket: its addresses may be v4-mapped */
};

/* bpf_set_retval() came with kernel 5.18; without it a refusal needs another way. */
const volatile bool can_set_retval = true;

static __always_inline void kp_read(struct bpf_sock_addr *ctx, enum kp_family family,
				    struct kp_frontend *frontend)
{
	if (family == KP_IPV4) {
		frontend->address.word[0] = 0;
		frontend->address.word[1] = 0;
		frontend->address.word[2] = bpf_htonl(0xffff);
		frontend->address.word[3] = ctx->user_ip4;
	} else {
		frontend->address.word[0] = ctx->user_ip6[0];
		frontend->address.word[1] = ctx->user_ip6[1];
		frontend->address.word[2] = ctx->user_ip6[2];
		frontend->address.word[3] = ctx->user_ip6[3];
	}
	frontend->port = (__be16)ctx->user_port;
	frontend->protocol = (__u8)ctx->protocol;
	frontend->scope = KP_SCOPE_ADDRESS;
}

static __always_inline void kp_write(struct bpf_sock_addr *ctx, enum kp_family family,
				     const struct kp_address *address, __be16 port)
{
	if (family == KP_IPV4) {
		ctx->user_ip4 = address->word[3];
	} else {
		ctx->user_ip6[0] = address->word[0];
		ctx->user_ip6[1] = address->word[1];
		ctx->user_ip6[2] = address->word[2];
		ctx->user_ip6[3] = address->word[3];
	}
	ctx->user_port = port;
}

/*
 * The refusal of kernels without bpf_set_retval(): port 0 on the loopback, where nobody can listen,
 * so that the stack itself refuses. A v4-mapped UDP socket would fail to send there with EINVAL.
 */
static __always_inline bool kp_refuse_by_rewrite(struct bpf_sock_addr *ctx, enum kp_family family,
						 const struct kp_frontend *frontend)
{
	struct kp_address loopback = {.word = {0, 0, 0, bpf_htonl(1)}};

	if (kp_is_mapped(&frontend->address)) {
		if (family == KP_IPV6 && frontend->protocol == IPPROTO_UDP)
			return false;
		loopback.word[2] = bpf_htonl(0xffff);
		loopback.word[3] = bpf_htonl(0x7f000001);
	}
	kp_write(ctx, family, &loopback, 0);
	return true;
}

/* Fails the system call: with its errno, or before 5.18 always with EPERM. */
static __always_inline int kp_fail(enum kp_verdict verdict)
{
	if (can_set_retval) {
		if (verdict == KP_VERDICT_REFUSE)
			bpf_set_retval(-ECONNREFUSED);
		else if (verdict == KP_VERDICT_DROP)
			/* A hook cannot lose a packet silently; to say so is the nearest it has. */
			bpf_set_retval(-EHOSTUNREACH);
		else
			bpf_set_retval(-EAGAIN);
	}
	return REJECT;
}

static __always_inline void kp_count_failure(enum kp_verdict verdict, __u32 service_id)
{
	struct kp_service_stats *row;

	if (verdict == KP_VERDICT_FAIL || !service_id)
		return;
	row = kp_service_row(service_id);
	if (!row)
		return;
	if (verdict == KP_VERDICT_REFUSE)
		row->refused++;
	else
		row->dropped++;
}

/* The whole way from a frontend to a verdict. */
static __always_inline enum kp_verdict
kp_resolve(struct bpf_sock_addr *ctx, const struct kp_frontend *frontend, struct kp_choice *choice)
{
	struct kp_client client = {};
	struct kp_service record;
	enum kp_verdict verdict;
	enum kp_found found;
	enum kp_list list;

	found = kp_find_service(frontend, kp_may_mean_host(ctx, frontend), &record);
	if (found != KP_FOUND_SERVICE)
		return kp_verdict_without_service(found);
	verdict = kp_meet_client(ctx, frontend, &record, &client, choice);
	if (verdict != KP_VERDICT_TRANSLATE)
		return verdict;
	list = kp_list_for(&record, kp_is_mapped(&frontend->address), client.is_host);
	return kp_choose(&record, list, frontend, &client, choice);
}

/* connect(): chooses once for the life of the connection. */
static __always_inline int kp_connect(struct bpf_sock_addr *ctx, enum kp_family family)
{
	struct bpf_sock *sk = ctx->sk;
	struct kp_frontend frontend;
	struct kp_choice choice = {};
	enum kp_verdict verdict;

	if (!sk || (ctx->protocol != IPPROTO_TCP && ctx->protocol != IPPROTO_UDP))
		return PROCEED;
	kp_read(ctx, family, &frontend);
	verdict = kp_resolve(ctx, &frontend, &choice);
	if (verdict != KP_VERDICT_PASS && verdict != KP_VERDICT_TRANSLATE) {
		kp_count_failure(verdict, choice.service_id);
		/* A connect() that fails here leaves a UDP socket with the peer that it had. */
		if (can_set_retval || verdict != KP_VERDICT_REFUSE ||
		    !kp_refuse_by_rewrite(ctx, family, &frontend))
			return kp_fail(verdict);
	}

	kp_forget_peer(ctx, sk, frontend.protocol);
	if (frontend.protocol == IPPROTO_UDP)
		kp_forget_flows(sk);
	if (verdict == KP_VERDICT_TRANSLATE) {
		kp_remember_peer(ctx, sk, &frontend, &choice);
		kp_write(ctx, family, &choice.address, choice.port);
	}
	return PROCEED;
}

/* sendmsg() with an address on a UDP socket. */
static __always_inline int kp_send(struct bpf_sock_addr *ctx, enum kp_family family)
{
	struct bpf_sock *sk = ctx->sk;
	struct kp_frontend frontend;
	struct kp_choice choice = {};
	enum kp_verdict verdict;

	if (!sk)
		return PROCEED;
	kp_read(ctx, family, &frontend);
	verdict = kp_resolve_datagram(ctx, sk, &frontend, &choice);
	if (verdict == KP_VERDICT_PASS)
		return PROCEED;
	if (verdict != KP_VERDICT_TRANSLATE) {
		kp_count_failure(verdict, choice.service_id);
		return kp_fail(verdict);
	}
	kp_count_datagram(choice.service_id, choice.backend_id);
	kp_write(ctx, family, &choice.address, choice.port);
	return PROCEED;
}

/*
 * recvmsg(): a backend that this socket sent to, or is connected to, appears as its frontend. What
 * was sent to since it connected comes first. connect(AF_UNSPEC) runs no hook, hence the state.
 */
static __always_inline int kp_receive(struct bpf_sock_addr *ctx, enum kp_family family)
{
	struct bpf_sock *sk = ctx->sk;
	struct kp_frontend sender;
	bool connected;

	if (!sk)
		return PROCEED;
	kp_read(ctx, family, &sender);
	connected = sk->state == BPF_TCP_ESTABLISHED;
	if (kp_flow_frontend(sk, &sender.address, &sender.port) ||
	    (connected && kp_peer_frontend(ctx, sk, IPPROTO_UDP, &sender.address, &sender.port)))
		kp_write(ctx, family, &sender.address, sender.port);
	return PROCEED;
}

/* getpeername(): the address that connect() was given. */
static __always_inline int kp_show_peer(struct bpf_sock_addr *ctx, enum kp_family family)
{
	struct bpf_sock *sk = ctx->sk;
	struct kp_frontend peer;

	if (!sk)
		return PROCEED;
	kp_read(ctx, family, &peer);
	if (kp_peer_frontend(ctx, sk, peer.protocol, &peer.address, &peer.port))
		kp_write(ctx, family, &peer.address, peer.port);
	return PROCEED;
}

#endif /* KPROXY_HOOK_H */
