/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * related.h - ICMP errors about packets of our flows. Whoever sent the packet must find in the
 * error what it had sent, or it takes no notice: no path MTU discovery, no refusal, no traceroute
 * (E20).
 */
#ifndef KPROXY_RELATED_H
#define KPROXY_RELATED_H

#include "conntrack.h"
#include "forward.h"

#define KP_ICMP4_PARAMETER_PROBLEM 12
#define KP_ICMP6_PARAMETER_PROBLEM 4

/* Errors have a packet inside; nothing else of ICMP is about a flow. */
static __always_inline bool kp_is_error(const struct kp_packet *packet, __u8 type)
{
	if (packet->is_ipv4)
		return type == KP_ICMP4_UNREACHABLE || type == KP_ICMP4_TIME_EXCEEDED ||
		       type == KP_ICMP4_PARAMETER_PROBLEM;
	return type >= KP_ICMP6_UNREACHABLE && type <= KP_ICMP6_PARAMETER_PROBLEM;
}

/* Finds the packet inside. @return false: it has none that could be of a flow */
static __always_inline bool kp_open_error(struct __sk_buff *skb, const struct kp_packet *packet,
					  struct kp_packet *inner)
{
	__u8 type;

	if (bpf_skb_load_bytes(skb, packet->transport, &type, sizeof(type)) ||
	    !kp_is_error(packet, type))
		return false;
	inner->network = packet->transport + sizeof(struct kp_icmp);
	return kp_parse_inner(skb, packet->is_ipv4, inner);
}

/*
 * Puts `to` in place of the tuple of the packet inside. Its transport checksum stays: it may be cut
 * off, and who gets the error does not look at it. Of IPv4 addresses and their header's checksum
 * the sum is the same as before, so that the checksum of ICMP takes note of the ports alone.
 */
static __always_inline int kp_rewrite_inner(struct __sk_buff *skb, const struct kp_packet *packet,
					    const struct kp_packet *inner,
					    const struct kp_tuple *to)
{
	__u32 check = packet->transport + offsetof(struct kp_icmp, checksum);
	__s64 change;

	change = bpf_csum_diff((__be32 *)&inner->tuple.source_port, KP_PORTS_SIZE,
			       (__be32 *)&to->source_port, KP_PORTS_SIZE, 0);
	if (bpf_l4_csum_replace(skb, check, 0, change, 0))
		return -1;
	if (packet->is_ipv4) {
		if (kp_write_addresses4(skb, inner, to))
			return -1;
	} else {
		change = bpf_csum_diff((__be32 *)&inner->tuple.source, KP_ADDRESSES_SIZE,
				       (__be32 *)&to->source, KP_ADDRESSES_SIZE, 0);
		if (bpf_l4_csum_replace(skb, check, 0, change, 0) ||
		    bpf_skb_store_bytes(skb, inner->network + offsetof(struct ipv6hdr, saddr),
					&to->source, KP_ADDRESSES_SIZE, 0))
			return -1;
	}
	return bpf_skb_store_bytes(skb, inner->transport, &to->source_port, KP_PORTS_SIZE, 0);
}

/* Gives the error itself other ends; the checksum of ICMPv6 is over those too. */
static __always_inline int kp_rewrite_outer(struct __sk_buff *skb, const struct kp_packet *packet,
					    const struct kp_tuple *to)
{
	__u32 check = packet->transport + offsetof(struct kp_icmp, checksum);
	__s64 change;

	if (packet->is_ipv4)
		return kp_write_addresses4(skb, packet, to);
	change = bpf_csum_diff((__be32 *)&packet->tuple.source, KP_ADDRESSES_SIZE,
			       (__be32 *)&to->source, KP_ADDRESSES_SIZE, 0);
	if (kp_fix_pseudo(skb, false, check, change, 0))
		return -1;
	return bpf_skb_store_bytes(skb, packet->network + offsetof(struct ipv6hdr, saddr),
				   &to->source, KP_ADDRESSES_SIZE, 0);
}

/*
 * The ends that the error gets. It goes where the packet inside came from. Its sender is somebody
 * on the way, who stays as he is; but the backend goes by the frontend, and towards a machine that
 * knows of this node alone, this node speaks for him.
 *
 * @param sent the packet inside, as its sender knows it
 */
static __always_inline void kp_address_error(const struct kp_packet *packet,
					     const struct kp_packet *inner,
					     const struct kp_tuple *sent, bool is_remote,
					     struct kp_tuple *ends)
{
	__builtin_memset(ends, 0, sizeof(*ends));
	ends->destination = sent->source;
	ends->source = packet->tuple.source;
	if (is_remote || kp_same_address(&packet->tuple.source, &inner->tuple.destination))
		ends->source = sent->destination;
}

/* Room for what becomes of an error. */
struct kp_related {
	struct kp_packet inner;
	struct kp_tuple replies; /* to the packet inside: the key of its flow */
	struct kp_tuple sent;	 /* the packet inside, as its sender knows it */
	struct kp_tuple ends;
};

/*
 * Finds what an ICMP packet is about.
 * @return the flags of the entry for the direction opposite to the packet inside, or -1: of no flow
 */
static __noinline int kp_relate(struct __sk_buff *skb, const struct kp_packet *packet,
				struct kp_related *related)
{
	struct kp_track *track;
	struct kp_tuple back;
	bool is_half_open;

	__builtin_memset(&related->inner, 0, sizeof(related->inner));
	if (!kp_open_error(skb, packet, &related->inner))
		return -1;
	kp_turn_round(&related->inner.tuple, &related->replies);
	track = kp_find_track(&related->replies, &back, &is_half_open);
	if (!track)
		return -1;
	kp_turn_round(&back, &related->sent);
	kp_address_error(packet, &related->inner, &related->sent, track->flags & KP_TRACK_REMOTE,
			 &related->ends);
	related->ends.protocol = packet->tuple.protocol;
	return track->flags;
}

/* Translates the error. @return 0, or -1 (counted) */
static __noinline int kp_rewrite_error(struct __sk_buff *skb, const struct kp_packet *packet,
				       const struct kp_related *related)
{
	if (kp_rewrite_inner(skb, packet, &related->inner, &related->sent) ||
	    kp_rewrite_outer(skb, packet, &related->ends)) {
		kp_count_reason(KP_REASON_NOT_WRITABLE);
		return -1;
	}
	return 0;
}

/* Sends an error on to another machine. @return a verdict of tc */
static __noinline int kp_forward_error(struct __sk_buff *skb, const struct kp_packet *packet,
				       const struct kp_related *related)
{
	struct bpf_fib_lookup route;
	long answer;

	if (packet->ttl <= 1) {
		kp_count_reason(KP_REASON_TTL_EXCEEDED);
		return TC_ACT_SHOT;
	}
	answer = kp_find_route(skb, packet, &related->ends, &route);
	if (answer != BPF_FIB_LKUP_RET_SUCCESS && answer != BPF_FIB_LKUP_RET_NO_NEIGH) {
		kp_count_reason(KP_REASON_NO_ROUTE);
		return TC_ACT_SHOT;
	}
	if (kp_rewrite_error(skb, packet, related) || kp_lower_ttl(skb, packet))
		return TC_ACT_SHOT;
	return kp_leave(&route);
}

#endif /* KPROXY_RELATED_H */
