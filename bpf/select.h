/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* select.h - from the record of a frontend to the backend that a client gets. */
#ifndef KPROXY_SELECT_H
#define KPROXY_SELECT_H

#include "client.h"
#include "frontend.h"
#include "schedule.h"

#define NSEC_PER_SEC 1000000000ULL

enum kp_verdict {
	KP_VERDICT_PASS,      /* not ours: untouched */
	KP_VERDICT_TRANSLATE, /* to `backend` of the choice */
	KP_VERDICT_REFUSE,    /* no usable endpoint anywhere (TR-23), or no such port (TR-60) */
	KP_VERDICT_DROP, /* no local endpoint (TR-22), no such Service (TR-61), not allowed (TR-31)
			  */
	KP_VERDICT_FAIL, /* ours, but its state cannot be read now */
};

struct kp_choice {
	struct kp_address address;
	__be16 port;
	__u32 backend_id;
	__u32 service_id;
	__u32 generation;
	__u32 algorithm; /* enum kp_algorithm */
};

/* The endpoints that a client may use, of those that a record shows (EP-9, M1 to M8). */
enum kp_list {
	KP_LIST_INTERNAL,
	KP_LIST_CLUSTER,
	KP_LIST_EXTERNAL,
};

/* Without detection pods are taken for outsiders, while this host is still known (TR-11, TR-20). */
static __always_inline enum kp_list kp_list_for(const struct kp_service *record, bool is_ipv4,
						bool is_host)
{
	__u64 detects = is_ipv4 ? KP_SETTING_DETECTS_LOCAL_4 : KP_SETTING_DETECTS_LOCAL_6;

	if (record->frontend_class == KP_CLASS_CLUSTER_IP)
		return KP_LIST_INTERNAL;
	return is_host || (kp_settings() & detects) ? KP_LIST_CLUSTER : KP_LIST_EXTERNAL;
}

static __always_inline struct kp_range kp_range_of(const struct kp_service *record,
						   enum kp_list list)
{
	if (list == KP_LIST_INTERNAL)
		return record->internal;
	return list == KP_LIST_CLUSTER ? record->cluster : record->external;
}

/* Are there limits on who may use this frontend? They come before everything else (TR-32). */
static __always_inline bool kp_has_limits(const struct kp_service *record)
{
	return record->frontend_class == KP_CLASS_LOAD_BALANCER_IP &&
	       (record->flags & KP_SERVICE_SOURCE_RANGES);
}

/*
 * May this client use a frontend that has limits? This host may if its own address may (IN-43). A
 * client whose address is not known may not.
 */
static __always_inline bool kp_admits(const struct kp_service *record,
				      const struct kp_client *client)
{
	struct kp_source_range key = {
	    .prefix_length = 32 + 8 * sizeof(client->source),
	    .service_id = record->service_id,
	    .address = client->source,
	};

	if (client->is_host)
		return record->flags & KP_SERVICE_NODE_IN_RANGES;
	return client->has_source && bpf_map_lookup_elem(&source_ranges, &key);
}

/* A client that may not use the frontend: the stack would drop its packets (TR-31). */
static __always_inline enum kp_verdict kp_deny(const struct kp_service *record,
					       struct kp_choice *choice)
{
	choice->service_id = record->service_id;
	kp_count_reason(KP_REASON_SOURCE_RANGE);
	return KP_VERDICT_DROP;
}

/* May traffic of a list still use a backend that was chosen before? */
static __always_inline bool kp_still_member(const struct kp_service *record, enum kp_list list,
					    __u32 backend_id)
{
	struct kp_member key = {.service_id = record->service_id, .backend_id = backend_id};
	struct kp_membership *membership = bpf_map_lookup_elem(&members, &key);
	__u8 state;

	if (!membership)
		return false;
	if (list == KP_LIST_INTERNAL)
		state = membership->internal;
	else
		state = list == KP_LIST_CLUSTER ? membership->cluster : membership->external;
	if (state == KP_MEMBER_TERMINATING)
		return kp_range_of(record, list).active == 0;
	return state == KP_MEMBER_ACTIVE;
}

/* Nobody to choose from. */
static __always_inline enum kp_verdict kp_nobody(const struct kp_service *record, enum kp_list list)
{
	__u32 drops = 0;

	if (list == KP_LIST_INTERNAL)
		drops = KP_SERVICE_INTERNAL_DROP;
	else if (list == KP_LIST_EXTERNAL)
		drops = KP_SERVICE_EXTERNAL_DROP;
	if (record->flags & drops) {
		kp_count_reason(KP_REASON_NO_LOCAL_ENDPOINT);
		return KP_VERDICT_DROP;
	}
	kp_count_reason(KP_REASON_NO_ENDPOINT);
	return KP_VERDICT_REFUSE;
}

/* Takes a slot of the list: active ones, or terminating ones where none is (EP-2). */
static __always_inline enum kp_verdict
kp_choose_slot(const struct kp_service *record, enum kp_list list, const struct kp_frontend *asked,
	       const struct kp_client *client, struct kp_choice *choice)
{
	struct kp_range range = kp_range_of(record, list);
	__u32 count = range.active ? range.active : range.terminating;
	struct kp_slot *slot;
	__u32 index;

	if (!count)
		return kp_nobody(record, list);
	index = range.base + kp_schedule(record, range.base, count, asked, client);
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
static __always_inline bool kp_recall(const struct kp_service *record, enum kp_list list,
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
	if (!kp_still_member(record, list, copy.backend_id))
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

/* Chooses from a list of `record` for a client. One memory for all frontends of a service (SA-1).
 */
static __always_inline enum kp_verdict kp_choose(const struct kp_service *record, enum kp_list list,
						 const struct kp_frontend *asked,
						 const struct kp_client *client,
						 struct kp_choice *choice)
{
	struct kp_affinity_client key = {
	    .address.word = {client->netns >> 32, (__u32)client->netns},
	    .service_id = record->service_id,
	    .origin = KP_AFFINITY_NETNS,
	};
	enum kp_verdict verdict;
	__u64 now;

	if (client->by_address) {
		key.address = client->source;
		key.origin = KP_AFFINITY_ADDRESS;
	}
	choice->service_id = record->service_id;
	choice->generation = record->generation;
	choice->algorithm = record->algorithm;
	if (!record->affinity_seconds)
		return kp_choose_slot(record, list, asked, client, choice);

	now = bpf_ktime_get_ns();
	if (kp_recall(record, list, &key, choice, now))
		return KP_VERDICT_TRANSLATE;
	verdict = kp_choose_slot(record, list, asked, client, choice);
	if (verdict == KP_VERDICT_TRANSLATE)
		kp_remember(&key, choice, now);
	return verdict;
}

/* What becomes of a client that asked for something which is no frontend, or none that can be read.
 */
static __always_inline enum kp_verdict kp_verdict_without_service(enum kp_found found)
{
	switch (found) {
	case KP_FOUND_UNKNOWN_PORT:
		return KP_VERDICT_REFUSE;
	case KP_FOUND_NO_SERVICE:
		return KP_VERDICT_DROP;
	case KP_FOUND_TORN:
		return KP_VERDICT_FAIL;
	default:
		return KP_VERDICT_PASS;
	}
}

#endif /* KPROXY_SELECT_H */
