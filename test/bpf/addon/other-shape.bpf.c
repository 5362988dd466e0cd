/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A map named as one of maps.bpf.c, with another key, value and size. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, __u32);
} hash SEC(".maps");

char _license[] SEC("license") = "Dual BSD/GPL";
