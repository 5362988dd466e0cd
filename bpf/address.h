/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* address.h - what can be told from the 16 bytes of an address alone. */
#ifndef KPROXY_ADDRESS_H
#define KPROXY_ADDRESS_H

#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include "abi.h"

static __always_inline bool kp_same_address(const struct kp_address *a, const struct kp_address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] &&
	       a->word[3] == b->word[3];
}

static __always_inline bool kp_is_mapped(const struct kp_address *address)
{
	return !address->word[0] && !address->word[1] && address->word[2] == bpf_htonl(0xffff);
}

/* 127.0.0.0/8, or 0.0.0.0, which a client that connects means the same by. */
static __always_inline bool kp_is_loopback4(const struct kp_address *address)
{
	return kp_is_mapped(address) &&
	       (!address->word[3] ||
		(address->word[3] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000));
}

#endif /* KPROXY_ADDRESS_H */
