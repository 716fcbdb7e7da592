/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GRPC_SERVER_H_
#define UPROBED_BPF_GRPC_SERVER_H_

/* Requests that google.golang.org/grpc serves, each on a goroutine of its own: from the prologue of
 * (*Server).handleStream to that of the transport's writeStatus (server.go, internal/transport). */
#include "bpf/grpc_metadata.h"
#include "bpf/grpc_peer.h"
#include "bpf/grpc_status.h"
#include "bpf/record.h"
#include "bpf/request_context.h"

/* The transport.Stream of what handleStream gets: itself before 1.69, then one in the ServerStream,
 * by pointer before 1.77. */
static __always_inline uint64_t grpc_stream_of(const struct up_profile_slot* profile,
                                               uint64_t stream) {
  uint64_t inner;
  if (!has_field(profile, UP_FIELD_GRPC_SERVER_STREAM_STREAM)) return stream;
  if (has_field(profile, UP_FIELD_GRPC_SERVER_STREAM_METHOD))
    return field_address(profile, UP_FIELD_GRPC_SERVER_STREAM_STREAM, stream);
  return read_field(profile, UP_FIELD_GRPC_SERVER_STREAM_STREAM, stream, &inner) ? inner : 0;
}

static __always_inline void on_grpc_server_start(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_GRPC_SERVER_START)) return;
  struct up_in_flight_request request = {};
  request.start_ns = bpf_ktime_get_ns();
  request.request = GO_HANDLE_STREAM_STREAM(hit.profile, regs);
  request.response = GO_SITE(regs);
  request.slot = hit.slot;
  struct go_context context = {};
  bool traced = begin_limits(&hit, &request);
  new_ids(&request);
  if (traced) {
    uint64_t stream = grpc_stream_of(hit.profile, request.request);
    uint64_t metadata = find_metadata(hit.profile, request.response, stream);
    if (metadata && !adopt_from_metadata(&hit, metadata, &request)) return;
    limit_start(&hit, &request, UP_EVENT_GRPC_SERVER, 0,
                string_address(hit.profile, UP_FIELD_GRPC_STREAM_METHOD, stream));
    read_context_field(hit.profile, UP_FIELD_GRPC_STREAM_CTX, stream, &context);
  }
  begin_server_request(&hit, cookie, &context, &request);
}

static __always_inline void read_grpc_server_request(const struct up_profile_slot* profile,
                                                     uint64_t stream,
                                                     struct up_http_record* event) {
  copy_string_field(profile, UP_FIELD_GRPC_STREAM_METHOD, grpc_stream_of(profile, stream), event,
                    UP_STRING_TARGET, UP_TARGET_MAX);
}

/* A stream may write more than one status: where it could not be read or written to, one before the
 * handler has returned, which is then the status that the client sees. */
static __always_inline void on_grpc_server_end(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_GRPC_SERVER_END)) return;
  uint64_t stream = GO_WRITE_STATUS_STREAM(hit.profile, regs);
  const struct up_in_flight_request* request = find_serving(&hit.key);
  if (!request || request->request != stream) {
    count(hit.counters, UP_COUNTER_REPEATED_END);
    return;
  }
  uint64_t site = request->response;
  struct up_http_record* event = end_request(&hit, &server_requests, request, UP_EVENT_GRPC_SERVER);
  if (!event) return;
  read_grpc_server_request(hit.profile, stream, event);
  if (tells_addresses(&hit, event))
    read_grpc_server_peer(hit.profile, cookie, GO_WRITE_STATUS_TRANSPORT(hit.profile, regs), site,
                          event);
  if (!read_grpc_status(hit.profile, GO_WRITE_STATUS_STATUS(hit.profile, regs), event)) {
    event->status = GRPC_UNKNOWN;
    event->flags |= UP_FLAG_READ_FAULT;
  }
  submit(&hit);
}

/* The response of a unary request could not be sent. Where the error is no status, the connection
 * is gone, and no status will be written. */
static __always_inline void on_grpc_server_gone(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_GRPC_SERVER_END)) return;
  struct go_error error = {.itab = GO_FROM_ERROR_ITAB(hit.profile, regs),
                           .data = GO_FROM_ERROR_DATA(hit.profile, regs)};
  const struct up_in_flight_request* request = find_serving(&hit.key);
  if (!request) {
    count(hit.counters, UP_COUNTER_REPEATED_END);
    return;
  }
  if (is_status_error(&error, request->response + hit.profile->grpc_status_error[UP_GRPC_SERVER]))
    return;
  uint64_t stream = request->request;
  struct up_http_record* event = end_request(&hit, &server_requests, request, UP_EVENT_GRPC_SERVER);
  if (!event) return;
  read_grpc_server_request(hit.profile, stream, event);
  event->status = GRPC_UNAVAILABLE;
  event->flags |= UP_FLAG_WRITE_ERROR;
  submit(&hit);
}

#endif /* UPROBED_BPF_GRPC_SERVER_H_ */
