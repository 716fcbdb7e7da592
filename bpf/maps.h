/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_MAPS_H_
#define UPROBED_BPF_MAPS_H_

#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/abi/counters.h"
#include "bpf/abi/http_event.h"
#include "bpf/abi/in_flight.h"
#include "bpf/abi/profile_slot.h"
#include "bpf/abi/span_limits.h"

/* All maps and settings. The daemon sets sizes and settings before it loads. */

/* What is known of each probed binary. Key: slot. Written before its first site is live. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, UP_MAX_SLOTS);
  __type(key, uint32_t);
  __type(value, struct up_profile_slot);
} profile_slots SEC(".maps");

/* Which requests become spans. Key: slot. A hash, so that an entry is replaced and never half
 * written; only slots with UP_SLOT_LIMITED have one. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_MAX_SLOTS);
  __type(key, uint32_t);
  __type(value, struct up_span_limits);
} span_limits SEC(".maps");

/* When the next span of a slot is due, by CLOCK_MONOTONIC; what its rate goes by. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, UP_MAX_SLOTS);
  __type(key, uint32_t);
  __type(value, uint64_t);
} span_rates SEC(".maps");

/* Processes that slots with UP_SLOT_SCOPED observe. The value says nothing. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_MAX_SCOPED_PROCESSES);
  __type(key, struct up_scope_key);
  __type(value, uint8_t);
} scoped_processes SEC(".maps");

/* Requests being served and being made. A plain hash, not an LRU: an LRU evicts silently, a full
 * hash is counted. The daemon removes what processes that died left behind. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_IN_FLIGHT_MAX);
  __type(key, struct up_in_flight_key);
  __type(value, struct up_in_flight_request);
} server_requests SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_IN_FLIGHT_MAX);
  __type(key, struct up_in_flight_key);
  __type(value, struct up_in_flight_request);
} client_requests SEC(".maps");

/* Requests being made by gRPC, which may end on another goroutine. Key: the clientStream. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_IN_FLIGHT_MAX);
  __type(key, struct up_in_flight_key);
  __type(value, struct up_in_flight_request);
} grpc_client_requests SEC(".maps");

/* Contexts of requests being served (bpf/context_table.h). The daemon maps it for a walk. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, UP_CONTEXT_BUCKETS);
  __type(key, uint32_t);
  __type(value, struct up_context_bucket);
} server_contexts SEC(".maps");

/* Entries of server_requests that are UP_KEPT_SERVING or UP_KEPT_IDLE. */
uint64_t kept_requests = 0;

/* Routes of requests being served: at most one for each, so there is room for them. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_IN_FLIGHT_MAX);
  __type(key, struct up_in_flight_key);
  __type(value, struct up_route);
} server_routes SEC(".maps");

/* The tracestate of requests being served. Where there is no room for one, its span says so. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_TRACE_STATES_MAX);
  __type(key, struct up_in_flight_key);
  __type(value, struct up_trace_state);
} trace_states SEC(".maps");

/* What an entry of it begins as: it is too large for the stack. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, uint32_t);
  __type(value, struct up_trace_state);
} empty_trace_state SEC(".maps");

/* Requests being made, by the connection that they go out on: at most one for each, so there is
 * room for them. The key is a hash of the connection, which the value repeats. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_IN_FLIGHT_MAX);
  __type(key, uint64_t);
  __type(value, struct up_outgoing_request);
} outgoing_connections SEC(".maps");

/* Requests of HTTP/2 whose stream is not known yet: at most one for each, so there is room. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_IN_FLIGHT_MAX);
  __type(key, struct up_address_key);
  __type(value, struct up_http2_attempt);
} http2_attempts SEC(".maps");

/* Requests being made whose headers are to be written: at most one for each, so there is room for
 * them. Key: the connection's bufio.Writer; of HTTP/2 the goroutine that writes them. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_IN_FLIGHT_MAX);
  __type(key, struct up_address_key);
  __type(value, struct up_outgoing_headers);
} outgoing_headers SEC(".maps");

/* Slots with UP_SLOT_STITCHED, which note in outgoing_connections; the daemon counts them. And
 * whether any ever has: a server may make no requests. To look for a connection costs each request
 * that is served, of whatever slot. */
uint64_t stitched_slots = 0;
bool connections_are_noted = false;

/* Whether somebody streams spans; the daemon sets it, in its memory. */
bool spans_are_streamed = false;

/* Work that was handed over, see bpf/handoff.h. Bounded hashes, too; the daemon removes what is
 * old.
 */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_HANDOFFS_MAX);
  __type(key, struct up_in_flight_key);
  __type(value, struct up_origin);
} goroutine_origins SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_HANDOFFS_MAX);
  __type(key, struct up_address_key);
  __type(value, struct up_origin);
} sent_elements SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_HANDOFFS_MAX);
  __type(key, struct up_address_key);
  __type(value, struct up_timer_function);
} timer_functions SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_HANDOFFS_MAX);
  __type(key, struct up_in_flight_key);
  __type(value, struct up_select_receive);
} select_receives SEC(".maps");

/* Client requests whose response is there and not consumed. Key: what the body is known by, where
 * it is read and closed (bpf/client_body.h). */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_CLIENT_BODIES_MAX);
  __type(key, struct up_address_key);
  __type(value, struct up_client_body);
} client_bodies SEC(".maps");

/* Of those, the body whose reading has failed, by the goroutine that asks for the cause. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, UP_CLIENT_BODIES_MAX);
  __type(key, struct up_in_flight_key);
  __type(value, struct up_address_key);
} failed_bodies SEC(".maps");

/* What an entry of client_bodies begins as: nothing of its size fits on the stack. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, uint32_t);
  __type(value, struct up_client_body);
} empty_client_body SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, UP_MAX_SLOTS);
  __type(key, uint32_t);
  __type(value, struct up_counters);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, UP_RING_BYTES_DEFAULT);
} events SEC(".maps");

/* The daemon's pid namespace, where it is not the initial one; 0 where it is. */
const volatile uint64_t pid_namespace_device = 0;
const volatile uint64_t pid_namespace_inode = 0;

/* A kernel that is locked down for confidentiality refuses programs that read its memory. What is
 * behind this is then not there for it. */
const volatile bool may_read_kernel = true;

/* The reader is woken once more when so many bytes wait, not 0; the loader sets it. */
const volatile uint64_t wakeup_bytes;

#endif /* UPROBED_BPF_MAPS_H_ */
