/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * abi.h - the one contract between the BPF programs and the agent.
 *
 * Every struct here is the key or the value of a map that is pinned and outlives both sides, so
 * layouts are fixed-width with explicit padding, and any change of one raises KP_LAYOUT_VERSION.
 * A generator reads the BTF of these structs and writes their TypeScript offsets
 * (build/generated/abi.ts); nothing is spelled out twice.
 *
 * Addresses are 16 bytes in network byte order; IPv4 is kept v4-mapped (::ffff:a.b.c.d), so one
 * table and one code path serve both families and v4-mapped sockets. Ports are big endian
 * wherever a packet or a socket address will carry them.
 */
#ifndef KPROXY_ABI_H
#define KPROXY_ABI_H

#include <linux/types.h>
#include <linux/bpf.h> /* struct bpf_spin_lock */

#define KP_LAYOUT_VERSION 3

/* Places for the peers of TCP sockets; a power of two. */
#define KP_TCP_PEERS 32768

/* How many destinations an unconnected UDP socket remembers for recvmsg. */
#define KP_FLOWS_PER_SOCKET 4

/* Counts of connections by backend; a power of two. */
#define KP_LOADS 65536

struct kp_address {
	__be32 word[4];
};

/*
 * services: key. One frontend: an address a client may name. A NodePort has one key for each
 * family, with the wildcard address; which addresses of the node it stands for is in `addresses`.
 */
struct kp_frontend {
	struct kp_address address;
	__be16 port;
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
	__u8 scope;    /* enum kp_scope */
};

/* A client may name the wildcard address as well (it means this host); hence not by address alone.
 */
enum kp_scope {
	KP_SCOPE_ADDRESS = 0,
	KP_SCOPE_NODE = 1, /* every address of the node that serves NodePorts */
};

/* services: value, kp_service.frontend_class: destination classes (TR-1) */
enum kp_class {
	KP_CLASS_CLUSTER_IP = 0,
	KP_CLASS_NODE_PORT = 1,
	KP_CLASS_EXTERNAL_IP = 2,
	KP_CLASS_LOAD_BALANCER_IP = 3,
};

/* services: value, bits of kp_service.flags */
enum kp_service_flag {
	/* Nothing to choose from here, but usable endpoints exist elsewhere: drop, do not refuse
	   (TR-21, TR-22). */
	KP_SERVICE_INTERNAL_DROP = 1 << 0,
	KP_SERVICE_EXTERNAL_DROP = 1 << 1,
	/* Its LoadBalancer IPs are for the clients in source_ranges alone (TR-31). */
	KP_SERVICE_SOURCE_RANGES = 1 << 2,
	/* This node's own address is in one of them (TR-33). */
	KP_SERVICE_NODE_IN_RANGES = 1 << 3,
};

/* services: value, kp_service.algorithm */
enum kp_algorithm {
	KP_ALGORITHM_RANDOM = 0,
	KP_ALGORITHM_ROUND_ROBIN = 1,
	KP_ALGORITHM_LEAST_CONNECTIONS = 2,
	KP_ALGORITHM_SOURCE_HASH = 3,
	KP_ALGORITHM_DESTINATION_HASH = 4,
	/* The active slots are a Maglev table: each endpoint stands there many times. */
	KP_ALGORITHM_MAGLEV = 5,
};

/* A range of the arena: `active` slots from `base`, then `terminating` ones. */
struct kp_range {
	__u32 base;
	__u16 active;
	__u16 terminating;
};

/*
 * services: value. Published by one map update; readers copy it and verify `checksum`, because
 * the kernel recycles freed hash elements at once and a pointer may come to show another record.
 */
struct kp_service {
	__u32 checksum; /* kp_checksum() over the key and everything below */
	__u32 service_id;
	__u32 generation;	  /* grows with each publication of this service port */
	__u32 flags;		  /* enum kp_service_flag */
	struct kp_range internal; /* for the ClusterIP, whoever asks (EP-9) */
	struct kp_range cluster;  /* for the other classes, asked from inside the cluster (TR-20) */
	struct kp_range external; /* for the same, asked from outside */
	__u32 affinity_seconds;	  /* 0: no session affinity */
	__u8 algorithm;		  /* enum kp_algorithm */
	__u8 frontend_class;	  /* enum kp_class; all else is the same at every frontend */
	__u16 pad;
};

/* slots (the arena): value; the key is the index. All zero: never written. */
struct kp_slot {
	struct kp_address address;
	__be16 port;
	__u16 weight;
	__u32 backend_id; /* never 0 in a published range */
};

/* backends: value; the key is the backend id (__u32). Lets a restarted agent adopt the ids. */
struct kp_backend {
	__u32 backend_id; /* echo of the key: a recycled element must not steer a packet */
	__be16 port;
	__u8 protocol;
	__u8 flags; /* enum kp_backend_flag */
	struct kp_address address;
	__u64 target; /* hash of the target UID: a reused pod address is another backend */
};

enum kp_backend_flag {
	KP_BACKEND_LOCAL = 1 << 0, /* on this node */
};

/*
 * members: key and value. Is a remembered choice still one that this service may use? That is asked
 * for each class of traffic, since their ranges may show different endpoints.
 */
struct kp_member {
	__u32 service_id;
	__u32 backend_id;
};

enum kp_member_state {
	KP_MEMBER_NONE = 0,
	KP_MEMBER_ACTIVE = 1,
	KP_MEMBER_TERMINATING = 2,
};

struct kp_membership {
	__u8 internal; /* enum kp_member_state: in the record's internal range */
	__u8 cluster;  /* in its cluster range */
	__u8 external; /* in its external range */
	__u8 pad;
	__u32 reserved;
};

/* addresses: value, bits; the key is the address. What no frontend matches is decided by these. */
enum kp_address_role {
	KP_ADDRESS_NODE_PORTS = 1 << 0, /* of this node, and NodePorts are served at it (TR-40) */
	KP_ADDRESS_CLUSTER_IP = 1 << 1, /* a ClusterIP: unknown ports are refused (TR-60) */
};

/* service_cidrs: key (LPM). No Service there: dropped (TR-61). IPv4 has 96 bits more. */
struct kp_cidr {
	__u32 prefix_length;
	struct kp_address address;
};

/* source_ranges: key (LPM). Who may use the LoadBalancer IPs of a service port. */
struct kp_source_range {
	__u32 prefix_length; /* of what follows: 32 bits more than the CIDR's, IPv4 96 more still */
	__u32 service_id;
	struct kp_address address;
};

/* turns: value by service id. Rows are made by the programs at first use. */
struct kp_turn {
	__u32 next;
	struct bpf_spin_lock lock; /* atomic additions that return a value came with 5.12 */
};

/* affinity: key and value. A netns has one address per family, so its cookie stands for the client.
 */
struct kp_affinity_client {
	struct kp_address
	    address; /* edge plane: client address; socket plane: netns cookie in word 0-1 */
	__u32 service_id;
	__u32 origin; /* enum kp_affinity_origin */
};

enum kp_affinity_origin {
	KP_AFFINITY_NETNS = 0,
	KP_AFFINITY_ADDRESS = 1,
};

struct kp_affinity_choice {
	__u64 last_used; /* CLOCK_MONOTONIC, ns; the one field that changes in place */
	__u32 backend_id;
	struct kp_address address;
	__be16 port;
	__u16 pad;
	__u32 checksum; /* kp_affinity_checksum() over the key and the backend: evicted elements are
			   recycled at once */
	__u32 reserved;
};

/* What a connected socket asked for and what it was given. socket_peers: SK_STORAGE of it. */
struct kp_peer {
	struct kp_address frontend;
	struct kp_address backend;
	__be16 frontend_port;
	__be16 backend_port;
	__u32 service_id;
	__u32 backend_id;
	__u32 counted; /* enum kp_counted: where, until it connects anew or is released */
};

enum kp_counted {
	KP_COUNTED_ACTIVE = 1 << 0, /* in backend_stats.active */
	KP_COUNTED_LOAD = 1 << 1,   /* in loads */
};

/*
 * tcp_peers: array value, one cache line; the index is the low bits of the socket's cookie. The
 * peers of most TCP sockets are here, because to make storage for a socket takes as long as all
 * else that a connect() hook does.
 */
struct kp_tcp_peer {
	__u64 cookie; /* of the socket that holds this place; 0: free */
	struct kp_peer peer;
	struct bpf_spin_lock lock; /* between sockets that want this place */
	__u32 spilled;		   /* 1: a socket found it taken once, and may have storage */
};

/* socket_flows: SK_STORAGE of an unconnected UDP socket: its latest destinations. */
struct kp_flow {
	struct kp_address frontend;
	struct kp_address backend;
	__be16 frontend_port;
	__be16 backend_port;
	__u32 service_id; /* 0: empty */
	__u32 backend_id;
	__u32 generation;
};

struct kp_flows {
	struct kp_flow flow[KP_FLOWS_PER_SOCKET];
	__u16 next;		   /* the place of the next new destination, round and round */
	__u16 latest;		   /* the place of the destination of the latest datagram */
	struct bpf_spin_lock lock; /* threads may send from one socket at once */
};

/* The two ends of a packet; key of the conntrack maps of the edge plane. */
struct kp_tuple {
	struct kp_address source;
	struct kp_address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 pad[3];
};

/*
 * half_open and established: value. A flow has one entry for each direction; the key is what its
 * packets look like before we change them, and each leads to the other.
 */
struct kp_track {
	struct kp_tuple other; /* the key of the opposite direction: packets become it, turned round
				*/
	__u64 last_seen;       /* CLOCK_MONOTONIC, ns; of this direction, a second late at most */
	__u32 service_id;
	__u32 backend_id;
	__u32 flags;	/* enum kp_track_flag */
	__u32 sequence; /* TCP: one past the latest byte of this direction */
	__u32 check;	/* kp_track_check(): hash elements are recycled as soon as they are freed */
	__u32 pad;
};

enum kp_track_flag {
	KP_TRACK_REPLY = 1 << 0,  /* this is the direction from the backend */
	KP_TRACK_REMOTE = 1 << 1, /* the backend is on another node: never through our stack */
	KP_TRACK_FIN = 1 << 2,	  /* this direction has sent all it has */
	KP_TRACK_RST = 1 << 3,	  /* this direction has cut the connection */
};

/* fragments: key. What the fragments of one packet have in common (RFC 791, RFC 8200 4.5). */
struct kp_fragment {
	struct kp_address source;
	struct kp_address destination;
	__be32 id; /* of IPv4 the lower half */
	__u8 protocol;
	__u8 pad[3];
};

/* fragments: value. What the first fragment alone has. */
struct kp_fragment_ports {
	__be16 source_port;
	__be16 destination_port;
};

/*
 * flow_ports: the one value. 1 at the ports that flows have had, so that most packets that are of
 * none are known by a look at one byte. Bytes, for bits would need atomic operations that came
 * with 5.12; never set back.
 */
struct kp_flow_ports {
	__u8 in[65536];	 /* by the destination port of packets that come in */
	__u8 out[65536]; /* by the source port of packets that go out */
};

/* uplinks: value; the key is the index of the interface. Zero: it has no address of that family. */
struct kp_uplink {
	struct kp_address address4; /* what packets to other nodes get as their source */
	struct kp_address address6;
};

/* How many (service, backend) pairs one walk may end; user space walks again for more. */
#define KP_ENDINGS 4096

/* What the iterators of lifetime.bpf.c say of a connected UDP socket whose backend is gone. */
struct kp_stale_peer {
	__u64 netns_cookie; /* of the socket's network namespace */
	__u64 socket_cookie;
	struct kp_member member;     /* that is missing: the service at the frontend, the backend */
	struct kp_frontend frontend; /* as in `services`: of a NodePort the wildcard address */
	__be16 backend_port;
	__be16 local_port;
	struct kp_address backend;
	struct kp_address local;
	__u32 family; /* AF_INET or AF_INET6, of the socket */
	__u32 pad;
};

/* service_stats: per-CPU value by service id. Rows are made by the programs at first use. */
struct kp_service_stats {
	__u64 connections; /* TCP and connected UDP choices */
	__u64 datagrams;   /* unconnected UDP sends */
	__u64 refused;	   /* no usable endpoint */
	__u64 dropped;	   /* local policy without a local endpoint */
};

/* backend_stats: per-CPU value by backend id. Rows are made by the programs at first use. */
struct kp_backend_stats {
	__u64 connections;
	__u64 datagrams;
	__s64 active; /* sockets connected now; only the sum over CPUs means anything */
};

/* reasons: per-CPU array index -> count. Every refusal, drop and anomaly has one. */
enum kp_reason {
	KP_REASON_NO_ENDPOINT = 0,	 /* refused: nothing usable anywhere (TR-23) */
	KP_REASON_NO_LOCAL_ENDPOINT = 1, /* dropped: local policy (TR-22) */
	KP_REASON_TORN_RECORD = 2,	 /* checksum mismatch twice in a row */
	KP_REASON_TORN_RETRIED = 3,	 /* checksum mismatch, second look fine */
	KP_REASON_EMPTY_SLOT = 4,	 /* a published range shows an unwritten slot */
	KP_REASON_NO_SOCKET_STORAGE = 5, /* translated, but the socket cannot remember it */
	KP_REASON_NO_STATS_ROW = 6,	 /* translated, but not counted */
	KP_REASON_UNKNOWN_PORT = 7, /* refused: a ClusterIP, but no port of its Service (TR-60) */
	KP_REASON_NO_SERVICE = 8,   /* dropped: a service address that nobody has (TR-61) */
	KP_REASON_SOURCE_RANGE = 9, /* dropped: the client is in no source range (TR-31) */
	/* Of the edge plane */
	KP_REASON_CONNTRACK_FULL = 10, /* the flow stays half-open, where others may push it out */
	KP_REASON_NO_SOURCE_PORT = 11, /* dropped: every port that was tried is taken */
	KP_REASON_NOT_WRITABLE = 12,   /* dropped: the kernel let nobody change the packet */
	KP_REASON_NO_ROUTE = 13,       /* dropped: the node has no route to the backend */
	KP_REASON_TTL_EXCEEDED = 14,   /* answered: not to be forwarded once more */
	KP_REASON_PACKET_TOO_BIG = 15, /* answered: it does not fit the next link */
	KP_REASON_COUNT = 16,
};

/* meta: array index -> __u64 */
enum kp_meta {
	KP_META_LAYOUT_VERSION = 0,
	KP_META_NEXT_SERVICE_ID = 1, /* high-water marks: ids below were given out, never again */
	KP_META_NEXT_BACKEND_ID = 2,
	KP_META_GENERATION = 3,
	KP_META_SETTINGS = 4, /* enum kp_setting */
	KP_META_COUNT = 8,
};

/* meta[KP_META_SETTINGS]: bits */
enum kp_setting {
	/* Pods can be told from outside clients in this family (TR-11). */
	KP_SETTING_DETECTS_LOCAL_4 = 1 << 0,
	KP_SETTING_DETECTS_LOCAL_6 = 1 << 1,
	/* Processes of the host reach NodePorts at 127.0.0.0/8 (TR-44). */
	KP_SETTING_LOOPBACK_NODE_PORTS = 1 << 2,
};

#define KP_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)

KP_ASSERT_SIZE(kp_address, 16);
KP_ASSERT_SIZE(kp_frontend, 20);
KP_ASSERT_SIZE(kp_range, 8);
KP_ASSERT_SIZE(kp_service, 48);
KP_ASSERT_SIZE(kp_slot, 24);
KP_ASSERT_SIZE(kp_backend, 32);
KP_ASSERT_SIZE(kp_member, 8);
KP_ASSERT_SIZE(kp_membership, 8);
KP_ASSERT_SIZE(kp_cidr, 20);
KP_ASSERT_SIZE(kp_source_range, 24);
KP_ASSERT_SIZE(kp_turn, 8);
KP_ASSERT_SIZE(kp_affinity_client, 24);
KP_ASSERT_SIZE(kp_affinity_choice, 40);
KP_ASSERT_SIZE(kp_peer, 48);
KP_ASSERT_SIZE(kp_tcp_peer, 64);
KP_ASSERT_SIZE(kp_flow, 48);
KP_ASSERT_SIZE(kp_flows, 200);
KP_ASSERT_SIZE(kp_tuple, 40);
KP_ASSERT_SIZE(kp_track, 72);
KP_ASSERT_SIZE(kp_uplink, 32);
KP_ASSERT_SIZE(kp_fragment, 40);
KP_ASSERT_SIZE(kp_fragment_ports, 4);
KP_ASSERT_SIZE(kp_stale_peer, 88);
KP_ASSERT_SIZE(kp_service_stats, 32);
KP_ASSERT_SIZE(kp_backend_stats, 24);

#endif /* KPROXY_ABI_H */
