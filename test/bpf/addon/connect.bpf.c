/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Two programs for one hook, to tell by a connect() which is attached, and one for another hook. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/connect4")
int allow(struct bpf_sock_addr *context)
{
	(void)context;
	return 1;
}

/* connect() fails with EPERM. */
SEC("cgroup/connect4")
int deny(struct bpf_sock_addr *context)
{
	(void)context;
	return 0;
}

SEC("cgroup/connect6")
int allow6(struct bpf_sock_addr *context)
{
	(void)context;
	return 1;
}

char _license[] SEC("license") = "Dual BSD/GPL";
