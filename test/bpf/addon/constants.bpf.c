/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Writes its constants into the packet, and returns the length of the metadata before it. */
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum color {
	COLOR_RED,
	COLOR_BLUE = 7,
};

struct pair {
	__u32 left;
	__u32 right;
};

const volatile __u64 wide = 1;
const volatile __s16 negative = -1;
const volatile __u8 narrow = 1;
const volatile bool flag = false;
const volatile enum color color = COLOR_RED;
const volatile struct pair pair = {1, 2};

struct report {
	__u64 wide;
	__s64 negative;
	__u32 narrow;
	__u32 flag;
	__u32 color;
	__u32 left;
};

__u64 runs;

SEC("xdp")
int report_constants(struct xdp_md *context)
{
	struct report *report = (void *)(long)context->data;

	if ((void *)(report + 1) > (void *)(long)context->data_end)
		return -1;
	report->wide = wide;
	report->negative = negative;
	report->narrow = narrow;
	report->flag = flag;
	report->color = color;
	report->left = pair.left;
	runs++;
	return context->data - context->data_meta;
}

char _license[] SEC("license") = "Dual BSD/GPL";
