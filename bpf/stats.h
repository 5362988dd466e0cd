/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * stats.h - counting. Rows are per CPU, so plain additions do: one lost to a preempted task in a
 * billion is no matter. Only `active` is added atomically, as what it loses it never gets back.
 */
#ifndef KPROXY_STATS_H
#define KPROXY_STATS_H

#include "maps.h"

/* Set before load; the verifier removes what is switched off. */
const volatile bool count_stats = true;

static __always_inline void kp_count_reason(enum kp_reason reason)
{
	__u32 index = reason;
	__u64 *count = bpf_map_lookup_elem(&reasons, &index);

	if (count)
		(*count)++;
}

/* The row of `id` in `map`, made from `zero` on first use; NULL (and a reason) where it is full. */
static __always_inline void *kp_stats_row(void *map, __u32 id, const void *zero)
{
	void *row;

	if (!count_stats)
		return NULL;
	row = bpf_map_lookup_elem(map, &id);
	if (row)
		return row;
	bpf_map_update_elem(map, &id, zero, BPF_NOEXIST);
	row = bpf_map_lookup_elem(map, &id);
	if (!row)
		kp_count_reason(KP_REASON_NO_STATS_ROW);
	return row;
}

static __always_inline struct kp_service_stats *kp_service_row(__u32 service_id)
{
	struct kp_service_stats zero = {};

	return kp_stats_row(&service_stats, service_id, &zero);
}

static __always_inline struct kp_backend_stats *kp_backend_row(__u32 backend_id)
{
	struct kp_backend_stats zero = {};

	return kp_stats_row(&backend_stats, backend_id, &zero);
}

static __always_inline void kp_add_load(__u32 backend_id, __s64 change)
{
	__u32 place = backend_id & (KP_LOADS - 1);
	__s64 *load = bpf_map_lookup_elem(&loads, &place);

	if (load)
		__sync_fetch_and_add(load, change);
}

/* Returns whether the connection is in `active` now, and must leave it when it ends. */
static __always_inline bool kp_count_connection(__u32 service_id, __u32 backend_id)
{
	struct kp_service_stats *service = kp_service_row(service_id);
	struct kp_backend_stats *backend = kp_backend_row(backend_id);

	if (service)
		service->connections++;
	if (!backend)
		return false;
	backend->connections++;
	__sync_fetch_and_add(&backend->active, 1);
	return true;
}

/* Looks only: the row of a backend that is gone is gone too, and must not come back. */
static __always_inline void kp_count_connection_end(__u32 backend_id)
{
	struct kp_backend_stats *backend = bpf_map_lookup_elem(&backend_stats, &backend_id);

	if (backend)
		__sync_fetch_and_add(&backend->active, -1);
}

/* The peer of a socket that no longer uses its backend. */
static __always_inline void kp_uncount_peer(const struct kp_peer *peer)
{
	if (peer->counted & KP_COUNTED_ACTIVE)
		kp_count_connection_end(peer->backend_id);
	if (peer->counted & KP_COUNTED_LOAD)
		kp_add_load(peer->backend_id, -1);
}

static __always_inline void kp_count_datagram(__u32 service_id, __u32 backend_id)
{
	struct kp_service_stats *service = kp_service_row(service_id);
	struct kp_backend_stats *backend = kp_backend_row(backend_id);

	if (service)
		service->datagrams++;
	if (backend)
		backend->datagrams++;
}

#endif /* KPROXY_STATS_H */
