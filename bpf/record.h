/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_RECORD_H_
#define UPROBED_BPF_RECORD_H_

/* The record of a request that ends, from where it is made to the ring buffer or the metrics. */
#include "bpf/in_flight.h"
#include "bpf/record_text.h"
#include "bpf/request_metrics.h"
#include "bpf/span_limits.h"

/* Writes into the record of a request that ends what is known since its begin. */
static __always_inline void fill_event(const struct hit* hit,
                                       const struct up_in_flight_request* request, uint32_t kind,
                                       struct up_http_record* event) {
  bool server = kind == UP_EVENT_HTTP_SERVER || kind == UP_EVENT_GRPC_SERVER;
  event->kind = kind;
  event->slot = hit->slot;
  event->start_ns = request->start_ns;
  event->end_ns = bpf_ktime_get_ns();
  event->goroutine = hit->key.goroutine;
  event->request_size = -1;
  event->response_size = -1;
  event->tgid = hit->process.tgid;
  event->tid = hit->process.tid;
  event->status = 0;
  event->protocol_major = 0;
  event->protocol_minor = 0;
  event->flags = request->flags;
  event->truncated = 0;
  event->unread = 0;
  event->trace_flags = request->trace_flags;
  event->http2 = 0;
  event->handler_function = kind == UP_EVENT_HTTP_SERVER ? request->handler_function : 0;
  event->error_value = 0;
  event->first_byte_ns = server ? request->first_byte_ns : 0;
  __builtin_memset(event->lengths, 0, sizeof(event->lengths));
  __builtin_memcpy(event->trace_id, request->trace_id, UP_TRACE_ID_SIZE);
  __builtin_memcpy(event->span_id, request->span_id, UP_SPAN_ID_SIZE);
  __builtin_memcpy(event->parent_span_id, request->parent_span_id, UP_SPAN_ID_SIZE);
}

/* Room for the record of a request that ends: outside of the ring buffer, because how long it gets
 * shows at its end, and it may not be meant for that. NULL, and counted, where there is none. */
static __always_inline struct up_http_record* make_room(
    struct hit* hit, const struct up_in_flight_request* request) {
  hit->is_suppressed = request->suppressed;
  hit->scratch = take_scratch(request->suppressed);
  if (!hit->scratch) {
    count(hit->counters, UP_COUNTER_LOST_PREEMPTED);
    return 0;
  }
  return &hit->scratch->record;
}

/* Makes the record of a request that ends, with what is known since its begin. */
static __always_inline struct up_http_record* make_event(struct hit* hit,
                                                         const struct up_in_flight_request* request,
                                                         uint32_t kind) {
  struct up_http_record* event = make_room(hit, request);
  if (event) fill_event(hit, request, kind, event);
  return event;
}

/* Copies the template by which a router has found the handler of the request. */
static __always_inline void copy_route(const struct hit* hit,
                                       const struct up_in_flight_request* request,
                                       struct up_http_record* event) {
  const struct up_route* route = bpf_map_lookup_elem(&server_routes, &hit->key);
  if (!route || *(const uint64_t*)route->span_id != *(const uint64_t*)request->span_id) return;
  uint64_t at = hit->scratch->size;
  asm volatile("" : "+r"(at));
  if (at > SCRATCH_TEXT_LAST) return;
  event->flags |= UP_FLAG_ROUTER_ROUTE;
  set_string(event, UP_STRING_ROUTE, at, route->length);
  if (route->flags & UP_ROUTE_TRUNCATED) event->truncated |= 1 << UP_STRING_ROUTE;
  if (route->flags & UP_ROUTE_UNREAD) {
    event->unread |= 1 << UP_STRING_ROUTE;
    event->flags |= UP_FLAG_READ_FAULT;
  }
  __builtin_memcpy((char*)event + at, route->text, UP_ROUTE_MAX);
  hit->scratch->size = at + route->length;
}

/* Puts into the record of a request that ends what is remembered of it. */
static __always_inline void fill_end(const struct hit* hit, const void* requests,
                                     const struct up_in_flight_request* request, uint32_t kind,
                                     struct up_http_record* event) {
  fill_event(hit, request, kind, event);
  if (requests == (void*)&server_requests && (request->flags & UP_FLAG_TRACE_STATE) &&
      !hit->is_suppressed)
    copy_trace_state(hit, hit->scratch);
  if (is_routed(hit, requests)) copy_route(hit, request, event);
}

/* Makes the record of a request that was remembered, which is then forgotten. */
static __always_inline struct up_http_record* end_request(
    struct hit* hit, void* requests, const struct up_in_flight_request* request, uint32_t kind) {
  struct up_http_record* event = make_room(hit, request);
  if (event) fill_end(hit, requests, request, kind, event);
  forget_request(hit, requests, request);
  return event;
}

/* Whether to read whom a request that was served was meant for and who has sent it. Only spans tell
 * that; where nobody streams them, the record says so. */
static __always_inline bool tells_addresses(const struct hit* hit, struct up_http_record* event) {
  if (hit->is_suppressed) return false;
  if (spans_are_streamed) return true;
  event->flags |= UP_FLAG_UNSTREAMED;
  return false;
}

/* Without a flag the kernel wakes the reader with the record that comes after it has read all, and
 * with no other until then (bpf_ringbuf_commit, kernel/bpf/ringbuf.c). It is woken once more where
 * so many bytes more make enough, and again for each time as much: a wake-up is an interrupt, and
 * until the reader is there every record would send one. Two CPUs at a time may miss the moment;
 * then the reader's own timer is what is left, or the next. */
static __always_inline uint64_t wakeup_flags(uint64_t size) {
  uint64_t waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
  return waiting % wakeup_bytes + size >= wakeup_bytes ? BPF_RB_FORCE_WAKEUP : 0;
}

/* Hands the record over: it goes into the ring buffer, or is counted by cause and added to the
 * metrics. */
static __always_inline bool conclude(const struct hit* hit, struct scratch* scratch) {
  const struct up_http_record* event = &scratch->record;
  uint64_t cause = scratch->cause;
  if (!cause) cause = limit_end(hit, event);
  if (!cause) {
    uint64_t size = scratch->size;
    asm volatile("" : "+r"(size));
    if (size <= SCRATCH_TEXT_LAST &&
        bpf_ringbuf_output(&events, &scratch->record, size, wakeup_flags(size)) == 0) {
      if (event->flags & UP_FLAG_READ_FAULT) count(hit->counters, UP_COUNTER_FIELD_UNREAD);
      count(hit->counters, UP_COUNTER_EVENTS_SUBMITTED);
      release_scratch(scratch);
      return true;
    }
    cause = UP_COUNTER_LOST_RING_FULL;
  }
  if (cause < UP_COUNTER_COUNT) count(hit->counters, cause);
  add_to_metrics(hit, scratch);
  release_scratch(scratch);
  return false;
}

static __noinline int submit(const struct hit* hit) {
  return hit->scratch ? conclude(hit, hit->scratch) : false;
}

/* The same of a record that was kept. */
static __noinline int submit_kept(const struct hit* hit, const struct up_client_body* body) {
  struct scratch* scratch = take_scratch(body->suppressed);
  if (!scratch) {
    count(hit->counters, UP_COUNTER_LOST_PREEMPTED);
    return false;
  }
  __builtin_memcpy(&scratch->record, &body->record, sizeof(body->record) + sizeof(body->text));
  scratch->size = body->size;
  return conclude(hit, scratch);
}

#endif /* UPROBED_BPF_RECORD_H_ */
