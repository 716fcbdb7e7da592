/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GRPC_CLIENT_H_
#define UPROBED_BPF_GRPC_CLIENT_H_

/* Requests that google.golang.org/grpc makes: from where newClientStreamWithParams has made the
 * clientStream and begins its first attempt to where that stream is finished, on any goroutine, or
 * has failed for good (stream.go). */
#include "bpf/grpc_peer.h"
#include "bpf/grpc_status.h"
#include "bpf/record.h"
#include "bpf/request_context.h"

static __always_inline void limit_grpc_client_start(const struct hit* hit,
                                                    struct up_in_flight_request* request) {
  const struct up_profile_slot* profile = hit->profile;
  uint64_t header;
  if (!(profile->flags & UP_SLOT_LIMITED)) return;
  if (!read_field(profile, UP_FIELD_GRPC_CLIENT_STREAM_CALL_HDR, request->request, &header))
    header = 0;
  limit_start(hit, request, UP_EVENT_GRPC_CLIENT, 0,
              header ? string_address(profile, UP_FIELD_GRPC_CALL_HDR_METHOD, header) : 0);
}

static __always_inline void on_grpc_client_start(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_GRPC_CLIENT_START)) return;
  struct up_in_flight_request request = {};
  request.start_ns = bpf_ktime_get_ns();
  request.request = GO_CLIENT_STREAM(hit.profile, regs);
  request.response = GO_SITE(regs);
  request.slot = hit.slot;
  bool traced = begin_limits(&hit, &request);
  new_ids(&request);
  if (traced) {
    inherit_trace(&hit, UP_FIELD_GRPC_CLIENT_STREAM_CTX, request.request, &request);
    limit_grpc_client_start(&hit, &request);
  }
  hit.key.goroutine = request.request;
  begin_request(&hit, &grpc_client_requests, cookie, &request);
}

static __always_inline void read_grpc_client_request(const struct up_profile_slot* profile,
                                                     uint64_t stream,
                                                     struct up_http_record* event) {
  uint64_t header;
  if (!read_field(profile, UP_FIELD_GRPC_CLIENT_STREAM_CALL_HDR, stream, &header)) {
    mark_unread(event, UP_STRING_TARGET);
    return;
  }
  copy_string_field(profile, UP_FIELD_GRPC_CALL_HDR_METHOD, header, event, UP_STRING_TARGET,
                    UP_TARGET_MAX);
  copy_string_field(profile, UP_FIELD_GRPC_CALL_HDR_HOST, header, event, UP_STRING_HOST,
                    UP_HOST_MAX);
}

static __always_inline uint64_t grpc_client_stream(const struct up_profile_slot* profile,
                                                   const struct pt_regs* regs, uint64_t cookie) {
  uint64_t stream;
  uint64_t word = cookie >> UP_COOKIE_STREAM_WORD_SHIFT & UP_COOKIE_STREAM_WORD_MASK;
  if (!(cookie & UP_COOKIE_STREAM_ON_STACK)) return GO_CLIENT_STREAM(profile, regs);
  if (bpf_probe_read_user(&stream, sizeof(stream),
                          (const void*)(GO_STACK_POINTER(regs) + word * sizeof(stream))))
    return 0;
  return stream;
}

/* The site is the call of csAttempt's finish. */
static __always_inline bool finishes_attempt(uint64_t cookie) {
  return (cookie & UP_COOKIE_STREAM_ON_STACK) && !(cookie & UP_COOKIE_RETURNED_ERROR);
}

static __always_inline void on_grpc_client_end(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_GRPC_CLIENT_END)) return;
  struct go_error error;
  if (cookie & UP_COOKIE_RETURNED_ERROR) {
    error.itab = GO_RETRY_ITAB(hit.profile, regs);
    error.data = GO_RETRY_DATA(hit.profile, regs);
    /* Retried, or what ends the sending but not the request. */
    if (!error.itab || is_end_of_file(&error)) return;
  } else {
    error.itab = GO_FINISH_ITAB(hit.profile, regs);
    error.data = GO_FINISH_DATA(hit.profile, regs);
  }
  uint64_t goroutine = hit.key.goroutine;
  uint64_t stream = grpc_client_stream(hit.profile, regs, cookie);
  hit.key.goroutine = stream;
  const struct up_in_flight_request* request = bpf_map_lookup_elem(&grpc_client_requests, &hit.key);
  if (!request) {
    count(hit.counters, UP_COUNTER_REPEATED_END);
    return;
  }
  uint64_t site = request->response;
  uint64_t method = site + hit.profile->grpc_status_error[UP_GRPC_CLIENT];
  struct up_http_record* event =
      end_request(&hit, &grpc_client_requests, request, UP_EVENT_GRPC_CLIENT);
  if (!event) return;
  event->goroutine = goroutine;
  read_grpc_client_request(hit.profile, stream, event);
  if (finishes_attempt(cookie) && !hit.is_suppressed)
    read_grpc_client_peer(hit.profile, GO_FINISH_ATTEMPT(hit.profile, regs), site, event);
  if (error.itab && !is_end_of_file(&error)) read_grpc_error(hit.profile, &error, method, event);
  submit(&hit);
}

#endif /* UPROBED_BPF_GRPC_CLIENT_H_ */
