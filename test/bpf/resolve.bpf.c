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
	__u32 checksum;		     /* out, 68: of the record that the frontend has now */
	__u64 socket;		     /* in, 72 */
	struct kp_address source;    /* in, 80 */
	__u32 is_host;		     /* in, 96 */
	__u32 has_source;	     /* in, 100 */
};

/* As the hooks do it, but that they look the client up first. */
static __always_inline enum kp_verdict kp_answer(const struct exchange *exchange,
						 const struct kp_frontend *frontend,
						 struct kp_choice *choice)
{
	struct kp_client client = {
	    .netns = exchange->netns,
	    .socket = exchange->socket,
	    .source = exchange->source,
	    .is_host = exchange->is_host,
	    .has_source = exchange->has_source,
	};
	struct kp_service record;
	enum kp_found found;
	enum kp_list list;

	found = kp_find_service(frontend, client.is_host, &record);
	if (found != KP_FOUND_SERVICE)
		return kp_verdict_without_service(found);
	if (kp_has_limits(&record) && !kp_admits(&record, &client))
		return kp_deny(&record, choice);
	list = kp_list_for(&record, kp_is_mapped(&frontend->address), client.is_host);
	return kp_choose(&record, list, frontend, &client, choice);
}

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
	exchange->verdict = kp_answer(exchange, &frontend, &choice);
	exchange->choice = choice;
	element = bpf_map_lookup_elem(&services, &frontend);
	if (element) {
		record = *element;
		exchange->checksum = kp_checksum(&frontend, &record);
	}
	return XDP_PASS;
}
