/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_IN_FLIGHT_H_
#define UPROBED_BPF_IN_FLIGHT_H_

#include "bpf/context_table.h"
#include "bpf/process.h"
#include "bpf/trace_state.h"

/* Forgets which connection a client's request went out on. It is no longer noted where a server
 * has taken it up; and then the connection may be that of the next request already, which another
 * goroutine makes before this one has seen its response. */
static __always_inline void forget_connection(const struct up_in_flight_request* request,
                                              uint64_t span_id) {
  uint64_t key = request->connection;
  if (!key) return;
  const struct up_outgoing_request* outgoing = bpf_map_lookup_elem(&outgoing_connections, &key);
  if (outgoing && *(const uint64_t*)outgoing->span_id == span_id)
    bpf_map_delete_elem(&outgoing_connections, &key);
}

/* Forgets what the headers of a client's request were to be written to. It is no longer noted where
 * they have been written, and may then be that of the next request already. */
static __always_inline void forget_headers(const struct hit* hit,
                                           const struct up_in_flight_request* request,
                                           uint64_t span_id) {
  struct up_address_key key = {.address = request->writer, .tgid = hit->key.tgid};
  if (!key.address) return;
  const struct up_outgoing_headers* outgoing = bpf_map_lookup_elem(&outgoing_headers, &key);
  if (outgoing && *(const uint64_t*)outgoing->span_id == span_id)
    bpf_map_delete_elem(&outgoing_headers, &key);
}

/* Forgets a client's request. That of HTTP/2 may be given its connection and its writer by another
 * goroutine up to the moment when it is no longer in the map, so these are looked for afterwards:
 * the memory is still there, and what may have taken its place in it has another span. */
static __noinline int forget_client_request(const struct hit* hit,
                                            const struct up_in_flight_request* request) {
  struct up_address_key attempt = {.address = request->attempt, .tgid = hit->key.tgid};
  uint64_t span_id = *(const uint64_t*)request->span_id;
  /* Each may have been removed by the daemon meanwhile, which is all that can fail. */
  forget_connection(request, span_id);
  forget_headers(hit, request, span_id);
  if (attempt.address) bpf_map_delete_elem(&http2_attempts, &attempt);
  bpf_map_delete_elem(&client_requests, &hit->key);
  if (!attempt.address) return true;
  forget_connection(request, span_id);
  forget_headers(hit, request, span_id);
  return true;
}

static __always_inline bool is_routed(const struct hit* hit, const void* requests) {
  return requests == (const void*)&server_requests && (hit->profile->flags & UP_SLOT_ROUTES);
}

/* The request that the goroutine serves, or NULL. */
static __always_inline struct up_in_flight_request* find_serving(
    const struct up_in_flight_key* key) {
  struct up_in_flight_request* request = bpf_map_lookup_elem(&server_requests, key);
  return request && request->kept != UP_KEPT_IDLE ? request : 0;
}

/* Forgets what leads to a request that is being served, or belongs to it. */
static __always_inline void forget_ways(const struct hit* hit, const void* requests,
                                        const struct up_in_flight_request* request) {
  if (request->context && !request->connection_context)
    remove_context(request->context, hit->key.tgid);
  /* Most probes ask for no routes, and not every request has one; and it may have been removed by
   * the daemon meanwhile, which is all that can fail. */
  if (is_routed(hit, requests)) bpf_map_delete_elem(&server_routes, &hit->key);
  forget_trace_state(hit, requests, request);
}

static __always_inline void delete_request(const struct hit* hit, void* requests,
                                           const struct up_in_flight_request* request) {
  uint8_t kept = request->kept;
  if (kept && request->connection_context)
    remove_context(request->connection_context, hit->key.tgid);
  /* It may have been removed by the daemon meanwhile, which has counted it then. */
  if (bpf_map_delete_elem(requests, &hit->key) == 0 && kept)
    __sync_fetch_and_add(&kept_requests, -1);
}

/* Forgets a request, and the way from its context or its connection to it. */
static __always_inline void forget_request(const struct hit* hit, void* requests,
                                           const struct up_in_flight_request* request) {
  if (requests == (void*)&client_requests) {
    forget_client_request(hit, request);
    return;
  }
  forget_ways(hit, requests, request);
  delete_request(hit, requests, request);
}

/* Whether there is room for an entry to stay until the goroutine's next request. */
static __always_inline bool may_keep(const struct hit* hit) {
  if (!(hit->profile->flags & UP_SLOT_CONNECTIONS)) return false;
  if (__sync_fetch_and_add(&kept_requests, 1) < UP_KEPT_MAX) return true;
  __sync_fetch_and_add(&kept_requests, -1);
  return false;
}

/* From now on the context of the connection leads to its requests, whose contexts are all its
 * children (src/net/http/server.go, readRequest): it is entered once for all of them. */
static __noinline int enter_connection(const struct hit* hit,
                                       struct up_in_flight_request* request) {
  uint64_t parent[2] = {};
  if (!request->context ||
      bpf_probe_read_user(parent, sizeof(parent), (const void*)request->context) || !parent[0] ||
      !parent[1])
    return false;
  struct up_context connection = {.context = parent[1],
                                  .tgid = hit->key.tgid,
                                  .slot = hit->slot,
                                  .is_connection = true,
                                  .itab = parent[0],
                                  .goroutine = hit->key.goroutine};
  if (!put_context(&connection)) return false;
  request->connection_context = parent[1];
  return true;
}

/* The same where the goroutine will serve another, or its connection ends, which is seen. */
static __always_inline void forget_served(const struct hit* hit,
                                          struct up_in_flight_request* request) {
  forget_ways(hit, &server_requests, request);
  if (!request->kept) {
    if (!may_keep(hit)) {
      delete_request(hit, &server_requests, request);
      return;
    }
  }
  /* Also of one that is kept since a request whose context nobody needed. */
  if (!request->connection_context && request->context) enter_connection(hit, request);
  /* What a context or a connection leads to is asked for this by who has found it. */
  request->context = 0;
  request->kept = UP_KEPT_IDLE;
}

/* Counts a request that is still there for the same goroutine and has never ended: as abandoned,
 * unless the site may be hit twice by one call and this is the same request. */
static __always_inline void count_replaced(const struct hit* hit, uint64_t cookie,
                                           const struct up_in_flight_request* before,
                                           const struct up_in_flight_request* request) {
  bool repeated = (cookie & UP_COOKIE_MAY_REPEAT) && before->request == request->request;
  count(hit->counters, repeated ? UP_COUNTER_REPEATED_START : UP_COUNTER_LOST_ABANDONED);
}

static __always_inline bool insert_request(const struct hit* hit, void* requests,
                                           const struct up_in_flight_request* request) {
  if (bpf_map_update_elem(requests, &hit->key, request, BPF_ANY) == 0) return true;
  count(hit->counters, UP_COUNTER_LOST_MAP_FULL);
  return false;
}

/* Remembers a request that begins. False, and counted, where there is no room. */
static __always_inline bool begin_request(const struct hit* hit, void* requests, uint64_t cookie,
                                          const struct up_in_flight_request* request) {
  const struct up_in_flight_request* before = bpf_map_lookup_elem(requests, &hit->key);
  if (before) {
    count_replaced(hit, cookie, before, request);
    forget_request(hit, requests, before);
  }
  return insert_request(hit, requests, request);
}

/* The same of one that is being served, which may find the entry of the goroutine's last one. */
static __always_inline bool begin_served(const struct hit* hit, uint64_t cookie,
                                         struct up_in_flight_request* request) {
  struct up_in_flight_request* before = bpf_map_lookup_elem(&server_requests, &hit->key);
  if (!before) return insert_request(hit, &server_requests, request);
  if (before->kept != UP_KEPT_IDLE) {
    count_replaced(hit, cookie, before, request);
    forget_ways(hit, &server_requests, before);
  }
  if (before->kept) {
    request->kept = UP_KEPT_SERVING;
    request->connection_context = before->connection_context;
  }
  *before = *request;
  return true;
}

/* Makes `request` a child of the one that is being served. */
static __always_inline void inherit_ids(struct up_in_flight_request* request,
                                        const struct up_in_flight_request* serving) {
  __builtin_memcpy(request->trace_id, serving->trace_id, UP_TRACE_ID_SIZE);
  __builtin_memcpy(request->parent_span_id, serving->span_id, UP_SPAN_ID_SIZE);
  request->trace_flags = serving->trace_flags;
}

#endif /* UPROBED_BPF_IN_FLIGHT_H_ */
