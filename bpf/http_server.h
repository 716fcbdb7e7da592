/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_HTTP_SERVER_H_
#define UPROBED_BPF_HTTP_SERVER_H_

/* HTTP/1 requests served by net/http: from the call of serverHandler.ServeHTTP to the call of
 * (*response).finishRequest in (*conn).serve (src/net/http/server.go). */
#include "bpf/adopt_trace.h"
#include "bpf/connection.h"
#include "bpf/go_object.h"
#include "bpf/record.h"
#include "bpf/request_context.h"
#include "bpf/server_handler.h"
#include "bpf/trace_context.h"

#define PROTO_MAJOR_HTTP2 2

static __always_inline void read_traceparent(const struct up_profile_slot* profile,
                                             struct scratch* scratch,
                                             struct up_in_flight_request* request) {
  uint64_t header;
  if (object_word(profile, UP_FIELD_REQUEST_HEADER, &scratch->request, &header) && header)
    adopt_from_map(header, scratch, request);
}

/* What is needed of the request where it begins: the trace that it belongs to, and its context.
 * False, and counted, where there is no room to read it. */
static __always_inline bool read_server_start(const struct hit* hit,
                                              struct up_in_flight_request* request,
                                              struct go_context* context) {
  const struct up_profile_slot* profile = hit->profile;
  struct scratch* scratch = take_scratch(0);
  if (!scratch) {
    count(hit->counters, UP_COUNTER_LOST_PREEMPTED);
    return false;
  }
  if (read_object(profile, UP_OBJECT_REQUEST, request->request, &scratch->request)) {
    object_pair(profile, UP_FIELD_REQUEST_CTX, &scratch->request, &context->itab, &context->data);
    read_traceparent(profile, scratch, request);
  }
  release_scratch(scratch);
  return true;
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
  struct go_context context = {};
  request.start_ns = bpf_ktime_get_ns();
  request.request = GO_SERVE_HTTP_REQUEST(hit.profile, regs);
  request.response = GO_SERVE_HTTP_RESPONSE(hit.profile, regs);
  request.slot = hit.slot;
  bool traced = begin_limits(&hit, &request);
  new_ids(&request);
  if (traced) {
    if (!read_server_start(&hit, &request, &context)) return;
    if (!(request.flags & UP_FLAG_REMOTE_PARENT)) inherit_from_client(&hit, &request);
    limit_server_start(&hit, &request);
  }
  begin_with_server(&hit, regs, cookie, GO_CALL_WORD_0(hit.profile, regs), &request);
  begin_server_request(&hit, cookie, &context, &request);
}

/* `of_request` is the *http.Request, read. */
static __always_inline void read_route(const struct up_profile_slot* profile,
                                       const struct go_object* of_request,
                                       struct up_http_record* event) {
  uint64_t pattern;
  /* What a router knows is more than the pattern by which a ServeMux has called it. */
  if (event->flags & UP_FLAG_ROUTER_ROUTE) return;
  if (has_field(profile, UP_FIELD_REQUEST_PATTERN)) {
    copy_object_string(profile, UP_FIELD_REQUEST_PATTERN, of_request, event, UP_STRING_ROUTE,
                       UP_ROUTE_MAX);
  } else if (object_word(profile, UP_FIELD_REQUEST_PAT, of_request, &pattern) && pattern) {
    copy_string_field(profile, UP_FIELD_PATTERN_STR, pattern, event, UP_STRING_ROUTE, UP_ROUTE_MAX);
  }
}

/* Method and URI, at once where they still stand in the request line that both were cut from
 * (net/http, parseRequestLine). False, and nothing is read, where they do not. */
static __always_inline bool copy_request_line(const struct up_profile_slot* profile,
                                              const struct go_object* of_request,
                                              struct up_http_record* event) {
  struct go_string method, uri;
  if (!object_pair(profile, UP_FIELD_REQUEST_METHOD, of_request, &method.data, &method.length) ||
      !object_pair(profile, UP_FIELD_REQUEST_REQUEST_URI, of_request, &uri.data, &uri.length) ||
      !method.length || method.length > UP_METHOD_MAX || !uri.length ||
      uri.data != method.data + method.length + 1)
    return false;
  uint64_t length = method.length + 1 + uri.length;
  uint64_t at = append_text(event, method.data, length, UP_TARGET_MAX);
  if (!at) return false;
  set_string(event, UP_STRING_METHOD, at, method.length);
  set_string(event, UP_STRING_TARGET, at + method.length + 1, uri.length);
  return true;
}

static __always_inline void read_server_request(const struct hit* hit, uint64_t request,
                                                struct up_http_record* event) {
  const struct up_profile_slot* profile = hit->profile;
  struct go_object* object = &hit->scratch->request;
  uint64_t value;
  read_object(profile, UP_OBJECT_REQUEST, request, object);
  bool has_line = !hit->is_suppressed && copy_request_line(profile, object, event);
  if (!has_line)
    copy_object_string(profile, UP_FIELD_REQUEST_METHOD, object, event, UP_STRING_METHOD,
                       UP_METHOD_MAX);
  read_route(profile, object, event);
  if (object_word(profile, UP_FIELD_REQUEST_PROTO_MAJOR, object, &value))
    event->protocol_major = value;
  if (object_word(profile, UP_FIELD_REQUEST_PROTO_MINOR, object, &value))
    event->protocol_minor = value;
  if (object_word(profile, UP_FIELD_REQUEST_CONTENT_LENGTH, object, &value))
    event->request_size = value;
  if (object_word(profile, UP_FIELD_REQUEST_TLS, object, &value) && value)
    event->flags |= UP_FLAG_TLS;
  if (hit->is_suppressed) return;
  if (!has_line)
    copy_object_string(profile, UP_FIELD_REQUEST_REQUEST_URI, object, event, UP_STRING_TARGET,
                       UP_TARGET_MAX);
  if (!tells_addresses(hit, event)) return;
  copy_object_string(profile, UP_FIELD_REQUEST_HOST, object, event, UP_STRING_HOST, UP_HOST_MAX);
  copy_object_string(profile, UP_FIELD_REQUEST_REMOTE_ADDR, object, event, UP_STRING_PEER,
                     UP_PEER_MAX);
}

/* `of_response` is the net/http.response, read. */
static __always_inline void read_server_response(const struct up_profile_slot* profile,
                                                 const struct go_object* of_response,
                                                 struct up_http_record* event) {
  uint64_t value;
  if (object_word(profile, UP_FIELD_SERVER_RESPONSE_STATUS, of_response, &value))
    event->status = value;
  else
    event->flags |= UP_FLAG_READ_FAULT;
  if (object_word(profile, UP_FIELD_SERVER_RESPONSE_WRITTEN, of_response, &value))
    event->response_size = value;
  /* Sticky: the connection that could not be written to is closed. */
  if (object_word(profile, UP_FIELD_SERVER_RESPONSE_CONN, of_response, &value) &&
      read_field(profile, UP_FIELD_CONN_WRITE_ERROR, value, &value) && value)
    event->flags |= UP_FLAG_WRITE_ERROR;
}

/* The counter of why what was remembered is not the request that `of_response` belongs to; 0: it
 * is. */
static __always_inline uint64_t why_not_ended(const struct up_profile_slot* profile,
                                              const struct go_object* of_response,
                                              const struct up_in_flight_request* request) {
  uint64_t address;
  if (!object_word(profile, UP_FIELD_SERVER_RESPONSE_REQ, of_response, &address))
    return UP_COUNTER_LOST_READ_FAULT;
  /* That never ended, and this one's begin was missed. */
  return address == request->request ? 0 : UP_COUNTER_LOST_ABANDONED;
}

static __always_inline void on_server_end(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_SERVER_END)) return;
  struct up_in_flight_request* request = find_serving(&hit.key);
  if (!request) {
    count(hit.counters, UP_COUNTER_LOST_NO_START);
    return;
  }
  struct up_http_record* event = make_room(&hit, request);
  if (!event) {
    forget_served(&hit, request);
    return;
  }
  struct go_object* response = &hit.scratch->other;
  read_object(hit.profile, UP_OBJECT_SERVER_RESPONSE, GO_FINISH_REQUEST_RESPONSE(hit.profile, regs),
              response);
  uint64_t why = why_not_ended(hit.profile, response, request);
  if (why) {
    if (why < UP_COUNTER_COUNT) count(hit.counters, why);
    if (why == UP_COUNTER_LOST_ABANDONED) count(hit.counters, UP_COUNTER_LOST_NO_START);
    forget_served(&hit, request);
    release_scratch(hit.scratch);
    return;
  }
  uint64_t address = request->request;
  fill_end(&hit, &server_requests, request, UP_EVENT_HTTP_SERVER, event);
  forget_served(&hit, request);
  read_server_request(&hit, address, event);
  read_server_response(hit.profile, response, event);
  submit(&hit);
}

#endif /* UPROBED_BPF_HTTP_SERVER_H_ */
