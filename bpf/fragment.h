/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * fragment.h - fragments go where the first of their packet went, which alone has the ports (E19).
 * Those that overtake it are not known to be of a flow.
 */
#ifndef KPROXY_FRAGMENT_H
#define KPROXY_FRAGMENT_H

#include "edge-maps.h"
#include "packet.h"

static __always_inline void kp_fragment_key(const struct kp_packet *packet, struct kp_fragment *key)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->source = packet->tuple.source;
	key->destination = packet->tuple.destination;
	key->id = packet->fragment_id;
	key->protocol = packet->tuple.protocol;
}

/* Of a first fragment, before it is changed. */
static __noinline void kp_remember_ports(const struct kp_packet *packet)
{
	struct kp_fragment_ports ports = {
	    .source_port = packet->tuple.source_port,
	    .destination_port = packet->tuple.destination_port,
	};
	struct kp_fragment key;

	kp_fragment_key(packet, &key);
	bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
}

/* Completes the tuple of another fragment. @return false: the first has not been seen */
static __noinline bool kp_recall_ports(struct kp_packet *packet)
{
	struct kp_fragment_ports *ports;
	struct kp_fragment key;

	kp_fragment_key(packet, &key);
	ports = bpf_map_lookup_elem(&fragments, &key);
	if (!ports)
		return false;
	packet->tuple.source_port = ports->source_port;
	packet->tuple.destination_port = ports->destination_port;
	return true;
}

#endif /* KPROXY_FRAGMENT_H */
