/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* frontend.h - from the address that a client names to the record of a service, whole. */
#ifndef KPROXY_FRONTEND_H
#define KPROXY_FRONTEND_H

#include "address.h"
#include "checksum.h"
#include "stats.h"

enum kp_found {
	KP_FOUND_NOTHING, /* not ours: leave it alone */
	KP_FOUND_SERVICE,
	KP_FOUND_TORN,	       /* ours, but unreadable twice in a row */
	KP_FOUND_UNKNOWN_PORT, /* a ClusterIP, but no port of its Service (TR-60) */
	KP_FOUND_NO_SERVICE,   /* an address for Services that none has (TR-61) */
};

static __always_inline __u64 kp_settings(void)
{
	__u32 index = KP_META_SETTINGS;
	__u64 *settings = bpf_map_lookup_elem(&meta, &index);

	return settings ? *settings : 0;
}

/* Nobody but this host means this node by a loopback address (TR-44); ::1 is never served (TR-45).
 */
static __always_inline bool kp_means_node(const struct kp_address *address, const __u32 *role,
					  bool is_host)
{
	bool has_role = role && (*role & KP_ADDRESS_NODE_PORTS);

	if (!kp_is_loopback4(address))
		return has_role;
	return is_host && (has_role || (kp_settings() & KP_SETTING_LOOPBACK_NODE_PORTS));
}

/* What an address without a frontend for this port is, in the order of design section 6. */
static __always_inline enum kp_found kp_judge_address(const struct kp_address *address,
						      const __u32 *role)
{
	struct kp_cidr cidr = {.prefix_length = 8 * sizeof(*address), .address = *address};

	if (role && (*role & KP_ADDRESS_CLUSTER_IP)) {
		kp_count_reason(KP_REASON_UNKNOWN_PORT);
		return KP_FOUND_UNKNOWN_PORT;
	}
	if (bpf_map_lookup_elem(&service_cidrs, &cidr)) {
		kp_count_reason(KP_REASON_NO_SERVICE);
		return KP_FOUND_NO_SERVICE;
	}
	return KP_FOUND_NOTHING;
}

/* Turns the key of a frontend into that of the NodePort which has its port. */
static __always_inline void kp_widen(struct kp_frontend *key)
{
	if (!kp_is_mapped(&key->address)) {
		key->address.word[0] = 0;
		key->address.word[1] = 0;
		key->address.word[2] = 0;
	}
	key->address.word[3] = 0;
	key->scope = KP_SCOPE_NODE;
}

/*
 * Copies the record of `key`, or of the NodePort that `key` stands for and then becomes, to the
 * stack and verifies it there: hash elements are recycled as soon as they are freed, so the pointer
 * may show another record's bytes, or half of them, while we copy. The second look goes through the
 * hash again and finds the element that took its place. Where there is none, the address is judged
 * (and counted) on request.
 */
static __always_inline enum kp_found kp_find_record(struct kp_frontend *key, bool is_host,
						    bool judges, struct kp_service *record)
{
	struct kp_service *element = bpf_map_lookup_elem(&services, key);

	if (!element) {
		__u32 *role = bpf_map_lookup_elem(&addresses, &key->address);

		if (!kp_means_node(&key->address, role, is_host))
			return judges ? kp_judge_address(&key->address, role) : KP_FOUND_NOTHING;
		kp_widen(key);
		element = bpf_map_lookup_elem(&services, key);
		if (!element)
			return KP_FOUND_NOTHING;
	}
	*record = *element;
	if (record->checksum == kp_checksum(key, record))
		return KP_FOUND_SERVICE;

	element = bpf_map_lookup_elem(&services, key);
	if (!element)
		return KP_FOUND_NOTHING;
	*record = *element;
	if (record->checksum == kp_checksum(key, record)) {
		kp_count_reason(KP_REASON_TORN_RETRIED);
		return KP_FOUND_SERVICE;
	}
	kp_count_reason(KP_REASON_TORN_RECORD);
	return KP_FOUND_TORN;
}

/* What a client that names `asked` gets. */
static __always_inline enum kp_found kp_find_service(const struct kp_frontend *asked, bool is_host,
						     struct kp_service *record)
{
	struct kp_frontend key = *asked;

	return kp_find_record(&key, is_host, true, record);
}

#endif /* KPROXY_FRONTEND_H */
