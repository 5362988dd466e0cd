/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * flow.h - the destinations of an unconnected UDP socket: it stays with a backend, and sees VIPs.
 *
 * Unlike connect(), threads send from one socket at once, so flows are read and written under their
 * lock: half of one backend's address and half of another's would be remembered for long.
 */
#ifndef KPROXY_FLOW_H
#define KPROXY_FLOW_H

#include "meet.h"
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

/* Where the datagram before this one went. */
static __always_inline bool
kp_recall_flow(struct kp_flows *flows, const struct kp_frontend *frontend, struct kp_choice *choice)
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
	return place < KP_FLOWS_PER_SOCKET;
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

/*
 * Chooses for one datagram of an unconnected socket: it goes where the one before went, while that
 * backend may be used at all.
 */
static __always_inline enum kp_verdict kp_resolve_datagram(struct bpf_sock_addr *ctx,
							   struct bpf_sock *sk,
							   const struct kp_frontend *frontend,
							   struct kp_choice *choice)
{
	struct kp_client client = {};
	struct kp_service record;
	struct kp_flows *flows;
	enum kp_verdict verdict;
	enum kp_found found;
	enum kp_list list;
	bool recalled;

	found = kp_find_service(frontend, kp_may_mean_host(ctx, frontend), &record);
	if (found != KP_FOUND_SERVICE)
		return kp_verdict_without_service(found);
	flows = bpf_sk_storage_get(&socket_flows, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	recalled = flows && kp_recall_flow(flows, frontend, choice) &&
		   choice->service_id == record.service_id;
	if (recalled && choice->generation == record.generation)
		return KP_VERDICT_TRANSLATE;

	verdict = kp_meet_client(ctx, frontend, &record, &client, choice);
	if (verdict != KP_VERDICT_TRANSLATE)
		return verdict;
	list = kp_list_for(&record, kp_is_mapped(&frontend->address), client.is_host);
	if (recalled && kp_still_member(&record, list, choice->backend_id))
		choice->generation = record.generation;
	else
		verdict = kp_choose(&record, list, frontend, &client, choice);
	if (!flows)
		kp_count_reason(KP_REASON_NO_SOCKET_STORAGE);
	else if (verdict == KP_VERDICT_TRANSLATE)
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
