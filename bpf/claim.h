/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * claim.h - the source port of a new flow towards its backend. The entry of the replies, put there
 * if there is none, is the claim: two flows never expect the same replies (E6, E7).
 */
#ifndef KPROXY_CLAIM_H
#define KPROXY_CLAIM_H

#include "conntrack.h"
#include "flow-ports.h"
#include "schedule.h"

/* Where nobody else takes ports from: below and above those of sockets, and beside NodePorts. */
#define KP_CLAIM_LOW 20000
#define KP_CLAIM_LOW_COUNT 10000
#define KP_CLAIM_HIGH 61000
#define KP_CLAIM_HIGH_COUNT 4536
#define KP_CLAIM_TRIES 16

/* What kp_claim() is to make, and then has made. */
struct kp_claim {
	struct kp_tuple asked;	 /* what the client sends */
	struct kp_tuple replies; /* what the backend sends; its destination port is the claim */
	__u32 service_id;
	__u32 backend_id;
	__u32 flags; /* KP_TRACK_REMOTE or 0 */
	__u32 sequence;
};

static __always_inline bool kp_is_claimable(__be16 port)
{
	__u32 number = bpf_ntohs(port);

	return (number >= KP_CLAIM_LOW && number < KP_CLAIM_LOW + KP_CLAIM_LOW_COUNT) ||
	       (number >= KP_CLAIM_HIGH && number < KP_CLAIM_HIGH + KP_CLAIM_HIGH_COUNT);
}

static __always_inline __be16 kp_random_port(void)
{
	__u32 number = kp_random_below(KP_CLAIM_LOW_COUNT + KP_CLAIM_HIGH_COUNT);

	if (number < KP_CLAIM_LOW_COUNT)
		return bpf_htons(KP_CLAIM_LOW + number);
	return bpf_htons(KP_CLAIM_HIGH + number - KP_CLAIM_LOW_COUNT);
}

/* May replies like these be ours? Those of a flow that has ended make room. */
static __always_inline bool kp_is_free(const struct kp_tuple *replies)
{
	struct kp_track *entry = bpf_map_lookup_elem(&established, replies);
	struct kp_track copy, *other;

	if (!entry)
		return true;
	copy = *entry;
	other = bpf_map_lookup_elem(&established, &copy.other);
	if (!(copy.flags & KP_TRACK_RST) && other && !(other->flags & KP_TRACK_RST) &&
	    !(copy.flags & other->flags & KP_TRACK_FIN))
		return false;
	bpf_map_delete_elem(&established, &copy.other);
	bpf_map_delete_elem(&established, replies);
	return true;
}

/*
 * Makes both entries of a new flow, half-open. The client's own port is tried first; whoever keeps
 * the client's address may keep any port, the node's own address has ports that must not be taken.
 * @return 0, or that no port is free (E9)
 */
static __noinline int kp_claim(struct kp_claim *claim)
{
	struct kp_track track = {
	    .last_seen = bpf_ktime_get_ns(),
	    .service_id = claim->service_id,
	    .backend_id = claim->backend_id,
	    .flags = claim->flags | KP_TRACK_REPLY,
	};
	bool is_remote = claim->flags & KP_TRACK_REMOTE;

	claim->replies.destination_port = claim->asked.source_port;
	if (is_remote && !kp_is_claimable(claim->asked.source_port))
		claim->replies.destination_port = kp_random_port();
	track.other = claim->asked;
	for (int i = 0; i < KP_CLAIM_TRIES; i++) {
		track.check = kp_track_check(&claim->replies, &track.other);
		kp_mark_ports(&claim->asked, &claim->replies, is_remote);
		if (kp_is_free(&claim->replies) &&
		    !bpf_map_update_elem(&half_open, &claim->replies, &track, BPF_NOEXIST)) {
			track.flags = claim->flags;
			track.sequence = claim->sequence;
			track.other = claim->replies;
			track.check = kp_track_check(&claim->asked, &track.other);
			return bpf_map_update_elem(&half_open, &claim->asked, &track, BPF_ANY);
		}
		claim->replies.destination_port = kp_random_port();
	}
	return -1;
}

#endif /* KPROXY_CLAIM_H */
