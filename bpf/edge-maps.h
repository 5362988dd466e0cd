/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* edge-maps.h - the maps that the edge plane has beside those of maps.h. */
#ifndef KPROXY_EDGE_MAPS_H
#define KPROXY_EDGE_MAPS_H

#include "maps.h"

/* Flows that nobody has answered: a flood of them pushes out each other and nothing else. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct kp_tuple);
	__type(value, struct kp_track);
} half_open SEC(".maps");

/* Preallocated: an entry made on demand takes twice as long. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, struct kp_tuple);
	__type(value, struct kp_track);
} established SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct kp_uplink);
} uplinks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kp_flow_ports);
} flow_ports SEC(".maps");

/* The ports of packets whose first fragment was translated, for their other fragments. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct kp_fragment);
	__type(value, struct kp_fragment_ports);
} fragments SEC(".maps");

/* Where pods are (detect-local by source): the first CIDR of each family (TR-50). */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16);
	__type(key, struct kp_cidr);
	__type(value, __u32);
} pod_cidrs SEC(".maps");

#endif /* KPROXY_EDGE_MAPS_H */
