/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_HTTP_SERVER_H_
#define UPROBED_BPF_HTTP_SERVER_H_

/* HTTP/1 requests served by net/http: from the call of serverHandler.ServeHTTP to the call of
 * (*response).finishRequest in (*conn).serve (src/net/http/server.go). */
#include "bpf/adopt_trace.h"
#include "bpf/connection.h"
#include "bpf/go_read.h"
#include "bpf/in_flight.h"
#include "bpf/request_context.h"
#include "bpf/server_handler.h"
#include "bpf/trace_context.h"

#define PROTO_MAJOR_HTTP2 2

static __always_inline void read_traceparent(const struct up_profile_slot* profile,
                                             struct up_in_flight_request* request) {
  uint64_t header;
  if (read_field(profile, UP_FIELD_REQUEST_HEADER, request->request, &header) && header)
    adopt_from_map(header, request);
}

static __always_inline void limit_server_start(const struct hit* hit,
                                               struct up_in_flight_request* request) {
  const struct up_profile_slot* profile = hit->profile;
  if (profile->flags & UP_SLOT_LIMITED)
    limit_start(hit, request, UP_EVENT_HTTP_SERVER,
                string_address(profile, UP_FIELD_REQUEST_METHOD, request->request),
                string_address(profile, UP_FIELD_REQUEST_REQUEST_URI, request->request));
}

static __always_inline void inherit_from_client(const struct hit* hit,
                                                struct up_in_flight_request* request) {
  struct served served = {};
  if (read_served_descriptor(hit->profile, request, &served.descriptor))
    inherit_by_connection(&served, request);
}

static __always_inline void on_server_start(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_SERVER_START)) return;
  struct up_in_flight_request request = {};
  request.start_ns = bpf_ktime_get_ns();
  request.request = GO_SERVE_HTTP_REQUEST(hit.profile, regs);
  request.response = GO_SERVE_HTTP_RESPONSE(hit.profile, regs);
  request.slot = hit.slot;
  new_trace_id(&request);
  new_span_id(&request);
  read_traceparent(hit.profile, &request);
  if (!(request.flags & UP_FLAG_REMOTE_PARENT)) inherit_from_client(&hit, &request);
  begin_with_server(&hit, regs, cookie, GO_CALL_WORD_0(hit.profile, regs), &request);
  limit_server_start(&hit, &request);
  begin_server_request(&hit, cookie, UP_FIELD_REQUEST_CTX, request.request, &request);
}

static __always_inline void read_route(const struct up_profile_slot* profile, uint64_t request,
                                       struct up_http_event* event) {
  uint64_t pattern;
  /* What a router knows is more than the pattern by which a ServeMux has called it. */
  if (event->flags & UP_FLAG_ROUTER_ROUTE) return;
  if (has_field(profile, UP_FIELD_REQUEST_PATTERN)) {
    copy_string_field(profile, UP_FIELD_REQUEST_PATTERN, request, event, UP_STRING_ROUTE,
                      event->route, UP_ROUTE_MAX);
  } else if (read_field(profile, UP_FIELD_REQUEST_PAT, request, &pattern) && pattern) {
    copy_string_field(profile, UP_FIELD_PATTERN_STR, pattern, event, UP_STRING_ROUTE, event->route,
                      UP_ROUTE_MAX);
  }
}

static __always_inline void read_server_request(const struct hit* hit, uint64_t request,
                                                struct up_http_event* event) {
  const struct up_profile_slot* profile = hit->profile;
  uint64_t value;
  copy_string_field(profile, UP_FIELD_REQUEST_METHOD, request, event, UP_STRING_METHOD,
                    event->method, UP_METHOD_MAX);
  read_route(profile, request, event);
  if (read_field(profile, UP_FIELD_REQUEST_PROTO_MAJOR, request, &value))
    event->protocol_major = value;
  if (read_field(profile, UP_FIELD_REQUEST_PROTO_MINOR, request, &value))
    event->protocol_minor = value;
  if (read_field(profile, UP_FIELD_REQUEST_CONTENT_LENGTH, request, &value))
    event->request_size = value;
  if (read_field(profile, UP_FIELD_REQUEST_TLS, request, &value) && value)
    event->flags |= UP_FLAG_TLS;
  if (hit->is_suppressed) return;
  copy_string_field(profile, UP_FIELD_REQUEST_HOST, request, event, UP_STRING_HOST, event->host,
                    UP_HOST_MAX);
  copy_string_field(profile, UP_FIELD_REQUEST_REQUEST_URI, request, event, UP_STRING_TARGET,
                    event->target, UP_TARGET_MAX);
  copy_string_field(profile, UP_FIELD_REQUEST_REMOTE_ADDR, request, event, UP_STRING_PEER,
                    event->peer, UP_PEER_MAX);
}

static __always_inline void read_server_response(const struct up_profile_slot* profile,
                                                 uint64_t response, struct up_http_event* event) {
  uint64_t value;
  if (read_field(profile, UP_FIELD_SERVER_RESPONSE_STATUS, response, &value))
    event->status = value;
  else
    event->flags |= UP_FLAG_READ_FAULT;
  if (read_field(profile, UP_FIELD_SERVER_RESPONSE_WRITTEN, response, &value))
    event->response_size = value;
  /* Sticky: the connection that could not be written to is closed. */
  if (read_field(profile, UP_FIELD_SERVER_RESPONSE_CONN, response, &value) &&
      read_field(profile, UP_FIELD_CONN_WRITE_ERROR, value, &value) && value)
    event->flags |= UP_FLAG_WRITE_ERROR;
}

static __always_inline void on_server_end(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_SERVER_END)) return;
  const struct up_in_flight_request* request = bpf_map_lookup_elem(&server_requests, &hit.key);
  if (!request) {
    count(hit.counters, UP_COUNTER_LOST_NO_START);
    return;
  }
  uint64_t response = GO_FINISH_REQUEST_RESPONSE(hit.profile, regs);
  uint64_t address;
  if (!read_field(hit.profile, UP_FIELD_SERVER_RESPONSE_REQ, response, &address)) {
    count(hit.counters, UP_COUNTER_LOST_READ_FAULT);
    forget_request(&hit, &server_requests, request);
    return;
  }
  if (address != request->request) {
    /* What was remembered belongs to a request that never ended, and this one's begin was missed.
     */
    count(hit.counters, UP_COUNTER_LOST_ABANDONED);
    count(hit.counters, UP_COUNTER_LOST_NO_START);
    forget_request(&hit, &server_requests, request);
    return;
  }
  struct up_http_event* event = end_request(&hit, &server_requests, request, UP_EVENT_HTTP_SERVER);
  if (!event) return;
  read_server_request(&hit, address, event);
  read_server_response(hit.profile, response, event);
  submit(&hit, event);
}

#endif /* UPROBED_BPF_HTTP_SERVER_H_ */
