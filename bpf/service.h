/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* service.h - finding the record of a frontend, whole. */
#ifndef KPROXY_SERVICE_H
#define KPROXY_SERVICE_H

#include "checksum.h"
#include "stats.h"

enum kp_found {
	KP_FOUND_NOTHING, /* not ours: leave it alone */
	KP_FOUND_SERVICE,
	KP_FOUND_TORN, /* ours, but unreadable twice in a row */
};

/*
 * Copies the record of `key` to the stack and verifies it there: hash elements are recycled as soon
 * as they are freed, so the pointer may show another record's bytes, or half of them, while we
 * copy. The second look goes through the hash again and finds the element that took its place.
 */
static __always_inline enum kp_found kp_find_service(const struct kp_frontend *key,
						     struct kp_service *record)
{
	struct kp_service *element = bpf_map_lookup_elem(&services, key);

	if (!element)
		return KP_FOUND_NOTHING;
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

#endif /* KPROXY_SERVICE_H */
