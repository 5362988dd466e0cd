/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* flow-ports.h - the first question to a packet: has any flow ever had its port? */
#ifndef KPROXY_FLOW_PORTS_H
#define KPROXY_FLOW_PORTS_H

#include <bpf/bpf_endian.h>
#include "edge-maps.h"

static __always_inline struct kp_flow_ports *kp_flow_ports(void)
{
	__u32 index = 0;

	return bpf_map_lookup_elem(&flow_ports, &index);
}

static __always_inline bool kp_may_enter(__be16 destination_port)
{
	struct kp_flow_ports *ports = kp_flow_ports();

	return ports && ports->in[bpf_ntohs(destination_port)];
}

static __always_inline bool kp_may_exit(__be16 source_port)
{
	struct kp_flow_ports *ports = kp_flow_ports();

	return ports && ports->out[bpf_ntohs(source_port)];
}

/* Writes only what is news: all processors read this. */
static __always_inline void kp_mark(__u8 *mark)
{
	if (!*mark)
		*mark = 1;
}

/* To be called before the flow has entries. */
static __always_inline void kp_mark_ports(const struct kp_tuple *asked,
					  const struct kp_tuple *replies, bool is_remote)
{
	struct kp_flow_ports *ports = kp_flow_ports();

	if (!ports)
		return;
	kp_mark(&ports->in[bpf_ntohs(asked->destination_port)]);
	if (is_remote)
		kp_mark(&ports->in[bpf_ntohs(replies->destination_port)]);
	else
		kp_mark(&ports->out[bpf_ntohs(replies->source_port)]);
}

#endif /* KPROXY_FLOW_PORTS_H */
