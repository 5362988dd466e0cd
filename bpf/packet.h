/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* packet.h - what the edge plane knows of a packet: its two ends, and where its headers are. */
#ifndef KPROXY_PACKET_H
#define KPROXY_PACKET_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include "maps.h"

/* Bits of the 14th byte of a TCP header. */
enum kp_tcp_flag {
	KP_TCP_FIN = 1 << 0,
	KP_TCP_SYN = 1 << 1,
	KP_TCP_RST = 1 << 2,
	KP_TCP_ACK = 1 << 4,
};

/* Extension headers that are stepped over; more are in nobody's packets. */
#define KP_EXTENSIONS 6

#define KP_FRAGMENT_OFFSET 0x1fff /* IPv4 */
#define KP_MORE_FRAGMENTS 0x2000
#define KP_FRAGMENT_OFFSET6 0xfff8 /* IPv6; the lowest bit says that there are more */
#define KP_MORE_FRAGMENTS6 1
#define KP_DONT_FRAGMENT 0x4000

struct kp_packet {
	struct kp_tuple tuple;
	__u32 network; /* offsets from the start of the frame */
	__u32 transport;
	__u32 length;	/* of the network packet, with its header */
	__u32 header;	/* bytes of the transport header */
	__u32 sequence; /* TCP: one past its last byte */
	__u8 tcp_flags; /* enum kp_tcp_flag */
	__u8 ttl;
	bool is_ipv4;
	bool may_fragment;
	bool has_more; /* the first fragment of several */
	bool is_later; /* another one: it has no transport header */
	__be32 fragment_id;
};

enum kp_parsed {
	KP_PARSED_NOTHING, /* not TCP or UDP over IP, or broken: for the stack to judge */
	KP_PARSED,
	KP_PARSED_FRAGMENT, /* not the first: its ports are not known from itself */
	KP_PARSED_ICMP,	    /* of its family; `transport` is known, and nothing behind it */
};

static __always_inline enum kp_parsed kp_parse4(struct __sk_buff *skb, struct kp_packet *packet)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, packet->network, &ip, sizeof(ip)))
		return KP_PARSED_NOTHING;
	if (ip.version != 4 || ip.ihl < 5)
		return KP_PARSED_NOTHING;
	packet->is_ipv4 = true;
	packet->tuple.protocol = ip.protocol;
	packet->tuple.source.word[2] = bpf_htonl(0xffff);
	packet->tuple.source.word[3] = ip.saddr;
	packet->tuple.destination.word[2] = bpf_htonl(0xffff);
	packet->tuple.destination.word[3] = ip.daddr;
	packet->transport = packet->network + 4 * ip.ihl;
	packet->length = bpf_ntohs(ip.tot_len);
	packet->ttl = ip.ttl;
	packet->may_fragment = !(ip.frag_off & bpf_htons(KP_DONT_FRAGMENT));
	packet->fragment_id = bpf_htonl(bpf_ntohs(ip.id));
	packet->has_more = ip.frag_off & bpf_htons(KP_MORE_FRAGMENTS);
	packet->is_later = ip.frag_off & bpf_htons(KP_FRAGMENT_OFFSET);
	return packet->is_later ? KP_PARSED_FRAGMENT : KP_PARSED;
}

/* RFC 8200 4.5 */
struct kp_fragment_header {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

/* Steps over the extension headers in front of the transport header (E30). */
static __always_inline enum kp_parsed kp_skip_extensions(struct __sk_buff *skb,
							 struct kp_packet *packet, __u8 next)
{
	struct kp_fragment_header fragment;
	__u8 head[2]; /* of an extension: the next header, and its own length in 8 bytes less one */

	for (int i = 0; i < KP_EXTENSIONS; i++) {
		switch (next) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			break;
		case IPPROTO_FRAGMENT:
			if (bpf_skb_load_bytes(skb, packet->transport, &fragment, sizeof(fragment)))
				return KP_PARSED_NOTHING;
			packet->fragment_id = fragment.id;
			packet->has_more = fragment.offset & bpf_htons(KP_MORE_FRAGMENTS6);
			packet->is_later = fragment.offset & bpf_htons(KP_FRAGMENT_OFFSET6);
			next = fragment.next;
			packet->transport += sizeof(fragment);
			if (!packet->is_later)
				continue;
			packet->tuple.protocol = next;
			return KP_PARSED_FRAGMENT;
		default:
			packet->tuple.protocol = next;
			return KP_PARSED;
		}
		if (bpf_skb_load_bytes(skb, packet->transport, head, sizeof(head)))
			return KP_PARSED_NOTHING;
		next = head[0];
		packet->transport += 8 * (head[1] + 1);
	}
	return KP_PARSED_NOTHING;
}

static __always_inline enum kp_parsed kp_parse6(struct __sk_buff *skb, struct kp_packet *packet)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, packet->network, &ip, sizeof(ip)))
		return KP_PARSED_NOTHING;
	if (ip.version != 6)
		return KP_PARSED_NOTHING;
	__builtin_memcpy(&packet->tuple.source, &ip.saddr, sizeof(packet->tuple.source));
	__builtin_memcpy(&packet->tuple.destination, &ip.daddr, sizeof(packet->tuple.destination));
	packet->transport = packet->network + sizeof(ip);
	packet->length = bpf_ntohs(ip.payload_len) + sizeof(ip);
	packet->ttl = ip.hop_limit;
	return kp_skip_extensions(skb, packet, ip.nexthdr);
}

static __always_inline enum kp_parsed kp_parse_tcp(struct __sk_buff *skb, struct kp_packet *packet)
{
	__u32 behind = packet->transport - packet->network;
	struct tcphdr tcp;
	__u8 flags;

	if (bpf_skb_load_bytes(skb, packet->transport, &tcp, sizeof(tcp)))
		return KP_PARSED_NOTHING;
	flags = ((const __u8 *)&tcp)[13];
	packet->header = 4 * tcp.doff;
	if (packet->header < sizeof(tcp) || packet->length < behind + packet->header)
		return KP_PARSED_NOTHING;
	packet->tuple.source_port = tcp.source;
	packet->tuple.destination_port = tcp.dest;
	packet->tcp_flags = flags;
	packet->sequence = bpf_ntohl(tcp.seq) + packet->length - behind - packet->header;
	if (flags & (KP_TCP_SYN | KP_TCP_FIN))
		packet->sequence++;
	return KP_PARSED;
}

static __always_inline enum kp_parsed kp_parse_udp(struct __sk_buff *skb, struct kp_packet *packet)
{
	struct udphdr udp;

	if (bpf_skb_load_bytes(skb, packet->transport, &udp, sizeof(udp)))
		return KP_PARSED_NOTHING;
	packet->header = sizeof(udp);
	packet->tuple.source_port = udp.source;
	packet->tuple.destination_port = udp.dest;
	return KP_PARSED;
}

/* Of an Ethernet frame. `packet` is all zero. */
static __always_inline enum kp_parsed kp_parse(struct __sk_buff *skb, struct kp_packet *packet)
{
	enum kp_parsed parsed;

	packet->network = ETH_HLEN;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		parsed = kp_parse4(skb, packet);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		parsed = kp_parse6(skb, packet);
	else
		return KP_PARSED_NOTHING;
	if (parsed != KP_PARSED)
		return parsed;
	if (packet->tuple.protocol == IPPROTO_TCP)
		return kp_parse_tcp(skb, packet);
	if (packet->tuple.protocol == IPPROTO_UDP)
		return kp_parse_udp(skb, packet);
	if (packet->tuple.protocol == (packet->is_ipv4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return KP_PARSED_ICMP;
	return KP_PARSED_NOTHING;
}

/*
 * Of the packet inside an ICMP error, whose network header is at `inner->network`: cut off it may
 * be behind its ports (RFC 792).
 */
static __always_inline bool kp_parse_inner(struct __sk_buff *skb, bool is_ipv4,
					   struct kp_packet *inner)
{
	enum kp_parsed parsed = is_ipv4 ? kp_parse4(skb, inner) : kp_parse6(skb, inner);

	if (parsed != KP_PARSED)
		return false;
	if (inner->tuple.protocol != IPPROTO_TCP && inner->tuple.protocol != IPPROTO_UDP)
		return false;
	return !bpf_skb_load_bytes(skb, inner->transport, &inner->tuple.source_port,
				   2 * sizeof(__be16));
}

#endif /* KPROXY_PACKET_H */
