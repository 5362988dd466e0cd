// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * resolve.bpf.c - the production decision from frontend to backend, made test-runnable.
 *
 * The kernel cannot test-run cgroup socket hooks, so an XDP program takes the request from the
 * packet, runs the very code that the hooks run, and writes the answer back into the packet.
 */
#include "select.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Offsets are spelled out in test/bpf/resolver.ts. */
struct exchange {
	struct kp_frontend frontend; /* in, 0 */
	__u32 verdict;		     /* out, 20 */
	__u64 netns;		     /* in, 24 */
	struct kp_choice choice;     /* out, 32 */
	__u32 checksum;		     /* out, 64: of the record that the frontend has now */
	__u32 pad;
};

SEC("xdp")
int resolve(struct xdp_md *ctx)
{
	struct exchange *exchange = (void *)(long)ctx->data;
	struct kp_frontend frontend;
	struct kp_choice choice = {};
	struct kp_service *element;
	struct kp_service record;

	if ((void *)(exchange + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	frontend = exchange->frontend;
	switch (kp_find_service(&frontend, &record)) {
	case KP_FOUND_NOTHING:
		exchange->verdict = KP_VERDICT_PASS;
		break;
	case KP_FOUND_TORN:
		exchange->verdict = KP_VERDICT_FAIL;
		break;
	default:
		exchange->verdict = kp_choose(&record, exchange->netns, &choice);
	}
	exchange->choice = choice;
	element = bpf_map_lookup_elem(&services, &frontend);
	if (element) {
		record = *element;
		exchange->checksum = kp_checksum(&frontend, &record);
	}
	return XDP_PASS;
}
