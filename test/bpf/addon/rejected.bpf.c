/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* `rejected` reads the packet without a bounds check; `accepted` is fine. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int accepted(struct xdp_md *context)
{
	(void)context;
	return XDP_PASS;
}

SEC("xdp")
int rejected(struct xdp_md *context)
{
	const __u32 *word = (void *)(long)context->data;

	return *word == 0 ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
