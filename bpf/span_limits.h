/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_SPAN_LIMITS_H_
#define UPROBED_BPF_SPAN_LIMITS_H_

/* Which requests become spans, where a probe limits them. A request that does not is counted by
 * cause when it ends, and goes into the metrics all the same (bpf/request_metrics.h).
 *
 * What is sampled is decided once for each trace, where it begins: by the sampled flag of the
 * traceparent that a request comes with, else by its trace id. Requests that are made for it, on
 * whatever goroutine, have the flag of the request that they are made for. Filters and the rate
 * judge each request by itself, served and made alike: the call that a filtered request makes is a
 * span if it passes, and names a parent that nobody gets to see.
 *
 * A probe over its budget of overhead is sampled by the trace id alone, whoever began the trace: so
 * all probes that are over theirs keep the same traces, whole. Only where a trace begins, its
 * sampled flag is taken back with it. */
#include <bpf/bpf_endian.h>

#include "bpf/abi/span_limits.h"
#include "bpf/go_read.h"
#include "bpf/process.h"
#include "bpf/trace_context.h"

#define UP_FLAGS_WITH_PARENT                                               \
  (UP_FLAG_REMOTE_PARENT | UP_FLAG_LOCAL_PARENT | UP_FLAG_CONTEXT_PARENT | \
   UP_FLAG_CONNECTION_PARENT | UP_FLAG_GOROUTINE_PARENT | UP_FLAG_CHANNEL_PARENT)

#define RATE_ATTEMPTS 8

/* "GET" and "POST", little-endian. */
#define METHOD_GET 0x544547ULL
#define METHOD_POST 0x54534f50ULL

static __always_inline const struct up_span_limits* limits_of(const struct hit* hit) {
  if (!(hit->profile->flags & UP_SLOT_LIMITED)) return 0;
  return bpf_map_lookup_elem(&span_limits, &hit->slot);
}

/* Copies at most `capacity` bytes of the string whose header is at `address` to what is all zero;
 * its length, or -1 where it cannot be read. */
static __always_inline int64_t read_text(uint64_t address, void* to, uint32_t capacity) {
  struct go_string from;
  if (!address || bpf_probe_read_user(&from, sizeof(from), (const void*)address)) return -1;
  uint64_t length = from.length;
  if (length > capacity) length = capacity;
  asm volatile("" : "+r"(length));
  if (length > capacity) return -1;
  if (length && bpf_probe_read_user(to, length, (const void*)from.data)) return -1;
  return from.length;
}

/* What cannot be read is none of those that are asked for. */
static __noinline int is_wanted_method(const struct up_span_limits* limits, uint32_t kind,
                                       uint64_t address) {
  uint64_t method[UP_LIMIT_METHOD_WORDS] = {};
  if (kind == UP_EVENT_GRPC_SERVER || kind == UP_EVENT_GRPC_CLIENT) {
    method[0] = METHOD_POST;
  } else {
    int64_t length = read_text(address, method, sizeof(method));
    if (length < 0 || length > (int64_t)sizeof(method)) return false;
    /* net/http.Request: "For client requests, an empty string means GET". */
    if (!length) method[0] = METHOD_GET;
  }
  for (uint32_t i = 0; i < UP_LIMIT_METHODS; i++) {
    if (i >= limits->method_count) return false;
    if (limits->methods[i][0] == method[0] && limits->methods[i][1] == method[1]) return true;
  }
  return false;
}

static __noinline int is_wanted_path(const struct up_span_limits* limits, uint64_t address) {
  uint64_t path[UP_LIMIT_PREFIX_WORDS] = {};
  int64_t length = read_text(address, path, sizeof(path));
  if (length < 0) return false;
  /* net/url.URL of "http://host"; the request is one for "/". */
  if (!length) path[0] = '/';
  for (uint32_t i = 0; i < UP_LIMIT_PREFIXES; i++) {
    if (i >= limits->prefix_count) return false;
    const struct up_path_prefix* prefix = &limits->prefixes[i];
    uint64_t difference = 0;
    for (uint32_t word = 0; word < UP_LIMIT_PREFIX_WORDS; word++)
      difference |= (path[word] ^ prefix->text[word]) & prefix->mask[word];
    if (!difference) return true;
  }
  return false;
}

static __always_inline uint64_t random_bits(const uint8_t* trace_id) {
  uint64_t random = bpf_be64_to_cpu(*(const uint64_t*)(trace_id + UP_TRACE_ID_SIZE / 2));
  return random & ((1ULL << UP_SAMPLE_BITS) - 1);
}

/* What is decided before anything of a request is read, and remembered in it: whether somebody
 * would get to see its span. Returns whether it matters which trace it belongs to, and what
 * limit_start decides: to its own span, or to the requests that are made for it, which are given
 * the header, are found by their connection, or are sampled as it is. Asked before the ids are
 * drawn: what comes at once behind it the verifier would follow once for each answer. */
static __noinline int begin_limits(const struct hit* hit, struct up_in_flight_request* request) {
  const struct up_profile_slot* profile = hit->profile;
  if (!(profile->flags & UP_SLOT_ONLY_STREAMED) || spans_are_streamed) return true;
  request->suppressed = UP_COUNTER_SUPPRESSED_UNSTREAMED;
  if (profile->flags & (UP_SLOT_INJECTED | UP_SLOT_STITCHED)) return true;
  const struct up_span_limits* limits = limits_of(hit);
  return limits && (limits->flags & UP_LIMIT_SAMPLES);
}

/* What can be decided where a request begins, so that less of it is read at its end: remembered in
 * the request. `method` and `path` are the addresses of strings; 0 where there is none. */
static __noinline int limit_start(const struct hit* hit, struct up_in_flight_request* request,
                                  uint32_t kind, uint64_t method, uint64_t path) {
  const struct up_span_limits* limits = limits_of(hit);
  if (!limits) return false;
  bool streamed = !request->suppressed;
  if (limits->flags & UP_LIMIT_SAMPLES) {
    /* Also where a filter suppresses it, or nobody streams it: the requests that are made for it
     * may pass. */
    if (!(request->flags & UP_FLAGS_WITH_PARENT) &&
        random_bits(request->trace_id) < limits->sample_threshold)
      request->trace_flags &= ~TRACE_FLAG_SAMPLED;
    if (streamed && !(request->trace_flags & TRACE_FLAG_SAMPLED))
      request->suppressed = UP_COUNTER_SUPPRESSED_SAMPLED;
  }
  if (streamed && ((limits->method_count && !is_wanted_method(limits, kind, method)) ||
                   (limits->prefix_count && !is_wanted_path(limits, path))))
    request->suppressed = UP_COUNTER_SUPPRESSED_FILTERED;
  if (random_bits(request->trace_id) < limits->budget_threshold) {
    /* Only where the trace begins: what others have decided for theirs stays. */
    if (!(request->flags & UP_FLAGS_WITH_PARENT)) request->trace_flags &= ~TRACE_FLAG_SAMPLED;
    if (!request->suppressed) request->suppressed = UP_COUNTER_SUPPRESSED_BUDGET;
  }
  return request->suppressed;
}

/* google.golang.org/grpc/codes: those that OpenTelemetry takes for an error of the server. */
#define GRPC_SERVER_ERRORS (1U << 2 | 1U << 4 | 1U << 12 | 1U << 13 | 1U << 14 | 1U << 15)

/* The bit of the status' class. gRPC's OK is one of success, what is the server's fault one of its
 * errors, and all others are the client's. */
static __always_inline uint32_t status_class_bit(const struct up_http_record* event) {
  uint32_t status = event->status;
  if (event->kind == UP_EVENT_GRPC_SERVER || event->kind == UP_EVENT_GRPC_CLIENT) {
    if (!status) return 1U << 2;
    return GRPC_SERVER_ERRORS >> (status & 31) & 1 ? 1U << 5 : 1U << 4;
  }
  /* As net/http, which writes it where the handler has written no header. */
  if (!status && event->kind == UP_EVENT_HTTP_SERVER &&
      !(event->flags & (UP_FLAG_ERROR | UP_FLAG_READ_FAULT | UP_FLAG_UNFINISHED)))
    return 1U << 2;
  uint32_t class = status / 100;
  return 1U << (class > UP_STATUS_CLASS_MAX ? UP_STATUS_CLASS_NONE : class);
}

/* Whether the rate has room for a span: the generic cell rate algorithm (ITU-T I.371), by which one
 * word says when the next span would be due, so that CPUs agree on it by one atomic step. A span
 * that is refused writes nothing. */
static __always_inline bool takes_from_rate(const struct up_span_limits* limits, uint32_t slot,
                                            uint64_t now) {
  uint64_t* due = bpf_map_lookup_elem(&span_rates, &slot);
  if (!due) return true;
  for (int i = 0; i < RATE_ATTEMPTS; i++) {
    uint64_t seen = *(volatile uint64_t*)due;
    uint64_t from = seen > now ? seen : now;
    if (from - now > limits->rate_burst_ns) return false;
    if (__sync_val_compare_and_swap(due, seen, from + limits->rate_interval_ns) == seen)
      return true;
  }
  /* Other CPUs were faster each time, so the rate is used up as it should be. */
  return false;
}

/* What can be decided only where a request ends: the counter of why it becomes no span, or 0. */
static __always_inline uint64_t limit_end(const struct hit* hit,
                                          const struct up_http_record* event) {
  const struct up_span_limits* limits = limits_of(hit);
  if (!limits) return 0;
  if (event->end_ns - event->start_ns < limits->min_duration_ns ||
      (limits->status_classes && !(limits->status_classes & status_class_bit(event))))
    return UP_COUNTER_SUPPRESSED_FILTERED;
  /* Of what began before the budget was exceeded, too. */
  if (random_bits(event->trace_id) < limits->budget_threshold) return UP_COUNTER_SUPPRESSED_BUDGET;
  if (limits->rate_interval_ns && !takes_from_rate(limits, hit->slot, event->end_ns))
    return UP_COUNTER_SUPPRESSED_RATE_LIMITED;
  return 0;
}

#endif /* UPROBED_BPF_SPAN_LIMITS_H_ */
