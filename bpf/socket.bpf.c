// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * socket.bpf.c - the socket plane: every connection and datagram that starts on this node.
 *
 * Attached at the root of the node's cgroup v2 tree. A destination that is a frontend is replaced
 * by a backend before the kernel looks up a route, so the packets that follow are plain pod-to-pod
 * packets.
 */
#include "hook.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return kp_connect(ctx, KP_IPV4);
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	return kp_connect(ctx, KP_IPV6);
}

/* Also for v4-mapped destinations of IPv6 sockets, whose replies then pass recvmsg6. */
SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	return kp_send(ctx, KP_IPV4);
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	return kp_send(ctx, KP_IPV6);
}

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *ctx)
{
	return kp_receive(ctx, KP_IPV4);
}

SEC("cgroup/recvmsg6")
int recvmsg6(struct bpf_sock_addr *ctx)
{
	return kp_receive(ctx, KP_IPV6);
}

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *ctx)
{
	return kp_show_peer(ctx, KP_IPV4);
}

SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr *ctx)
{
	return kp_show_peer(ctx, KP_IPV6);
}

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *sk)
{
	kp_forget_peer(sk, sk, sk->protocol);
	return PROCEED;
}
