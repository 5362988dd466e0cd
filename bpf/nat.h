/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* nat.h - gives a packet other ends. */
#ifndef KPROXY_NAT_H
#define KPROXY_NAT_H

#include "packet.h"

#define KP_ADDRESSES_SIZE (2 * sizeof(struct kp_address))
#define KP_PORTS_SIZE (2 * sizeof(__be16))

/* Since 6.16 and in stable kernels; not in the headers of Debian 12. */
#define KP_F_IPV6 (1ULL << 7)

/*
 * The checksum at `place` after a change of addresses. Of a packet that the device has summed up
 * (CHECKSUM_COMPLETE), IPv6 addresses and this checksum cancel out, which kernels must be told;
 * those that do not know the flag get it wrong, whatever we do.
 */
static __always_inline long kp_fix_pseudo(struct __sk_buff *skb, bool is_ipv4, __u32 place,
					  __s64 change, __u64 flags)
{
	flags |= BPF_F_PSEUDO_HDR;
	if (!is_ipv4 && !bpf_l4_csum_replace(skb, place, 0, change, flags | KP_F_IPV6))
		return 0;
	return bpf_l4_csum_replace(skb, place, 0, change, flags);
}

/* The checksum of UDP may be missing, and must not come to look as if it were. */
static __always_inline int kp_fix_transport(struct __sk_buff *skb, const struct kp_packet *packet,
					    const struct kp_tuple *to)
{
	bool is_tcp = packet->tuple.protocol == IPPROTO_TCP;
	__u32 place = packet->transport +
		      (is_tcp ? offsetof(struct tcphdr, check) : offsetof(struct udphdr, check));
	__u64 flags = is_tcp ? 0 : BPF_F_MARK_MANGLED_0;
	__s64 change;

	/*
	 * Two calls: where the checksum is left to the device (CHECKSUM_PARTIAL), only that of the
	 * pseudo header is in the packet. What IPv4 addresses have in common cancels out.
	 */
	change = bpf_csum_diff((__be32 *)&packet->tuple.source, KP_ADDRESSES_SIZE,
			       (__be32 *)&to->source, KP_ADDRESSES_SIZE, 0);
	if (kp_fix_pseudo(skb, packet->is_ipv4, place, change, flags))
		return -1;
	change = bpf_csum_diff((__be32 *)&packet->tuple.source_port, KP_PORTS_SIZE,
			       (__be32 *)&to->source_port, KP_PORTS_SIZE, 0);
	return bpf_l4_csum_replace(skb, place, 0, change, flags);
}

static __always_inline int kp_write_addresses4(struct __sk_buff *skb,
					       const struct kp_packet *packet,
					       const struct kp_tuple *to)
{
	__be32 old[2] = {packet->tuple.source.word[3], packet->tuple.destination.word[3]};
	__be32 new[2] = {to->source.word[3], to->destination.word[3]};
	__s64 change = bpf_csum_diff(old, sizeof(old), new, sizeof(new), 0);

	if (bpf_l3_csum_replace(skb, packet->network + offsetof(struct iphdr, check), 0, change, 0))
		return -1;
	return bpf_skb_store_bytes(skb, packet->network + offsetof(struct iphdr, saddr), new,
				   sizeof(new), 0);
}

/*
 * Puts `to` in place of the packet's tuple.
 * @return 0, or that the packet cannot be changed (and may be half so)
 */
static __noinline int kp_translate(struct __sk_buff *skb, const struct kp_packet *packet,
				   const struct kp_tuple *to)
{
	if (!packet->is_later && kp_fix_transport(skb, packet, to))
		return -1;
	if (packet->is_ipv4) {
		if (kp_write_addresses4(skb, packet, to))
			return -1;
	} else if (bpf_skb_store_bytes(skb, packet->network + offsetof(struct ipv6hdr, saddr),
				       &to->source, KP_ADDRESSES_SIZE, 0)) {
		return -1;
	}
	if (packet->is_later)
		return 0;
	return bpf_skb_store_bytes(skb, packet->transport, &to->source_port, KP_PORTS_SIZE, 0);
}

#endif /* KPROXY_NAT_H */
