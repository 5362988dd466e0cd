/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Makes every type of abi.h reachable, so that its BTF lists them all; never loaded. */
#include "abi.h"

struct kp_everything {
	struct kp_frontend frontend;
	struct kp_service service;
	struct kp_slot slot;
	struct kp_backend backend;
	struct kp_member member;
	struct kp_membership membership;
	struct kp_cidr cidr;
	struct kp_source_range source_range;
	struct kp_turn turn;
	struct kp_affinity_client affinity_client;
	struct kp_affinity_choice affinity_choice;
	struct kp_peer peer;
	struct kp_tcp_peer tcp_peer;
	struct kp_flows flows;
	struct kp_stale_peer stale_peer;
	struct kp_tuple tuple;
	struct kp_track track;
	enum kp_track_flag track_flag;
	struct kp_uplink uplink;
	struct kp_flow_ports flow_ports;
	struct kp_fragment fragment;
	struct kp_fragment_ports fragment_ports;
	struct kp_service_stats service_stats;
	struct kp_backend_stats backend_stats;
	enum kp_scope scope;
	enum kp_class class;
	enum kp_service_flag service_flag;
	enum kp_algorithm algorithm;
	enum kp_backend_flag backend_flag;
	enum kp_member_state member_state;
	enum kp_address_role address_role;
	enum kp_affinity_origin affinity_origin;
	enum kp_counted counted;
	enum kp_reason reason;
	enum kp_meta meta;
	enum kp_setting setting;
};

struct kp_everything everything;
