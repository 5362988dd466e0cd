/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* conntrack.h - the flows that the edge plane translates: found, kept, and taken to have ended. */
#ifndef KPROXY_CONNTRACK_H
#define KPROXY_CONNTRACK_H

#include "edge-maps.h"
#include "packet.h"
#include "stats.h"

/* How old `last_seen` may be: to write it for every packet would cost as much as the lookup. */
#define KP_SEEN_NS 1000000000ULL

/* How far from what was sent last a RST may be; what fits no window of TCP is not of the flow. */
#define KP_RESET_WINDOW (1 << 20)

/* The packets of the opposite direction, as they become; and of `other`, what packets become. */
static __always_inline void kp_turn_round(const struct kp_tuple *from, struct kp_tuple *to)
{
	to->source = from->destination;
	to->destination = from->source;
	to->source_port = from->destination_port;
	to->destination_port = from->source_port;
	to->protocol = from->protocol;
	to->pad[0] = 0;
	to->pad[1] = 0;
	to->pad[2] = 0;
}

/* Of an entry that is still what its key found: elements are recycled as soon as they are freed. */
static __always_inline __u32 kp_track_check(const struct kp_tuple *key,
					    const struct kp_tuple *other)
{
	const __u32 *a = (const __u32 *)key;
	const __u32 *b = (const __u32 *)other;
	__u64 hash = 0x9e3779b97f4a7c15ULL;

#pragma unroll
	for (size_t i = 0; i < sizeof(*key) / sizeof(__u32); i++)
		hash = (hash ^ ((__u64)a[i] << 32 | b[i])) * 0xff51afd7ed558ccdULL;
	return hash >> 32;
}

/* Finds the entry of a tuple in one table and says what its packets become. */
static __always_inline struct kp_track *kp_look_up(void *table, const struct kp_tuple *key,
						   struct kp_tuple *translated)
{
	struct kp_track *track = bpf_map_lookup_elem(table, key);
	struct kp_tuple other;

	if (!track)
		return NULL;
	other = track->other;
	if (track->check != kp_track_check(key, &other))
		return NULL;
	kp_turn_round(&other, translated);
	return track;
}

static __always_inline struct kp_track *
kp_find_track(const struct kp_tuple *key, struct kp_tuple *translated, bool *is_half_open)
{
	struct kp_track *track = kp_look_up(&established, key, translated);

	*is_half_open = !track;
	return track ? track : kp_look_up(&half_open, key, translated);
}

/* The entry of the opposite direction, as it was at first. */
static __always_inline void kp_mirror(const struct kp_tuple *key, const struct kp_track *track,
				      struct kp_track *mirror)
{
	__builtin_memset(mirror, 0, sizeof(*mirror));
	mirror->other = *key;
	mirror->last_seen = track->last_seen;
	mirror->service_id = track->service_id;
	mirror->backend_id = track->backend_id;
	mirror->flags =
	    (track->flags & KP_TRACK_REMOTE) | (track->flags & KP_TRACK_REPLY ? 0 : KP_TRACK_REPLY);
	mirror->check = kp_track_check(&track->other, key);
}

/* Makes the other half anew where it went missing: either leads to the other (E4, E5). */
static __noinline void kp_restore_other(const struct kp_tuple *key, const struct kp_track *entry,
					bool is_half_open)
{
	struct kp_track track = *entry;
	struct kp_track mirror;

	if (track.check != kp_track_check(key, &track.other))
		return;
	if (is_half_open) {
		if (bpf_map_lookup_elem(&half_open, &track.other))
			return;
		kp_mirror(key, &track, &mirror);
		bpf_map_update_elem(&half_open, &track.other, &mirror, BPF_NOEXIST);
		return;
	}
	if (bpf_map_lookup_elem(&established, &track.other))
		return;
	kp_mirror(key, &track, &mirror);
	bpf_map_update_elem(&established, &track.other, &mirror, BPF_NOEXIST);
}

/*
 * An answer has come: the flow moves to the table that nothing pushes it out of. Where that has no
 * room it stays half-open and works on.
 */
static __noinline void kp_establish(const struct kp_tuple *key, const struct kp_track *entry)
{
	struct kp_track track = *entry;
	struct kp_track mirror, *other;

	if (track.check != kp_track_check(key, &track.other))
		return;
	other = bpf_map_lookup_elem(&half_open, &track.other);
	if (other)
		mirror = *other;
	if (!other || mirror.check != kp_track_check(&track.other, key))
		kp_mirror(key, &track, &mirror);
	if (bpf_map_update_elem(&established, key, &track, BPF_ANY)) {
		kp_count_reason(KP_REASON_CONNTRACK_FULL);
		return;
	}
	if (bpf_map_update_elem(&established, &track.other, &mirror, BPF_ANY)) {
		bpf_map_delete_elem(&established, key);
		kp_count_reason(KP_REASON_CONNTRACK_FULL);
		return;
	}
	bpf_map_delete_elem(&half_open, key);
	bpf_map_delete_elem(&half_open, &track.other);
}

static __always_inline void kp_forget_flow(const struct kp_tuple *key, const struct kp_tuple *other)
{
	bpf_map_delete_elem(&established, key);
	bpf_map_delete_elem(&established, other);
	bpf_map_delete_elem(&half_open, key);
	bpf_map_delete_elem(&half_open, other);
}

/*
 * Has the connection of the client's entry ended, so that the same ports may be those of a new one
 * (E11)? Then it is forgotten.
 */
static __noinline bool kp_forget_ended(const struct kp_tuple *key, const struct kp_track *entry)
{
	__u32 flags = entry->flags;
	struct kp_tuple replies = entry->other;
	struct kp_track *other = bpf_map_lookup_elem(&established, &replies);

	if (!other)
		other = bpf_map_lookup_elem(&half_open, &replies);
	if (other)
		flags =
		    ((flags | other->flags) & KP_TRACK_RST) | (flags & other->flags & KP_TRACK_FIN);
	if (!(flags & KP_TRACK_RST) && !(other && (flags & KP_TRACK_FIN)))
		return false;
	kp_forget_flow(key, &replies);
	return true;
}

/* Does a RST belong to what its direction has sent? One that does not ends nothing (E12). */
static __always_inline bool kp_is_in_window(const struct kp_track *track, __u32 sequence)
{
	__s32 distance = sequence - track->sequence;

	return !track->sequence || (distance < KP_RESET_WINDOW && distance > -KP_RESET_WINDOW);
}

static __always_inline void kp_follow_tcp(struct kp_track *track, const struct kp_packet *packet)
{
	__u32 flags = track->flags;

	if (packet->tcp_flags & KP_TCP_RST) {
		if (kp_is_in_window(track, packet->sequence))
			flags |= KP_TRACK_RST;
	} else {
		track->sequence = packet->sequence;
		if (packet->tcp_flags & KP_TCP_FIN)
			flags |= KP_TRACK_FIN;
	}
	if (flags != track->flags)
		track->flags = flags;
}

/* Takes note of a packet of a flow. */
static __always_inline void kp_note_packet(struct kp_track *track, bool is_half_open,
					   const struct kp_packet *packet)
{
	__u64 now = bpf_ktime_get_ns();

	/* What the first fragment says goes for all. */
	if (packet->is_later)
		return;
	if (packet->tuple.protocol == IPPROTO_TCP)
		kp_follow_tcp(track, packet);
	if (is_half_open && (track->flags & KP_TRACK_REPLY)) {
		track->last_seen = now;
		kp_establish(&packet->tuple, track);
		return;
	}
	if (now - track->last_seen < KP_SEEN_NS && !is_half_open)
		return;
	track->last_seen = now;
	kp_restore_other(&packet->tuple, track, is_half_open);
}

#endif /* KPROXY_CONNTRACK_H */
