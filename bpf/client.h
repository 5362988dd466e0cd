/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * client.h - who asks. All that a socket hook can tell: its network namespace, and the addresses
 * there.
 */
#ifndef KPROXY_CLIENT_H
#define KPROXY_CLIENT_H

#include <bpf/bpf_core_read.h>
#include "address.h"
#include "maps.h"

/* Cookie of this node's own network namespace (SO_NETNS_COOKIE, since 5.14); 0: not known. */
const volatile __u64 host_netns = 0;

/* How many interfaces of a namespace, and addresses of each, are looked at for that of a client. */
#define KP_CLIENT_INTERFACES 8
#define KP_CLIENT_ADDRESSES 8

struct kp_client {
	__u64 netns;		  /* cookie; edge plane: a number for the source address */
	__u64 socket;		  /* cookie; only where a choice depends on it. Edge plane: port */
	struct kp_address source; /* only where source ranges are asked; edge plane: always */
	bool by_address;	  /* it is known by its source, not by its namespace */
	bool is_host;
	bool has_source;
};

/* Process, host or pod, of a hook whose context knows the namespace. */
static __always_inline bool kp_is_host(void *ctx)
{
	return host_netns && bpf_get_netns_cookie(ctx) == host_netns;
}

/*
 * The few fields of kernel structures that lead from a task to the addresses of its namespace.
 * CO-RE finds their places in the running kernel; all exist since long before 5.10, but for the
 * cookie (5.14).
 */
#define KP_CORE __attribute__((preserve_access_index))

struct list_head {
	struct list_head *next;
} KP_CORE;

struct net {
	struct list_head dev_base_head;
	__u64 net_cookie;
} KP_CORE;

struct nsproxy {
	struct net *net_ns;
} KP_CORE;

struct task_struct {
	struct nsproxy *nsproxy;
} KP_CORE;

struct in_ifaddr {
	struct in_ifaddr *ifa_next;
	__be32 ifa_local;
	unsigned char ifa_scope;
} KP_CORE;

struct in_device {
	struct in_ifaddr *ifa_list;
} KP_CORE;

struct in6_addr___halves {
	__u64 halves[2];
};

struct inet6_ifaddr {
	struct in6_addr___halves addr;
	struct list_head if_list;
	__u16 scope;
} KP_CORE;

struct inet6_dev {
	struct list_head addr_list;
} KP_CORE;

struct net_device {
	struct list_head dev_list;
	struct in_device *ip_ptr;
	struct inet6_dev *ip6_ptr;
} KP_CORE;

#define KP_CONTAINER_OF(pointer, type, member)                                                     \
	((struct type *)((char *)(pointer) - bpf_core_field_offset(struct type, member)))

/* include/uapi/linux/rtnetlink.h: of an address that everybody may use */
#define KP_SCOPE_UNIVERSE 0
/* include/net/ipv6.h: IPV6_ADDR_SCOPE_MASK; what is left of it is the same for IPv6 */
#define KP_IPV6_SCOPE_MASK 0x00f0

/* The namespace of the task, if it is the one that the hook says; the socket may be of another. */
static __always_inline struct net *kp_net_of_task(__u64 netns)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct net *net = BPF_CORE_READ(task, nsproxy, net_ns);

	if (net && bpf_core_field_exists(net->net_cookie) &&
	    BPF_CORE_READ(net, net_cookie) != netns)
		return NULL;
	return net;
}

/* The first global IPv4 address of an interface, or 0; loopback has host scope. */
static __always_inline __be32 kp_address4_of(struct net_device *device)
{
	struct in_ifaddr *entry = BPF_CORE_READ(device, ip_ptr, ifa_list);

	for (int i = 0; i < KP_CLIENT_ADDRESSES && entry; i++) {
		if (BPF_CORE_READ(entry, ifa_scope) == KP_SCOPE_UNIVERSE)
			return BPF_CORE_READ(entry, ifa_local);
		entry = BPF_CORE_READ(entry, ifa_next);
	}
	return 0;
}

/* Half of the first global IPv6 address of an interface, or 0. */
static __always_inline __u64 kp_address6_of(struct net_device *device, __u32 half)
{
	struct inet6_dev *in_device = BPF_CORE_READ(device, ip6_ptr);
	struct list_head *head, *node;
	__u64 found = 0;

	if (!in_device)
		return 0;
	head = (void *)in_device + bpf_core_field_offset(struct inet6_dev, addr_list);
	node = BPF_CORE_READ(in_device, addr_list.next);
	for (int i = 0; i < KP_CLIENT_ADDRESSES && node && node != head; i++) {
		struct inet6_ifaddr *entry = KP_CONTAINER_OF(node, inet6_ifaddr, if_list);

		if (BPF_CORE_READ(entry, scope) & KP_IPV6_SCOPE_MASK) {
			node = BPF_CORE_READ(node, next);
			continue;
		}
		bpf_probe_read_kernel(&found, sizeof(found),
				      (void *)entry +
					  bpf_core_field_offset(struct inet6_ifaddr, addr) +
					  (half ? sizeof(found) : 0));
		return found;
	}
	return 0;
}

/*
 * The address that a socket which is bound to none will have: not chosen yet when a hook runs, so
 * it is looked up among the interfaces of the caller's namespace, as a pod has one address of a
 * family.
 *
 * Global functions, so that the verifier follows their loops once and not once for each way that
 * leads here; such functions return no more than 64 bits, and take no pointers before 5.12.
 *
 * @param half of an IPv6 address, 0 or 1
 * @return 0: there is none
 */
__noinline __u32 kp_find_source4(__u64 netns)
{
	struct net *net = kp_net_of_task(netns);
	struct list_head *head, *node;

	if (!net)
		return 0;
	head = (void *)net + bpf_core_field_offset(struct net, dev_base_head);
	node = BPF_CORE_READ(net, dev_base_head.next);
	for (int i = 0; i < KP_CLIENT_INTERFACES && node && node != head; i++) {
		__be32 found = kp_address4_of(KP_CONTAINER_OF(node, net_device, dev_list));

		if (found)
			return found;
		node = BPF_CORE_READ(node, next);
	}
	return 0;
}

__noinline __u64 kp_find_source6(__u64 netns, __u32 half)
{
	struct net *net = kp_net_of_task(netns);
	struct list_head *head, *node;

	if (!net)
		return 0;
	head = (void *)net + bpf_core_field_offset(struct net, dev_base_head);
	node = BPF_CORE_READ(net, dev_base_head.next);
	for (int i = 0; i < KP_CLIENT_INTERFACES && node && node != head; i++) {
		__u64 found = kp_address6_of(KP_CONTAINER_OF(node, net_device, dev_list), half);

		if (found)
			return found;
		node = BPF_CORE_READ(node, next);
	}
	return 0;
}

#endif /* KPROXY_CLIENT_H */
