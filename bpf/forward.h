/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * forward.h - carries a packet to another machine without the stack. Our stack would take one that
 * comes in with an address of ours as its source for a forgery.
 */
#ifndef KPROXY_FORWARD_H
#define KPROXY_FORWARD_H

#include "icmp.h"
#include "nat.h"
#include "stats.h"

/* include/linux/socket.h */
#define KP_AF_INET 2
#define KP_AF_INET6 10

/* What the link must carry at once: of a packet that the device will cut, one piece. */
static __always_inline __u32 kp_link_length(struct __sk_buff *skb, const struct kp_packet *packet)
{
	if (!skb->gso_size)
		return packet->length;
	return packet->transport - packet->network + packet->header + skb->gso_size;
}

/* Which way `tuple` goes; as bpf_fib_lookup(), whose answer is in `route`. */
static __always_inline long kp_find_route(struct __sk_buff *skb, const struct kp_packet *packet,
					  const struct kp_tuple *tuple,
					  struct bpf_fib_lookup *route)
{
	__builtin_memset(route, 0, sizeof(*route));
	route->ifindex = skb->ifindex;
	route->l4_protocol = tuple->protocol;
	route->sport = tuple->source_port;
	route->dport = tuple->destination_port;
	route->tot_len = kp_link_length(skb, packet);
	if (packet->is_ipv4) {
		route->family = KP_AF_INET;
		route->ipv4_src = tuple->source.word[3];
		route->ipv4_dst = tuple->destination.word[3];
	} else {
		route->family = KP_AF_INET6;
		__builtin_memcpy(route->ipv6_src, &tuple->source, sizeof(route->ipv6_src));
		__builtin_memcpy(route->ipv6_dst, &tuple->destination, sizeof(route->ipv6_dst));
	}
	return bpf_fib_lookup(skb, route, sizeof(*route), 0);
}

static __always_inline int kp_lower_ttl(struct __sk_buff *skb, const struct kp_packet *packet)
{
	__u32 place = packet->network;
	__u8 ttl = packet->ttl - 1;

	if (!packet->is_ipv4)
		return bpf_skb_store_bytes(skb, place + offsetof(struct ipv6hdr, hop_limit), &ttl,
					   sizeof(ttl), 0);
	/* The 16 bits of which the TTL is the first half. */
	if (bpf_l3_csum_replace(skb, place + offsetof(struct iphdr, check),
				bpf_htons(packet->ttl << 8), bpf_htons(ttl << 8), 2))
		return -1;
	return bpf_skb_store_bytes(skb, place + offsetof(struct iphdr, ttl), &ttl, sizeof(ttl), 0);
}

/*
 * By the neighbour that the kernel knows, or asks for, and goes on to check: with a MAC address of
 * our own finding, which is 200 ns faster, a neighbour that changed it silently would never be
 * found again.
 */
static __always_inline int kp_leave(const struct bpf_fib_lookup *route)
{
	struct bpf_redir_neigh hop = {.nh_family = route->family};

	if (route->family == KP_AF_INET)
		hop.ipv4_nh = route->ipv4_dst;
	else
		__builtin_memcpy(hop.ipv6_nh, route->ipv6_dst, sizeof(hop.ipv6_nh));
	return bpf_redirect_neigh(route->ifindex, &hop, sizeof(hop), 0);
}

/* A packet that cannot be carried on is answered, as the stack would have done. */
static __always_inline int kp_answer_or_drop(struct __sk_buff *skb, const struct kp_packet *packet,
					     enum kp_icmp_error error, __u32 mtu)
{
	int action;

	/* Nobody is told of a later fragment: its sender would not know whose it is (RFC
	 * 1812 4.3.2.7). */
	if (packet->is_later)
		return TC_ACT_SHOT;
	action = kp_answer_error(skb, packet, error, mtu);

	return action < 0 ? TC_ACT_SHOT : action;
}

/* Makes `to` of the packet and sends it there. @return a verdict of tc */
static __noinline int kp_forward(struct __sk_buff *skb, const struct kp_packet *packet,
				 const struct kp_tuple *to)
{
	struct bpf_fib_lookup route;
	long answer;

	if (packet->ttl <= 1) {
		kp_count_reason(KP_REASON_TTL_EXCEEDED);
		return kp_answer_or_drop(skb, packet, KP_ICMP_TIME_EXCEEDED, 0);
	}
	answer = kp_find_route(skb, packet, to, &route);
	if (answer == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
		kp_count_reason(KP_REASON_PACKET_TOO_BIG);
		if (packet->may_fragment)
			return TC_ACT_SHOT;
		return kp_answer_or_drop(skb, packet, KP_ICMP_TOO_BIG, route.mtu_result);
	}
	if (answer != BPF_FIB_LKUP_RET_SUCCESS && answer != BPF_FIB_LKUP_RET_NO_NEIGH) {
		kp_count_reason(KP_REASON_NO_ROUTE);
		return TC_ACT_SHOT;
	}
	if (kp_translate(skb, packet, to) || kp_lower_ttl(skb, packet)) {
		kp_count_reason(KP_REASON_NOT_WRITABLE);
		return TC_ACT_SHOT;
	}
	return kp_leave(&route);
}

#endif /* KPROXY_FORWARD_H */
