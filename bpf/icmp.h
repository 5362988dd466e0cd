/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* icmp.h - answers a packet with an ICMP error, as a router would, with the packet inside. */
#ifndef KPROXY_ICMP_H
#define KPROXY_ICMP_H

#include "packet.h"

/* The whole error fits what every link carries: RFC 1812 4.3.2.3, RFC 4443 2.4. */
#define KP_ICMP4_LIMIT 576
#define KP_ICMP6_LIMIT 1280
#define KP_ICMP_TTL 64

/* Bytes that one call adds up. */
#define KP_SUM_CHUNK 64

/* Types and codes: RFC 792, RFC 1191, RFC 4443. */
#define KP_ICMP4_UNREACHABLE 3
#define KP_ICMP4_CODE_PORT 3
#define KP_ICMP4_CODE_TOO_BIG 4
#define KP_ICMP4_TIME_EXCEEDED 11
#define KP_ICMP6_UNREACHABLE 1
#define KP_ICMP6_CODE_PORT 4
#define KP_ICMP6_TOO_BIG 2
#define KP_ICMP6_TIME_EXCEEDED 3

/* The header of an error, alike in both families; not that of linux/icmp.h, which needs libc. */
struct kp_icmp {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__be32 rest; /* the MTU where there is one: RFC 1191 has it in the lower half */
};

enum kp_icmp_error {
	KP_ICMP_PORT_UNREACHABLE,
	KP_ICMP_TIME_EXCEEDED,
	KP_ICMP_TOO_BIG,
};

struct kp_icmp_sum {
	__u32 offset;
	__u32 end;
	__s64 sum;
};

struct kp_error4 {
	struct iphdr ip;
	struct kp_icmp icmp;
};

struct kp_error6 {
	struct ipv6hdr ip;
	struct kp_icmp icmp;
};

static __always_inline __u16 kp_fold(__s64 sum)
{
	__u32 folded = (__u32)sum;

	folded = (folded & 0xffff) + (folded >> 16);
	folded = (folded & 0xffff) + (folded >> 16);
	return ~folded;
}

/*
 * Adds the bytes from `offset` to `end`, a multiple of 4. A checksum that is left to the device may
 * still be missing there: then the sum is wrong once the device has filled it in (E21).
 *
 * A global function, so that the verifier follows its loops once.
 */
__noinline __u32 kp_sum_bytes(struct __sk_buff *skb, __u32 offset, __u32 end, __u32 sum)
{
	__be32 chunk[KP_SUM_CHUNK / 4];

	for (int i = 0; i < KP_ICMP6_LIMIT / KP_SUM_CHUNK; i++) {
		if (offset + KP_SUM_CHUNK > end)
			break;
		if (bpf_skb_load_bytes(skb, offset, chunk, KP_SUM_CHUNK))
			return sum;
		sum = bpf_csum_diff(NULL, 0, chunk, sizeof(chunk), sum);
		offset += KP_SUM_CHUNK;
	}
	for (int i = 0; i < KP_SUM_CHUNK / 4; i++) {
		if (offset + 4 > end || bpf_skb_load_bytes(skb, offset, chunk, 4))
			break;
		sum = bpf_csum_diff(NULL, 0, chunk, 4, sum);
		offset += 4;
	}
	return sum;
}

/* Makes room for `size` bytes behind the Ethernet header, and turns that round. */
static __always_inline int kp_make_room(struct __sk_buff *skb, __u32 size)
{
	struct ethhdr ethernet;
	__u8 from[ETH_ALEN];

	if (bpf_skb_change_head(skb, size, 0) ||
	    bpf_skb_load_bytes(skb, size, &ethernet, sizeof(ethernet)))
		return -1;
	__builtin_memcpy(from, ethernet.h_source, ETH_ALEN);
	__builtin_memcpy(ethernet.h_source, ethernet.h_dest, ETH_ALEN);
	__builtin_memcpy(ethernet.h_dest, from, ETH_ALEN);
	return bpf_skb_store_bytes(skb, 0, &ethernet, sizeof(ethernet), 0);
}

static __always_inline int kp_write_error4(struct __sk_buff *skb, const struct kp_packet *packet,
					   enum kp_icmp_error error, __u32 mtu)
{
	struct kp_error4 head = {};
	__s64 sum;

	if (kp_make_room(skb, sizeof(head)))
		return -1;
	head.ip.version = 4;
	head.ip.ihl = sizeof(head.ip) / 4;
	head.ip.tot_len = bpf_htons(skb->len - ETH_HLEN);
	head.ip.ttl = KP_ICMP_TTL;
	head.ip.protocol = IPPROTO_ICMP;
	head.ip.saddr = packet->tuple.destination.word[3];
	head.ip.daddr = packet->tuple.source.word[3];
	head.ip.check = kp_fold(bpf_csum_diff(NULL, 0, (__be32 *)&head.ip, sizeof(head.ip), 0));
	head.icmp.type = KP_ICMP4_UNREACHABLE;
	head.icmp.code = KP_ICMP4_CODE_PORT;
	if (error == KP_ICMP_TIME_EXCEEDED) {
		head.icmp.type = KP_ICMP4_TIME_EXCEEDED;
		head.icmp.code = 0;
	} else if (error == KP_ICMP_TOO_BIG) {
		head.icmp.code = KP_ICMP4_CODE_TOO_BIG;
		head.icmp.rest = bpf_htonl(mtu & 0xffff);
	}
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.icmp, sizeof(head.icmp), 0);
	sum = kp_sum_bytes(skb, ETH_HLEN + sizeof(head), skb->len, sum);
	head.icmp.checksum = kp_fold(sum);
	return bpf_skb_store_bytes(skb, ETH_HLEN, &head, sizeof(head), 0);
}

static __always_inline int kp_write_error6(struct __sk_buff *skb, const struct kp_packet *packet,
					   enum kp_icmp_error error, __u32 mtu)
{
	struct kp_error6 head = {};
	__be32 last[2];
	__s64 sum;

	if (kp_make_room(skb, sizeof(head)))
		return -1;
	head.ip.version = 6;
	head.ip.payload_len = bpf_htons(skb->len - ETH_HLEN - sizeof(head.ip));
	head.ip.nexthdr = IPPROTO_ICMPV6;
	head.ip.hop_limit = KP_ICMP_TTL;
	__builtin_memcpy(&head.ip.saddr, &packet->tuple.destination, sizeof(head.ip.saddr));
	__builtin_memcpy(&head.ip.daddr, &packet->tuple.source, sizeof(head.ip.daddr));
	head.icmp.type = KP_ICMP6_UNREACHABLE;
	head.icmp.code = KP_ICMP6_CODE_PORT;
	if (error == KP_ICMP_TIME_EXCEEDED) {
		head.icmp.type = KP_ICMP6_TIME_EXCEEDED;
		head.icmp.code = 0;
	} else if (error == KP_ICMP_TOO_BIG) {
		head.icmp.type = KP_ICMP6_TOO_BIG;
		head.icmp.code = 0;
		head.icmp.rest = bpf_htonl(mtu);
	}
	/* Of the pseudo header: both addresses, length, protocol. */
	last[0] = bpf_htonl(skb->len - ETH_HLEN - sizeof(head.ip));
	last[1] = bpf_htonl(IPPROTO_ICMPV6);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.ip.saddr, 2 * sizeof(head.ip.saddr), 0);
	sum = bpf_csum_diff(NULL, 0, last, sizeof(last), (__u32)sum);
	sum = bpf_csum_diff(NULL, 0, (__be32 *)&head.icmp, sizeof(head.icmp), (__u32)sum);
	sum = kp_sum_bytes(skb, ETH_HLEN + sizeof(head), skb->len, sum);
	head.icmp.checksum = kp_fold(sum);
	return bpf_skb_store_bytes(skb, ETH_HLEN, &head, sizeof(head), 0);
}

/*
 * Turns the packet into the error and sends it back to where it came from.
 * @return a verdict of tc, or -1: the packet is still as it was
 */
static __noinline int kp_answer_error(struct __sk_buff *skb, const struct kp_packet *packet,
				      enum kp_icmp_error error, __u32 mtu)
{
	__u32 limit = packet->is_ipv4
			  ? KP_ICMP4_LIMIT - sizeof(struct iphdr) - sizeof(struct kp_icmp)
			  : KP_ICMP6_LIMIT - sizeof(struct ipv6hdr) - sizeof(struct kp_icmp);

	__u32 length = skb->len - ETH_HLEN;

	/* Whole words are added up; one or two bytes of payload less harm nobody. */
	length = length > limit ? limit : length & ~3U;
	if (skb->len != ETH_HLEN + length && bpf_skb_change_tail(skb, ETH_HLEN + length, 0))
		return -1;
	if (packet->is_ipv4 ? kp_write_error4(skb, packet, error, mtu)
			    : kp_write_error6(skb, packet, error, mtu))
		return -1;
	return bpf_redirect(skb->ifindex, 0);
}

#endif /* KPROXY_ICMP_H */
