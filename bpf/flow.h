/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * flow.h - the destinations of an unconnected UDP socket: it stays with a backend, and sees VIPs.
 *
 * Unlike connect(), threads send from one socket at once, so flows are read and written under their
 * lock: half of one backend's address and half of another's would be remembered for long.
 */
#ifndef KPROXY_FLOW_H
#define KPROXY_FLOW_H

#include "peer.h"

/* The place of the flow to `frontend`, or KP_FLOWS_PER_SOCKET. Under the lock. */
static __always_inline __u32 kp_find_flow(const struct kp_flows *flows,
					  const struct kp_frontend *frontend)
{
	__u32 place;

#pragma unroll
	for (place = 0; place < KP_FLOWS_PER_SOCKET; place++) {
		const struct kp_flow *flow = &flows->flow[place];

		if (flow->service_id && flow->frontend_port == frontend->port &&
		    kp_same_address(&flow->frontend, &frontend->address))
			break;
	}
	return place;
}

/* A datagram goes where the one before went, while that backend may be used at all. */
static __always_inline bool kp_recall_flow(struct kp_flows *flows,
					   const struct kp_frontend *frontend,
					   const struct kp_service *record,
					   struct kp_choice *choice)
{
	__u32 place;

	bpf_spin_lock(&flows->lock);
	place = kp_find_flow(flows, frontend);
	if (place < KP_FLOWS_PER_SOCKET) {
		const struct kp_flow *flow = &flows->flow[place];

		choice->address = flow->backend;
		choice->port = flow->backend_port;
		choice->backend_id = flow->backend_id;
		choice->service_id = flow->service_id;
		choice->generation = flow->generation;
		flows->latest = place;
	}
	bpf_spin_unlock(&flows->lock);

	if (place == KP_FLOWS_PER_SOCKET || choice->service_id != record->service_id)
		return false;
	return choice->generation == record->generation ||
	       kp_still_member(record, choice->backend_id);
}

static __always_inline void kp_remember_flow(struct kp_flows *flows,
					     const struct kp_frontend *frontend,
					     const struct kp_choice *choice)
{
	struct kp_flow *flow;
	__u32 place;

	bpf_spin_lock(&flows->lock);
	place = kp_find_flow(flows, frontend);
	if (place == KP_FLOWS_PER_SOCKET) {
		place = flows->next % KP_FLOWS_PER_SOCKET;
		flows->next = place + 1;
	}
	flow = &flows->flow[place % KP_FLOWS_PER_SOCKET];
	flow->frontend = frontend->address;
	flow->frontend_port = frontend->port;
	flow->backend = choice->address;
	flow->backend_port = choice->port;
	flow->service_id = choice->service_id;
	flow->backend_id = choice->backend_id;
	flow->generation = choice->generation;
	flows->latest = place;
	bpf_spin_unlock(&flows->lock);
}

/* Chooses for one datagram of an unconnected socket. */
static __always_inline enum kp_verdict kp_resolve_datagram(void *ctx, struct bpf_sock *sk,
							   const struct kp_frontend *frontend,
							   struct kp_choice *choice)
{
	struct kp_service record;
	struct kp_flows *flows;
	enum kp_verdict verdict;

	switch (kp_find_service(frontend, &record)) {
	case KP_FOUND_NOTHING:
		return KP_VERDICT_PASS;
	case KP_FOUND_TORN:
		return KP_VERDICT_FAIL;
	default:
		break;
	}
	flows = bpf_sk_storage_get(&socket_flows, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!flows) {
		kp_count_reason(KP_REASON_NO_SOCKET_STORAGE);
		return kp_choose(&record, kp_client_netns(ctx, &record), choice);
	}
	if (kp_recall_flow(flows, frontend, &record, choice)) {
		if (choice->generation == record.generation)
			return KP_VERDICT_TRANSLATE;
		choice->generation = record.generation;
		verdict = KP_VERDICT_TRANSLATE;
	} else {
		verdict = kp_choose(&record, kp_client_netns(ctx, &record), choice);
	}
	if (verdict == KP_VERDICT_TRANSLATE)
		kp_remember_flow(flows, frontend, choice);
	return verdict;
}

/*
 * The frontend that stands for a datagram's sender. Where two lead to one backend, the one that was
 * sent to latest stands first; nothing in the datagram tells them apart.
 */
static __always_inline bool kp_flow_frontend(struct bpf_sock *sk, struct kp_address *address,
					     __be16 *port)
{
	struct kp_flows *flows = bpf_sk_storage_get(&socket_flows, sk, NULL, 0);
	bool found = false;

	if (!flows)
		return false;
	bpf_spin_lock(&flows->lock);
#pragma unroll
	for (__u32 i = 0; i < KP_FLOWS_PER_SOCKET; i++) {
		__u32 place = (flows->latest + KP_FLOWS_PER_SOCKET - i) % KP_FLOWS_PER_SOCKET;
		const struct kp_flow *flow = &flows->flow[place];

		if (flow->service_id && flow->backend_port == *port &&
		    kp_same_address(&flow->backend, address)) {
			*address = flow->frontend;
			*port = flow->frontend_port;
			found = true;
			break;
		}
	}
	bpf_spin_unlock(&flows->lock);
	return found;
}

/* A socket that connects leaves its earlier destinations behind. */
static __always_inline void kp_forget_flows(struct bpf_sock *sk)
{
	bpf_sk_storage_delete(&socket_flows, sk);
}

#endif /* KPROXY_FLOW_H */
