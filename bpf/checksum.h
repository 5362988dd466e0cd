/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* checksum.h - the mix that tells a whole record from a recycled or half-copied one. */
#ifndef KPROXY_CHECKSUM_H
#define KPROXY_CHECKSUM_H

#include <stddef.h>
#include "abi.h"

#define KP_CHECKSUM_SEED 0x9e3779b9

/* Mixes the words of `data` into `hash`; `size` is a constant, so the loop unrolls. */
static __always_inline __u32 kp_mix(__u32 hash, const void *data, size_t size)
{
	const __u32 *word = data;

#pragma unroll
	for (size_t i = 0; i < size / sizeof(__u32); i++) {
		hash = (hash ^ word[i]) * 0x85ebca6b;
		hash ^= hash >> 15;
	}
	return hash;
}

/* Never 0, so an element of zeroes does not pass. */
static __always_inline __u32 kp_finish(__u32 hash)
{
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35;
	hash ^= hash >> 16;
	return hash ? hash : 1;
}

/* Over every word of the key, and of the record but for the checksum itself. */
static __always_inline __u32 kp_checksum(const struct kp_frontend *key,
					 const struct kp_service *record)
{
	__u32 hash = kp_mix(KP_CHECKSUM_SEED, key, sizeof(*key));

	hash = kp_mix(hash, &record->service_id,
		      sizeof(*record) - offsetof(struct kp_service, service_id));
	return kp_finish(hash);
}

/* Over the client and the backend that it was given; not over the time, which changes in place. */
static __always_inline __u32 kp_affinity_checksum(const struct kp_affinity_client *key,
						  const struct kp_affinity_choice *choice)
{
	__u32 hash = kp_mix(KP_CHECKSUM_SEED, key, sizeof(*key));

	hash = kp_mix(hash, &choice->backend_id,
		      offsetof(struct kp_affinity_choice, checksum) -
			  offsetof(struct kp_affinity_choice, backend_id));
	return kp_finish(hash);
}

#endif /* KPROXY_CHECKSUM_H */
