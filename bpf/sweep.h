/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* sweep.h - which flows have had no packet for too long; the times are those of nf_conntrack. */
#ifndef KPROXY_SWEEP_H
#define KPROXY_SWEEP_H

#include "conntrack.h"

/* Set before load, in seconds. */
const volatile __u32 tcp_established_seconds = 86400; /* kube-proxy's tcpEstablishedTimeout */
const volatile __u32 tcp_half_closed_seconds = 3600;  /* kube-proxy's tcpCloseWaitTimeout */
const volatile __u32 tcp_closed_seconds = 120;	      /* nf_conntrack_tcp_timeout_time_wait */
const volatile __u32 tcp_reset_seconds = 10;	      /* nf_conntrack_tcp_timeout_close */
const volatile __u32 tcp_unanswered_seconds = 120;    /* nf_conntrack_tcp_timeout_syn_sent */
const volatile __u32 udp_answered_seconds = 120;      /* nf_conntrack_udp_timeout_stream */
const volatile __u32 udp_unanswered_seconds = 30;     /* nf_conntrack_udp_timeout */

#define KP_NSEC_PER_SEC 1000000000ULL

static __always_inline __u32 kp_tcp_patience(__u32 either, __u32 both, bool is_half_open)
{
	if (either & KP_TRACK_RST)
		return tcp_reset_seconds;
	if (is_half_open)
		return tcp_unanswered_seconds;
	if (both & KP_TRACK_FIN)
		return tcp_closed_seconds;
	return either & KP_TRACK_FIN ? tcp_half_closed_seconds : tcp_established_seconds;
}

/*
 * One entry of a table. Both directions of a flow are judged together, by the later packet.
 * @return whether it stays
 */
static __always_inline bool kp_sweep(const struct kp_tuple *key, const struct kp_track *track)
{
	bool is_half_open = !bpf_map_lookup_elem(&established, key);
	struct kp_track *other = bpf_map_lookup_elem(
	    is_half_open ? (void *)&half_open : (void *)&established, &track->other);
	__u64 last_seen = track->last_seen;
	__u32 either = track->flags;
	__u32 both = track->flags;
	__u32 patience;

	if (other) {
		either |= other->flags;
		both &= other->flags;
		if (other->last_seen > last_seen)
			last_seen = other->last_seen;
	}
	if (key->protocol == IPPROTO_UDP)
		patience = is_half_open ? udp_unanswered_seconds : udp_answered_seconds;
	else
		patience = kp_tcp_patience(either, both, is_half_open);
	if (bpf_ktime_get_ns() < last_seen + patience * KP_NSEC_PER_SEC)
		return true;
	kp_forget_flow(key, &track->other);
	return false;
}

#endif /* KPROXY_SWEEP_H */
