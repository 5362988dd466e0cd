/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * schedule.h - how a new connection chooses among `count` slots from `base`, by the names of IPVS:
 * random, rr (wrr), lc (wlc, sed, nq), sh, dh and mh. EndpointSlices know no weights, so all weigh
 * the same, as in kube-proxy (IP-5), and what IPVS tells apart by weight is one here.
 */
#ifndef KPROXY_SCHEDULE_H
#define KPROXY_SCHEDULE_H

#include "client.h"
#include "stats.h"

/* So many slots are compared; of more, two taken at random are, which is nearly as good. */
#define KP_LEAST_SCAN 64

/* A uniform number below `count` by multiplying high: no division, no bias worth the name. */
static __always_inline __u32 kp_scale(__u32 number, __u32 count)
{
	return ((__u64)number * count) >> 32;
}

static __always_inline __u32 kp_random_below(__u32 count)
{
	return kp_scale(bpf_get_prandom_u32(), count);
}

/* Spreads a 64-bit number over 32 bits, all of them good (the finalizer of MurmurHash3). */
static __always_inline __u32 kp_hash(__u64 number)
{
	number ^= number >> 33;
	number *= 0xff51afd7ed558ccdULL;
	number ^= number >> 33;
	number *= 0xc4ceb9fe1a85ec53ULL;
	return number >> 32;
}

/* Round and round, whoever asks; without a row for its turn a service chooses at random. */
static __always_inline __u32 kp_take_turn(__u32 service_id, __u32 count)
{
	struct kp_turn *turn = bpf_map_lookup_elem(&turns, &service_id);
	__u32 mine;

	if (!turn) {
		struct kp_turn first = {};

		bpf_map_update_elem(&turns, &service_id, &first, BPF_NOEXIST);
		turn = bpf_map_lookup_elem(&turns, &service_id);
		if (!turn)
			return kp_random_below(count);
	}
	bpf_spin_lock(&turn->lock);
	/* The list may have become shorter. */
	mine = turn->next < count ? turn->next : 0;
	turn->next = mine + 1;
	bpf_spin_unlock(&turn->lock);
	return mine;
}

/* The count of connections of the backend in a slot. */
static __always_inline const __s64 *kp_load_at(__u32 index)
{
	struct kp_slot *slot = bpf_map_lookup_elem(&slots, &index);
	__u32 place;

	if (!slot)
		return NULL;
	place = slot->backend_id & (KP_LOADS - 1);
	return bpf_map_lookup_elem(&loads, &place);
}

/*
 * The slot with the fewest connections of at most KP_LEAST_SCAN from `start`, round and round. A
 * global function, and without a fork but the unavoidable ones: the verifier follows each.
 */
__noinline __u32 kp_find_least(__u32 base, __u32 count, __u32 start)
{
	__s64 least = 0x7fffffffffffffffLL;
	__u32 best = start;

	if (!count)
		return 0;
	for (__u32 i = 0; i < KP_LEAST_SCAN; i++) {
		const __s64 *load;
		__u32 place;

		if (i >= count)
			break;
		place = (start + i) % count;
		load = kp_load_at(base + place);
		if (!load || *load >= least)
			continue;
		least = *load;
		best = place;
	}
	return best;
}

/* Of many, the better of two. */
static __always_inline __u32 kp_find_lesser(__u32 base, __u32 count)
{
	__u32 one = kp_random_below(count);
	__u32 other = kp_random_below(count);
	const __s64 *of_one = kp_load_at(base + one);
	const __s64 *of_other = kp_load_at(base + other);

	return of_one && of_other && *of_other < *of_one ? other : one;
}

/* @return which of `count` slots from `base` */
static __always_inline __u32 kp_schedule(const struct kp_service *record, __u32 base, __u32 count,
					 const struct kp_frontend *asked,
					 const struct kp_client *client)
{
	__u64 name;

	switch (record->algorithm) {
	case KP_ALGORITHM_ROUND_ROBIN:
		return kp_take_turn(record->service_id, count);
	case KP_ALGORITHM_LEAST_CONNECTIONS:
		/* Of several alike the first counts, hence the random start. */
		if (count <= KP_LEAST_SCAN)
			return kp_find_least(base, count, kp_random_below(count));
		return kp_find_lesser(base, count);
	case KP_ALGORITHM_SOURCE_HASH:
		return kp_scale(kp_hash(client->netns), count);
	case KP_ALGORITHM_DESTINATION_HASH:
		name = (__u64)(asked->address.word[0] ^ asked->address.word[2]) << 32 |
		       (asked->address.word[1] ^ asked->address.word[3]);
		return kp_scale(kp_hash(name), count);
	case KP_ALGORITHM_MAGLEV:
		/* IPVS hashes the port as well (IP-5); the socket stands for a port not chosen yet.
		 */
		return kp_scale(kp_hash(client->netns ^ kp_hash(client->socket)), count);
	default:
		return kp_random_below(count);
	}
}

#endif /* KPROXY_SCHEDULE_H */
