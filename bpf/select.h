/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* select.h - from a frontend to the backend that a client gets. */
#ifndef KPROXY_SELECT_H
#define KPROXY_SELECT_H

#include "service.h"

#define NSEC_PER_SEC 1000000000ULL

enum kp_verdict {
	KP_VERDICT_PASS,      /* not ours: untouched */
	KP_VERDICT_TRANSLATE, /* to `backend` of the choice */
	KP_VERDICT_REFUSE,    /* no usable endpoint anywhere (TR-23) */
	KP_VERDICT_DROP,      /* local policy without a local endpoint (TR-22) */
	KP_VERDICT_FAIL,      /* ours, but its state cannot be read now */
};

struct kp_choice {
	struct kp_address address;
	__be16 port;
	__u32 backend_id;
	__u32 service_id;
	__u32 generation;
};

/* A uniform number below `count` by multiplying high: no division, no bias worth the name. */
static __always_inline __u32 kp_random_below(__u32 count)
{
	return ((__u64)bpf_get_prandom_u32() * count) >> 32;
}

/* May traffic from this node still use a backend that was chosen before? */
static __always_inline bool kp_still_member(const struct kp_service *record, __u32 backend_id)
{
	struct kp_member key = {.service_id = record->service_id, .backend_id = backend_id};
	struct kp_membership *membership;

	membership = bpf_map_lookup_elem(&members, &key);
	if (!membership)
		return false;
	if (membership->internal == KP_MEMBER_TERMINATING)
		return record->internal.active == 0;
	return membership->internal == KP_MEMBER_ACTIVE;
}

/* Takes a random slot of the internal range: active ones, or terminating ones where none is (EP-2).
 */
static __always_inline enum kp_verdict kp_choose_random(const struct kp_service *record,
							struct kp_choice *choice)
{
	struct kp_slot *slot;
	__u32 index;

	if (record->internal.active) {
		index = record->internal.base + kp_random_below(record->internal.active);
	} else if (record->internal.terminating) {
		index = record->internal.base + kp_random_below(record->internal.terminating);
	} else if (record->flags & KP_SERVICE_INTERNAL_DROP) {
		kp_count_reason(KP_REASON_NO_LOCAL_ENDPOINT);
		return KP_VERDICT_DROP;
	} else {
		kp_count_reason(KP_REASON_NO_ENDPOINT);
		return KP_VERDICT_REFUSE;
	}

	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot || !slot->backend_id) {
		kp_count_reason(KP_REASON_EMPTY_SLOT);
		return KP_VERDICT_FAIL;
	}
	choice->address = slot->address;
	choice->port = slot->port;
	choice->backend_id = slot->backend_id;
	return KP_VERDICT_TRANSLATE;
}

/* Session affinity: the backend this client had, if that is still a member and recent (SA-2). */
static __always_inline bool kp_recall(const struct kp_service *record,
				      const struct kp_affinity_client *client,
				      struct kp_choice *choice, __u64 now)
{
	struct kp_affinity_choice *past = bpf_map_lookup_elem(&affinity, client);
	struct kp_affinity_choice copy;

	if (!past)
		return false;
	copy = *past;
	if (copy.checksum != kp_affinity_checksum(client, &copy))
		return false;
	if (now - copy.last_used >= record->affinity_seconds * NSEC_PER_SEC)
		return false;
	if (!kp_still_member(record, copy.backend_id))
		return false;
	past->last_used = now;
	choice->address = copy.address;
	choice->port = copy.port;
	choice->backend_id = copy.backend_id;
	return true;
}

static __always_inline void kp_remember(const struct kp_affinity_client *client,
					const struct kp_choice *choice, __u64 now)
{
	struct kp_affinity_choice value = {
	    .last_used = now,
	    .backend_id = choice->backend_id,
	    .address = choice->address,
	    .port = choice->port,
	};

	value.checksum = kp_affinity_checksum(client, &value);
	bpf_map_update_elem(&affinity, client, &value, BPF_ANY);
}

/* Chooses the backend of `record` for a client of network namespace `netns` (its cookie). */
static __always_inline enum kp_verdict kp_choose(const struct kp_service *record, __u64 netns,
						 struct kp_choice *choice)
{
	struct kp_affinity_client client = {
	    .address.word = {netns >> 32, (__u32)netns},
	    .service_id = record->service_id,
	    .origin = KP_AFFINITY_NETNS,
	};
	enum kp_verdict verdict;
	__u64 now;

	choice->service_id = record->service_id;
	choice->generation = record->generation;
	if (!record->affinity_seconds)
		return kp_choose_random(record, choice);

	now = bpf_ktime_get_ns();
	if (kp_recall(record, &client, choice, now))
		return KP_VERDICT_TRANSLATE;
	verdict = kp_choose_random(record, choice);
	if (verdict == KP_VERDICT_TRANSLATE)
		kp_remember(&client, choice, now);
	return verdict;
}

/* The client's network namespace; asked for only where a choice depends on it. */
static __always_inline __u64 kp_client_netns(void *ctx, const struct kp_service *record)
{
	return record->affinity_seconds ? bpf_get_netns_cookie(ctx) : 0;
}

#endif /* KPROXY_SELECT_H */
