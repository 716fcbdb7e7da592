/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_HTTP2_SERVER_H_
#define UPROBED_BPF_HTTP2_SERVER_H_

/* HTTP/2 requests, each on a goroutine of its own: from the prologue of (*serverConn).runHandler to
 * the end of the function that it defers (src/net/http/h2_bundle.go, golang.org/x/net/http2/
 * server.go). From Go 1.27 on runHandler has no *http.Request yet: http2Handler.ServeHTTP makes it
 * (src/net/http/http2.go), for whatever handler, and they begin where that is done. */
#include "bpf/branch.h"
#include "bpf/http2_connection.h"
#include "bpf/http_server.h"

/* The same fields in each group. */
#define HTTP2_RWS 0
#define HTTP2_STATUS 1
#define HTTP2_WROTE_BYTES 2

#define STATUS_OK 200
#define STATUS_HEADERS_TOO_LARGE 431

static __always_inline bool read_http2_field(const struct up_profile_slot* profile, uint64_t cookie,
                                             uint32_t field, uint64_t base, uint64_t* value) {
  uint32_t index =
      UP_FIELD_HTTP2_BUNDLED_RWS + http2_implementation(cookie) * UP_HTTP2_FIELDS + field;
  if (index >= UP_FIELD_COUNT) return false;
  return read_field(profile, index, base, value);
}

/* (*serverConn).hs; 0 where it is not known. */
static __always_inline uint64_t http2_server(const struct up_profile_slot* profile,
                                             const struct pt_regs* regs, uint64_t cookie) {
  uint64_t server;
  enum up_field field = http2_implementation(cookie) == UP_HTTP2_MODULE
                            ? UP_FIELD_HTTP2_MODULE_SERVER_HS
                            : UP_FIELD_HTTP2_BUNDLED_SERVER_HS;
  return read_field(profile, field, GO_PROLOGUE_WORD_0(profile, regs), &server) ? server : 0;
}

/* http2Handler.ServeHTTP has made the request, and keeps its own arguments on the stack. */
static __noinline int read_made_request(const struct hit* hit, const struct pt_regs* regs,
                                        uint64_t cookie, struct up_in_flight_request* request) {
  struct {
    uint64_t handler[2];
    uint64_t writer;
  } saved;
  uint64_t word = cookie >> UP_COOKIE_HANDLER_WORD_SHIFT & UP_COOKIE_HANDLER_WORD_MASK;
  if (bpf_probe_read_user(&saved, sizeof(saved),
                          (const void*)(GO_STACK_POINTER(regs) + word * GO_WORD)))
    return false;
  request->request = GO_CALL_WORD_0(hit->profile, regs);
  request->response = saved.writer;
  begin_with_handler(hit, regs, cookie, saved.handler, request);
  return true;
}

static __always_inline void on_http2_server_start(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_HTTP2_SERVER_START)) return;
  struct up_in_flight_request request = {};
  struct go_context context = {};
  request.start_ns = bpf_ktime_get_ns();
  request.slot = hit.slot;
  bool traced = begin_limits(&hit, &request);
  if (!(cookie & UP_COOKIE_HANDLER_ON_STACK)) {
    request.request = GO_HTTP2_RUN_REQUEST(hit.profile, regs);
    request.response = GO_HTTP2_RUN_RESPONSE(hit.profile, regs);
    if ((hit.profile->flags & UP_SLOT_HANDLERS) && !request.suppressed)
      begin_with_server(&hit, regs, cookie, http2_server(hit.profile, regs, cookie), &request);
  } else if (!read_made_request(&hit, regs, cookie, &request)) {
    count(hit.counters, UP_COUNTER_LOST_READ_FAULT);
    return;
  }
  new_ids(&request);
  if (traced) {
    if (!read_server_start(&hit, &request, &context)) return;
    if (!(request.flags & UP_FLAG_REMOTE_PARENT))
      inherit_by_stream(hit.profile, http2_implementation(cookie), &request);
    limit_server_start(&hit, &request);
  }
  begin_server_request(&hit, cookie, &context, &request);
}

/* The status is 0 as long as the handler has set none (1xx are no status of the response). */
static __always_inline void read_http2_response(const struct up_profile_slot* profile,
                                                uint64_t cookie, uint64_t response,
                                                struct up_http_record* event) {
  uint64_t state, value;
  event->http2 = 1 + http2_implementation(cookie);
  if (!read_http2_field(profile, cookie, HTTP2_RWS, response, &state)) {
    event->flags |= UP_FLAG_READ_FAULT;
    return;
  }
  if (read_http2_field(profile, cookie, HTTP2_STATUS, state, &value))
    event->status = value;
  else
    event->flags |= UP_FLAG_READ_FAULT;
  if (read_http2_field(profile, cookie, HTTP2_WROTE_BYTES, state, &value))
    event->response_size = value;
}

/* Whether the memory of *http.Request is still that of the request whose URI is at `uri`. */
static __always_inline bool is_same_request(const struct up_profile_slot* profile,
                                            const struct go_object* of_request, uint64_t uri) {
  struct go_string theirs, own;
  return object_pair(profile, UP_FIELD_REQUEST_REQUEST_URI, of_request, &own.data, &own.length) &&
         bpf_probe_read_user(&theirs, sizeof(theirs), (const void*)uri) == 0 &&
         own.data == theirs.data && own.length == theirs.length;
}

/* net/http/internal/http2 has a request of its own, and makes an *http.Request from it that is only
 * the handler's (src/net/http/http2.go, Go 1.27): it may be collected before the handler returns.
 * The pattern is nowhere else. */
static __always_inline void read_internal_request(const struct hit* hit, uint64_t state,
                                                  uint64_t request, struct up_http_record* event) {
  const struct up_profile_slot* profile = hit->profile;
  uint64_t value;
  copy_string_field(profile, UP_FIELD_HTTP2_REQUEST_METHOD, state, event, UP_STRING_METHOD,
                    UP_METHOD_MAX);
  event->protocol_major = PROTO_MAJOR_HTTP2;
  if (read_field(profile, UP_FIELD_HTTP2_REQUEST_CONTENT_LENGTH, state, &value))
    event->request_size = value;
  if (read_field(profile, UP_FIELD_HTTP2_REQUEST_TLS, state, &value) && value)
    event->flags |= UP_FLAG_TLS;
  read_object(profile, UP_OBJECT_REQUEST, request, &hit->scratch->request);
  if ((event->flags & UP_FLAG_ROUTER_ROUTE) ||
      is_same_request(profile, &hit->scratch->request,
                      field_address(profile, UP_FIELD_HTTP2_REQUEST_REQUEST_URI, state)))
    read_route(profile, &hit->scratch->request, event);
  else
    mark_unread(event, UP_STRING_ROUTE);
  if (hit->is_suppressed) return;
  copy_string_field(profile, UP_FIELD_HTTP2_REQUEST_REQUEST_URI, state, event, UP_STRING_TARGET,
                    UP_TARGET_MAX);
  if (!tells_addresses(hit, event)) return;
  copy_string_field(profile, UP_FIELD_HTTP2_REQUEST_HOST, state, event, UP_STRING_HOST,
                    UP_HOST_MAX);
  copy_string_field(profile, UP_FIELD_HTTP2_REQUEST_REMOTE_ADDR, state, event, UP_STRING_PEER,
                    UP_PEER_MAX);
}

static __always_inline void read_http2_request(const struct hit* hit, uint64_t cookie,
                                               uint64_t response, uint64_t request,
                                               struct up_http_record* event) {
  uint64_t state;
  if (http2_implementation(cookie) != UP_HTTP2_INTERNAL)
    read_server_request(hit, request, event);
  else if (read_http2_field(hit->profile, cookie, HTTP2_RWS, response, &state))
    read_internal_request(hit, state, request, event);
  else
    mark_unread(event, UP_STRING_TARGET);
}

/* runHandler has served what is for no handler of the program: headers that are too large. Only
 * where the start is elsewhere; there is a request else. */
static __always_inline void on_http2_refused(struct hit* hit, uint64_t cookie, uint64_t response) {
  struct up_in_flight_request request = {};
  uint64_t state, status;
  if (http2_implementation(cookie) != UP_HTTP2_INTERNAL ||
      !read_http2_field(hit->profile, cookie, HTTP2_RWS, response, &state) ||
      !read_http2_field(hit->profile, cookie, HTTP2_STATUS, state, &status) ||
      status != STATUS_HEADERS_TOO_LARGE) {
    count(hit->counters, UP_COUNTER_LOST_NO_START);
    return;
  }
  count(hit->counters, UP_COUNTER_HTTP2_REFUSED);
  request.start_ns = bpf_ktime_get_ns();
  request.flags = UP_FLAG_REFUSED;
  new_ids(&request);
  if (begin_limits(hit, &request)) limit_start(hit, &request, UP_EVENT_HTTP_SERVER, 0, 0);
  struct up_http_record* event = make_event(hit, &request, UP_EVENT_HTTP_SERVER);
  if (!event) return;
  event->status = status;
  submit(hit);
}

/* The handler has returned. */
static __always_inline void on_http2_server_end(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_HTTP2_SERVER_END)) return;
  uint64_t response = GO_HTTP2_DONE_RESPONSE(hit.profile, regs);
  const struct up_in_flight_request* request = find_serving(&hit.key);
  if (!request) {
    on_http2_refused(&hit, cookie, response);
    return;
  }
  if (response != request->response) {
    count(hit.counters, UP_COUNTER_LOST_ABANDONED);
    count(hit.counters, UP_COUNTER_LOST_NO_START);
    forget_request(&hit, &server_requests, request);
    return;
  }
  uint64_t address = request->request;
  struct up_http_record* event = end_request(&hit, &server_requests, request, UP_EVENT_HTTP_SERVER);
  if (!event) return;
  read_http2_request(&hit, cookie, response, address, event);
  read_http2_response(hit.profile, cookie, response, event);
  if (event->status == 0 && !(event->flags & UP_FLAG_READ_FAULT)) event->status = STATUS_OK;
  submit(&hit);
}

/* The handler has not returned. How the request ends here: 0 where it does not. */
static __always_inline uint32_t http2_end_flags(const struct up_profile_slot* profile,
                                                const struct pt_regs* regs, uint64_t cookie) {
  if (cookie & UP_COOKIE_BRANCH)
    return takes_the_way(cookie, regs) ? UP_FLAG_UNFINISHED | UP_FLAG_GOEXIT : 0;
  if (!(cookie & UP_COOKIE_COMPARES_ABORT)) return UP_FLAG_UNFINISHED | UP_FLAG_PANIC;
  if (GO_COMPARED_FIRST(profile, regs) != GO_COMPARED_SECOND(profile, regs)) return 0;
  return UP_FLAG_UNFINISHED | UP_FLAG_PANIC | UP_FLAG_ABORTED;
}

static __always_inline void on_http2_server_unfinished(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_HTTP2_SERVER_UNFINISHED)) return;
  uint32_t flags = http2_end_flags(hit.profile, regs, cookie);
  if (!flags) return;
  const struct up_in_flight_request* request = find_serving(&hit.key);
  if (!request) {
    count(hit.counters, UP_COUNTER_LOST_NO_START);
    return;
  }
  uint64_t address = request->request;
  uint64_t response = request->response;
  struct up_http_record* event = end_request(&hit, &server_requests, request, UP_EVENT_HTTP_SERVER);
  if (!event) return;
  read_http2_request(&hit, cookie, response, address, event);
  read_http2_response(hit.profile, cookie, response, event);
  event->flags |= flags;
  submit(&hit);
}

#endif /* UPROBED_BPF_HTTP2_SERVER_H_ */
