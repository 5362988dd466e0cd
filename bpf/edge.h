/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* edge.h - what becomes of a packet at an uplink. */
#ifndef KPROXY_EDGE_H
#define KPROXY_EDGE_H

#include <linux/pkt_cls.h>
#include "claim.h"
#include "forward.h"
#include "fragment.h"
#include "related.h"
#include "select.h"

/* Whatever else is attached here has its turn: TCX_NEXT, and TC_ACT_UNSPEC of clsact. */
#define KP_NEXT (-1)

/* What a program keeps of its packet: too much for the stack, beside all that choosing takes. */
struct kp_scratch {
	struct kp_packet packet;
	struct kp_tuple translated; /* what the packet becomes */
	struct kp_choice choice;
	struct kp_related related;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kp_scratch);
} edge_scratch SEC(".maps");

static __always_inline struct kp_scratch *kp_take_scratch(void)
{
	__u32 index = 0;
	struct kp_scratch *scratch = bpf_map_lookup_elem(&edge_scratch, &index);

	if (scratch)
		__builtin_memset(&scratch->packet, 0, sizeof(scratch->packet));
	return scratch;
}

/* Does a pod of the cluster send this (M5, M6; TR-20)? */
static __always_inline bool kp_is_pod(const struct kp_address *source)
{
	struct kp_cidr key = {.prefix_length = 8 * sizeof(*source), .address = *source};

	return bpf_map_lookup_elem(&pod_cidrs, &key);
}

static __always_inline enum kp_list kp_list_of(const struct kp_service *record,
					       const struct kp_address *source)
{
	if (record->frontend_class == KP_CLASS_CLUSTER_IP)
		return KP_LIST_INTERNAL;
	return kp_is_pod(source) ? KP_LIST_CLUSTER : KP_LIST_EXTERNAL;
}

static __always_inline void kp_fill_client(const struct kp_tuple *tuple, struct kp_client *client)
{
	client->source = tuple->source;
	client->has_source = true;
	client->by_address = true;
	client->netns = (__u64)(tuple->source.word[0] ^ tuple->source.word[2]) << 32 |
			(tuple->source.word[1] ^ tuple->source.word[3]);
	client->socket = tuple->source_port;
}

/* Chooses for a new flow, as the socket hooks do for a new connection. */
static __noinline enum kp_verdict kp_choose_for(const struct kp_tuple *tuple,
						struct kp_choice *choice)
{
	struct kp_frontend frontend = {
	    .address = tuple->destination,
	    .port = tuple->destination_port,
	    .protocol = tuple->protocol,
	};
	struct kp_client client = {};
	struct kp_service record;
	enum kp_found found;

	found = kp_find_service(&frontend, false, &record);
	if (found != KP_FOUND_SERVICE)
		return kp_verdict_without_service(found);
	kp_fill_client(tuple, &client);
	if (kp_has_limits(&record) && !kp_admits(&record, &client))
		return kp_deny(&record, choice);
	return kp_choose(&record, kp_list_of(&record, &tuple->source), &frontend, &client, choice);
}

static __always_inline void kp_count_choice(enum kp_verdict verdict, const struct kp_choice *choice)
{
	struct kp_service_stats *service;
	struct kp_backend_stats *backend;

	if (!choice->service_id || verdict == KP_VERDICT_FAIL)
		return;
	service = kp_service_row(choice->service_id);
	if (verdict == KP_VERDICT_TRANSLATE) {
		backend = kp_backend_row(choice->backend_id);
		if (service)
			service->connections++;
		if (backend)
			backend->connections++;
	} else if (service) {
		if (verdict == KP_VERDICT_REFUSE)
			service->refused++;
		else
			service->dropped++;
	}
}

static __always_inline bool kp_is_local(__u32 backend_id)
{
	struct kp_backend *backend = bpf_map_lookup_elem(&backends, &backend_id);

	/* A row that shows another id was freed and taken again. */
	return backend && backend->backend_id == backend_id && (backend->flags & KP_BACKEND_LOCAL);
}

/* The address that stands for this node on the way to a backend elsewhere. */
static __always_inline bool kp_find_own_address(struct __sk_buff *skb,
						const struct kp_packet *packet,
						const struct kp_choice *choice,
						struct kp_address *own)
{
	struct kp_tuple way = packet->tuple;
	struct bpf_fib_lookup route;
	struct kp_uplink *uplink;
	__u32 ifindex;
	long answer;

	way.destination = choice->address;
	way.destination_port = choice->port;
	answer = kp_find_route(skb, packet, &way, &route);
	if (answer != BPF_FIB_LKUP_RET_SUCCESS && answer != BPF_FIB_LKUP_RET_NO_NEIGH &&
	    answer != BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return false;
	ifindex = route.ifindex;
	uplink = bpf_map_lookup_elem(&uplinks, &ifindex);
	if (!uplink)
		return false;
	*own = packet->is_ipv4 ? uplink->address4 : uplink->address6;
	return own->word[3];
}

/* A flow to a backend that has been chosen. @return 0, or -1 (counted) */
static __noinline int kp_open_flow(struct __sk_buff *skb, const struct kp_packet *packet,
				   const struct kp_choice *choice, struct kp_tuple *to)
{
	struct kp_claim claim = {
	    .asked = packet->tuple,
	    .service_id = choice->service_id,
	    .backend_id = choice->backend_id,
	    .sequence = packet->sequence,
	};

	claim.replies.source = choice->address;
	claim.replies.source_port = choice->port;
	claim.replies.protocol = packet->tuple.protocol;
	claim.replies.destination = packet->tuple.source;
	if (!kp_is_local(choice->backend_id)) {
		claim.flags = KP_TRACK_REMOTE;
		if (!kp_find_own_address(skb, packet, choice, &claim.replies.destination)) {
			kp_count_reason(KP_REASON_NO_ROUTE);
			return -1;
		}
	}
	if (kp_claim(&claim)) {
		kp_count_reason(KP_REASON_NO_SOURCE_PORT);
		return -1;
	}
	kp_turn_round(&claim.replies, to);
	return claim.flags;
}

/* @param flags enum kp_track_flag of the flow */
static __always_inline int kp_send_on(struct __sk_buff *skb, const struct kp_packet *packet,
				      const struct kp_tuple *to, __u32 flags)
{
	if (packet->has_more && !packet->is_later)
		kp_remember_ports(packet);
	if (flags & KP_TRACK_REMOTE)
		return kp_forward(skb, packet, to);
	if (kp_translate(skb, packet, to)) {
		kp_count_reason(KP_REASON_NOT_WRITABLE);
		return TC_ACT_SHOT;
	}
	return KP_NEXT;
}

/* Does it ask for a TCP connection? */
static __always_inline bool kp_is_first(const struct kp_packet *packet)
{
	return (packet->tcp_flags & (KP_TCP_SYN | KP_TCP_ACK | KP_TCP_RST)) == KP_TCP_SYN;
}

/* The first packet of what may be a flow to a Service. */
static __always_inline int kp_begin(struct __sk_buff *skb, struct kp_scratch *scratch)
{
	const struct kp_packet *packet = &scratch->packet;
	struct kp_choice *choice = &scratch->choice;
	enum kp_verdict verdict;
	int flags;

	/* What began before we came is the stack's, which may have translated it (E25). */
	if (packet->tuple.protocol == IPPROTO_TCP && !kp_is_first(packet))
		return KP_NEXT;
	__builtin_memset(choice, 0, sizeof(*choice));
	verdict = kp_choose_for(&packet->tuple, choice);
	if (verdict == KP_VERDICT_PASS)
		return KP_NEXT;
	kp_count_choice(verdict, choice);
	if (verdict == KP_VERDICT_REFUSE)
		return kp_answer_or_drop(skb, packet, KP_ICMP_PORT_UNREACHABLE, 0);
	if (verdict != KP_VERDICT_TRANSLATE)
		return TC_ACT_SHOT;
	flags = kp_open_flow(skb, packet, choice, &scratch->translated);
	if (flags < 0)
		return TC_ACT_SHOT;
	return kp_send_on(skb, packet, &scratch->translated, flags);
}

/* UDP flows leave a backend that their service no longer has, TCP is never cut (TR-70, TR-72). */
static __noinline bool kp_forget_stale(const struct kp_tuple *key, const struct kp_track *entry)
{
	struct kp_tuple replies = entry->other;
	struct kp_member member = {
	    .service_id = entry->service_id,
	    .backend_id = entry->backend_id,
	};

	if (key->protocol != IPPROTO_UDP || bpf_map_lookup_elem(&members, &member))
		return false;
	kp_forget_flow(key, &replies);
	return true;
}

/* Is the tuple whole, of a packet or a fragment? */
static __always_inline bool kp_has_ends(struct kp_packet *packet, enum kp_parsed parsed)
{
	return parsed == KP_PARSED || (parsed == KP_PARSED_FRAGMENT && kp_recall_ports(packet));
}

/* An ICMP packet that comes in (E20). */
static __always_inline int kp_enter_error(struct __sk_buff *skb, struct kp_scratch *scratch)
{
	struct kp_related *related = &scratch->related;
	int flags = kp_relate(skb, &scratch->packet, related);

	if (flags < 0 || (flags & (KP_TRACK_REPLY | KP_TRACK_REMOTE)) == KP_TRACK_REPLY)
		return KP_NEXT;
	if (flags & KP_TRACK_REMOTE)
		return kp_forward_error(skb, &scratch->packet, related);
	return kp_rewrite_error(skb, &scratch->packet, related) ? TC_ACT_SHOT : KP_NEXT;
}

/* One that goes out. */
static __always_inline int kp_exit_error(struct __sk_buff *skb, struct kp_scratch *scratch)
{
	struct kp_related *related = &scratch->related;
	int flags = kp_relate(skb, &scratch->packet, related);

	if (flags < 0 || (flags & (KP_TRACK_REPLY | KP_TRACK_REMOTE)) != KP_TRACK_REPLY)
		return KP_NEXT;
	return kp_rewrite_error(skb, &scratch->packet, related) ? TC_ACT_SHOT : KP_NEXT;
}

/* A packet that comes in. */
static __always_inline int kp_enter(struct __sk_buff *skb)
{
	struct kp_scratch *scratch = kp_take_scratch();
	struct kp_track *track;
	enum kp_parsed parsed;
	bool is_half_open = false;
	__u32 flags;

	if (!scratch)
		return KP_NEXT;
	parsed = kp_parse(skb, &scratch->packet);
	if (parsed == KP_PARSED_ICMP)
		return kp_enter_error(skb, scratch);
	if (!kp_has_ends(&scratch->packet, parsed))
		return KP_NEXT;
	track = NULL;
	if (kp_may_enter(scratch->packet.tuple.destination_port))
		track = kp_find_track(&scratch->packet.tuple, &scratch->translated, &is_half_open);
	if (!track)
		return scratch->packet.is_later ? KP_NEXT : kp_begin(skb, scratch);
	flags = track->flags;
	if (flags & KP_TRACK_REPLY) {
		/* Replies of our own pods leave here; nobody else may send them. */
		if (!(flags & KP_TRACK_REMOTE))
			return KP_NEXT;
	} else if (scratch->packet.is_later) {
		return kp_send_on(skb, &scratch->packet, &scratch->translated, flags);
	} else if ((kp_is_first(&scratch->packet) &&
		    kp_forget_ended(&scratch->packet.tuple, track)) ||
		   kp_forget_stale(&scratch->packet.tuple, track)) {
		return kp_begin(skb, scratch);
	}
	kp_note_packet(track, is_half_open, &scratch->packet);
	return kp_send_on(skb, &scratch->packet, &scratch->translated, flags);
}

/* A packet that goes out: does a pod of this node, or the node, answer a client? */
static __always_inline int kp_exit(struct __sk_buff *skb)
{
	struct kp_scratch *scratch;
	struct kp_track *track;
	enum kp_parsed parsed;
	bool is_half_open;

	/* What we sent on ourselves comes by here again. */
	if (skb->ingress_ifindex == skb->ifindex)
		return KP_NEXT;
	scratch = kp_take_scratch();
	if (!scratch)
		return KP_NEXT;
	parsed = kp_parse(skb, &scratch->packet);
	if (parsed == KP_PARSED_ICMP)
		return kp_exit_error(skb, scratch);
	if (!kp_has_ends(&scratch->packet, parsed) ||
	    !kp_may_exit(scratch->packet.tuple.source_port))
		return KP_NEXT;
	track = kp_find_track(&scratch->packet.tuple, &scratch->translated, &is_half_open);
	if (!track || (track->flags & (KP_TRACK_REPLY | KP_TRACK_REMOTE)) != KP_TRACK_REPLY)
		return KP_NEXT;
	kp_note_packet(track, is_half_open, &scratch->packet);
	return kp_send_on(skb, &scratch->packet, &scratch->translated, 0);
}

#endif /* KPROXY_EDGE_H */
