/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_HTTP_CLIENT_H_
#define UPROBED_BPF_HTTP_CLIENT_H_

/* HTTP requests made through net/http.Transport: from the begin of (*Transport).roundTrip to the
 * response's headers or the error (src/net/http/transport.go). */
#include "bpf/branch.h"
#include "bpf/client_body.h"
#include "bpf/connection.h"
#include "bpf/go_error.h"
#include "bpf/go_read.h"
#include "bpf/handoff.h"
#include "bpf/outgoing_headers.h"
#include "bpf/record.h"
#include "bpf/request_context.h"
#include "bpf/trace_context.h"

static __always_inline void limit_client_start(const struct hit* hit,
                                               struct up_in_flight_request* request) {
  const struct up_profile_slot* profile = hit->profile;
  uint64_t url;
  if (!(profile->flags & UP_SLOT_LIMITED)) return;
  if (!read_field(profile, UP_FIELD_REQUEST_URL, request->request, &url)) url = 0;
  limit_start(hit, request, UP_EVENT_HTTP_CLIENT,
              string_address(profile, UP_FIELD_REQUEST_METHOD, request->request),
              url ? string_address(profile, UP_FIELD_URL_PATH, url) : 0);
}

/* The request is net/http's, which has golang.org/x/net/http2 make it. */
static __always_inline bool is_within_other(const struct up_in_flight_request* request,
                                            uint64_t cookie) {
  return request->client == UP_CLIENT_NET_HTTP && client_of(cookie) == UP_CLIENT_MODULE;
}

/* Not inlined: the verifier would follow what comes behind once for each way through it. */
static __noinline int begins_within_other(const struct hit* hit, uint64_t cookie) {
  const struct up_in_flight_request* before = bpf_map_lookup_elem(&client_requests, &hit->key);
  return before && is_within_other(before, cookie);
}

static __always_inline void on_client_start(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CLIENT_START)) return;
  if (begins_within_other(&hit, cookie)) {
    count(hit.counters, UP_COUNTER_REPEATED_START);
    return;
  }
  struct up_in_flight_request request = {};
  request.start_ns = bpf_ktime_get_ns();
  request.request = GO_ROUND_TRIP_REQUEST(hit.profile, regs);
  request.slot = hit.slot;
  bool traced = begin_limits(&hit, &request);
  new_ids(&request);
  if (traced) {
    inherit_trace(&hit, UP_FIELD_REQUEST_CTX, request.request, &request);
    limit_client_start(&hit, &request);
  }
  /* At last, for the verifier tells the ways through what is above by it, too. */
  request.client = client_of(cookie);
  begin_request(&hit, &client_requests, cookie, &request);
}

/* The transport has chosen the connection for an attempt, and nothing of the request is written. */
static __always_inline void on_client_connection(struct pt_regs* regs) {
  struct hit hit;
  if (!begin_hit(&hit, regs, bpf_get_attach_cookie(regs), UP_COUNTER_HITS_CLIENT_CONNECTION))
    return;
  struct up_in_flight_request* request = bpf_map_lookup_elem(&client_requests, &hit.key);
  if (!request) return;
  uint64_t persist_conn = GO_EXCHANGE_CONNECTION(hit.profile, regs);
  uint64_t span_id = *(const uint64_t*)request->span_id;
  forget_connection(request, span_id);
  forget_headers(&hit, request, span_id);
  uint64_t writer;
  if ((hit.profile->flags & UP_SLOT_INJECTED) &&
      read_field(hit.profile, UP_FIELD_PERSIST_CONN_BW, persist_conn, &writer)) {
    request->writer = writer;
    note_headers(&hit, writer, 0, request);
  }
  if (hit.profile->flags & UP_SLOT_STITCHED)
    request->connection = note_persist_conn(hit.profile, persist_conn, &hit.key, request);
}

static __always_inline void read_client_request(const struct hit* hit, uint64_t request,
                                                struct up_http_record* event) {
  const struct up_profile_slot* profile = hit->profile;
  struct go_object* object = &hit->scratch->request;
  struct go_object* url = &hit->scratch->other;
  uint64_t value;
  read_object(profile, UP_OBJECT_REQUEST, request, object);
  copy_object_string(profile, UP_FIELD_REQUEST_METHOD, object, event, UP_STRING_METHOD,
                     UP_METHOD_MAX);
  /* 0 means "no body" or "unknown" (net/http.Request.ContentLength), so only a size is a fact. */
  if (object_word(profile, UP_FIELD_REQUEST_CONTENT_LENGTH, object, &value) && (int64_t)value > 0)
    event->request_size = value;
  if (!object_word(profile, UP_FIELD_REQUEST_URL, object, &value) || !value) {
    mark_unread(event, UP_STRING_TARGET);
    return;
  }
  read_object(profile, UP_OBJECT_URL, value, url);
  copy_object_string(profile, UP_FIELD_URL_SCHEME, url, event, UP_STRING_SCHEME, UP_SCHEME_MAX);
  copy_object_string(profile, UP_FIELD_URL_HOST, url, event, UP_STRING_HOST, UP_HOST_MAX);
  if (hit->is_suppressed) return;
  copy_object_string(profile, UP_FIELD_URL_PATH, url, event, UP_STRING_TARGET, UP_TARGET_MAX);
  if (profile->flags & UP_SLOT_CAPTURE_QUERY)
    copy_object_string(profile, UP_FIELD_URL_RAW_QUERY, url, event, UP_STRING_QUERY, UP_QUERY_MAX);
}

static __always_inline void read_client_response(const struct hit* hit, uint64_t response,
                                                 struct up_http_record* event) {
  const struct up_profile_slot* profile = hit->profile;
  struct go_object* object = &hit->scratch->other;
  uint64_t value;
  read_object(profile, UP_OBJECT_CLIENT_RESPONSE, response, object);
  if (object_word(profile, UP_FIELD_CLIENT_RESPONSE_STATUS_CODE, object, &value))
    event->status = value;
  else
    event->flags |= UP_FLAG_READ_FAULT;
  if (object_word(profile, UP_FIELD_CLIENT_RESPONSE_PROTO_MAJOR, object, &value))
    event->protocol_major = value;
  if (object_word(profile, UP_FIELD_CLIENT_RESPONSE_PROTO_MINOR, object, &value))
    event->protocol_minor = value;
  if (object_word(profile, UP_FIELD_CLIENT_RESPONSE_CONTENT_LENGTH, object, &value))
    event->response_size = value;
}

/* The error at a site, where one is at hand. */
static __always_inline void read_error(const struct up_profile_slot* profile,
                                       const struct pt_regs* regs, uint64_t cookie,
                                       struct go_error* error) {
  if (cookie & UP_COOKIE_RESULT) {
    error->itab = GO_RESULT_ERROR(profile, regs);
    error->data = GO_RESULT_ERROR_DATA(profile, regs);
  } else if (!(cookie & UP_COOKIE_BRANCH)) {
    error->itab = word_at(regs, cookie >> UP_COOKIE_ERROR_TYPE_SHIFT);
    error->data = word_at(regs, cookie >> UP_COOKIE_ERROR_DATA_SHIFT);
  }
}

static __always_inline void on_client_end(struct pt_regs* regs) {
  struct hit hit;
  struct go_error error = {};
  struct ended_in ended = {};
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CLIENT_END)) return;
  if ((cookie & UP_COOKIE_BRANCH) && !takes_the_way(cookie, regs)) return;
  read_error(hit.profile, regs, cookie, &error);
  bool failed = !(cookie & UP_COOKIE_RESULT) || error.itab;
  bool ends = !(cookie & UP_COOKIE_RETRIES) || !failed;
  struct up_in_flight_request* request = bpf_map_lookup_elem(&client_requests, &hit.key);
  if (!request) {
    if (ends) count(hit.counters, UP_COUNTER_LOST_NO_START);
    return;
  }
  if (is_within_other(request, cookie)) return;
  if (failed) {
    /* What the exchange before ended in is the error of no site but those behind it. */
    if (!(cookie & UP_COOKIE_EXCHANGE_ERROR))
      describe_error(hit.profile, &error, load_bias(hit.profile, regs, cookie), request);
    ended.method = request->error_method;
    ended.value = request->error_value;
    ended.data = request->error_data;
    ended.flags = request->flags;
  }
  if (!ends) return;
  uint64_t address = request->request;
  uint64_t response = GO_RESULT_RESPONSE(hit.profile, regs);
  uint64_t bias = load_bias(hit.profile, regs, cookie);
  struct up_address_key body = {.tgid = hit.key.tgid};
  if (!failed && (hit.profile->flags & UP_SLOT_CLIENT_BODIES))
    body.address = body_of(&hit, response, bias);
  struct up_http_record* event = end_request(&hit, &client_requests, request, UP_EVENT_HTTP_CLIENT);
  if (!event) return;
  read_client_request(&hit, address, event);
  if (failed)
    report_error(hit.profile, &ended, event);
  else
    read_client_response(&hit, response, event);
  if (!body.address || !keep_for_body(&hit, &body, bias)) submit(&hit);
}

#endif /* UPROBED_BPF_HTTP_CLIENT_H_ */
