/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_REQUEST_METRICS_H_
#define UPROBED_BPF_REQUEST_METRICS_H_

/* Adds requests that become no event to sums by label, which the daemon reads when its metrics are
 * read. Only requests that are suppressed or find no room in the ring buffer come here: to the
 * others this costs nothing. */
#include "bpf/go_map.h"
#include "bpf/scratch.h"

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
  __uint(max_entries, UP_REQUEST_METRICS_MAX);
  __type(key, struct up_request_key);
  __type(value, struct up_request_metrics);
} request_metrics SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, UP_REQUEST_KINDS);
  __type(key, uint32_t);
  __type(value, struct up_request_metrics);
} overflowed_request_metrics SEC(".maps");

/* What a new entry begins with; nobody writes to it. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, uint32_t);
  __type(value, struct up_request_metrics);
} no_request_metrics SEC(".maps");

/* Wherever in the first bytes of the record a string is said to be, it is in the scratch: a mask
 * for a check, which the verifier would follow twice. */
#define RECORD_BYTES_MASK 0x7ff
_Static_assert(SCRATCH_TEXT_LAST <= RECORD_BYTES_MASK &&
                   __builtin_offsetof(struct scratch, record) + RECORD_BYTES_MASK +
                           UP_METRIC_NAME_MAX <=
                       sizeof(struct scratch),
               "the mask covers the record, and no more than the scratch");
#define STRINGS_MASK 7
_Static_assert(UP_STRING_COUNT == STRINGS_MASK, "the mask covers all strings");

/* Copies a string of the record to `words` words of zero. Word by word, because a copy of a length
 * that is not constant would be a read of kernel memory, which a kernel that is locked down
 * refuses.
 */
static __noinline int copy_label(const struct up_http_record* event, uint32_t string, uint64_t* to,
                                 uint32_t words) {
  uint64_t length = event->lengths[string & STRINGS_MASK];
  const char* text =
      (const char*)event + (event->begins[string & STRINGS_MASK] & RECORD_BYTES_MASK);
  uint64_t whole = length / WORD;
  for (uint32_t i = 0; i < UP_METRIC_NAME_MAX / WORD && i < words; i++) {
    if (i >= whole) break;
    to[i] = *(const uint64_t*)(text + i * WORD);
  }
  asm volatile("" : "+r"(whole));
  if (whole < words)
    to[whole] = *(const uint64_t*)(text + whole * WORD) & ((1ULL << length % WORD * 8) - 1);
  return true;
}

/* The number of no string: it has no length. */
#define NO_STRING UP_STRING_COUNT

struct label_strings {
  uint8_t method;
  uint8_t scheme;
  uint8_t host;
  uint8_t name;
};

/* Which strings the labels are of each kind of request. A table, because the verifier would follow
 * what comes behind each branch. */
static const volatile struct label_strings label_strings[UP_REQUEST_KINDS] = {
    [UP_EVENT_HTTP_SERVER - 1] = {UP_STRING_METHOD, UP_STRING_SCHEME, NO_STRING, UP_STRING_ROUTE},
    [UP_EVENT_HTTP_CLIENT - 1] = {UP_STRING_METHOD, UP_STRING_SCHEME, UP_STRING_HOST,
                                  UP_STRING_ROUTE},
    [UP_EVENT_GRPC_SERVER - 1] = {NO_STRING, NO_STRING, NO_STRING, UP_STRING_TARGET},
    [UP_EVENT_GRPC_CLIENT - 1] = {NO_STRING, NO_STRING, UP_STRING_HOST, UP_STRING_TARGET},
};

static __always_inline void fill_texts(struct up_request_key* key,
                                       const struct up_http_record* event) {
  uint64_t kind = event->kind - 1;
  asm volatile("" : "+r"(kind));
  if (kind >= UP_REQUEST_KINDS) return;
  const volatile struct label_strings* strings = &label_strings[kind];
  copy_label(event, strings->method, (uint64_t*)key->method, UP_METHOD_MAX / WORD);
  copy_label(event, strings->scheme, (uint64_t*)key->scheme, UP_SCHEME_MAX / WORD);
  copy_label(event, strings->host, (uint64_t*)key->host, UP_HOST_MAX / WORD);
  copy_label(event, strings->name, (uint64_t*)key->name, UP_METRIC_NAME_MAX / WORD);
}

static __always_inline void fill_key(struct up_request_key* key, uint32_t slot,
                                     const struct up_http_record* event) {
  bool grpc = event->kind == UP_EVENT_GRPC_SERVER || event->kind == UP_EVENT_GRPC_CLIENT;
  bool client = event->kind == UP_EVENT_HTTP_CLIENT || event->kind == UP_EVENT_GRPC_CLIENT;
  uint32_t name = grpc ? UP_STRING_TARGET : UP_STRING_ROUTE;
  __builtin_memset(key, 0, sizeof(*key));
  fill_texts(key, event);
  key->slot = slot;
  key->tgid = event->tgid;
  key->kind = event->kind;
  key->status = !grpc && event->status > UP_METRIC_STATUS_MAX ? UP_METRIC_NO_STATUS : event->status;
  key->flags = event->flags & UP_METRIC_FLAGS;
  key->protocol_major = event->protocol_major;
  key->protocol_minor = event->protocol_minor;
  key->truncated = event->truncated & ~(1 << UP_STRING_PEER | 1 << UP_STRING_QUERY);
  key->unread = event->unread & (1 << UP_STRING_METHOD);
  key->http2 = event->http2;
  key->name_length = event->lengths[name];
  if (key->name_length > UP_METRIC_NAME_MAX) {
    key->name_length = UP_METRIC_NAME_MAX;
    key->truncated |= 1 << name;
  }
  if (!grpc) {
    key->truncated &= ~(1 << UP_STRING_TARGET);
    key->method_length = event->lengths[UP_STRING_METHOD];
    key->scheme_length = event->lengths[UP_STRING_SCHEME];
    key->error_method = client ? event->error_method : 0;
    if (key->error_method)
      key->error_value =
          event->error_value > UP_METRIC_ERRNO_MAX || (event->flags & UP_FLAG_ERROR_POINTER)
              ? UP_METRIC_NO_ERRNO
              : event->error_value;
  }
  if (client)
    key->host_length = event->lengths[UP_STRING_HOST];
  else
    key->truncated &= ~(1 << UP_STRING_HOST);
}

/* Atomic although per CPU, as counters are. */
static __always_inline void add_one(uint64_t* to) { __sync_fetch_and_add(to, 1); }

/* How many bounds are below the value, without a branch, which the verifier would follow twice.
 * Bounds and values are below 2^63. */
#define BOUNDS_BELOW(bounds, count, value)                                        \
  ({                                                                              \
    uint64_t below = 0;                                                           \
    _Pragma("unroll") for (uint32_t bound = 0; bound < (count); bound++) below += \
        ((bounds)[bound] - (value)) >> 63;                                        \
    below;                                                                        \
  })

static __always_inline void add_duration(struct up_duration_histogram* to, uint64_t ns) {
  __sync_fetch_and_add(&to->counts[up_duration_cell(ns)], 1);
  __sync_fetch_and_add(&to->sum_ns, ns);
}

static __always_inline void add_size(struct up_size_histogram* to, int64_t size) {
  static const uint64_t bounds[] = UP_SIZE_BOUNDS;
  if (size < 0) return;
  uint64_t bucket = BOUNDS_BELOW(bounds, UP_SIZE_BOUND_COUNT, (uint64_t)size);
  asm volatile("" : "+r"(bucket));
  if (bucket > UP_SIZE_BOUND_COUNT) return;
  add_one(&to->counts[bucket]);
  __sync_fetch_and_add(&to->sum, size);
}

static __always_inline struct up_request_metrics* metrics_of(const struct hit* hit,
                                                             const struct up_request_key* key) {
  struct up_request_metrics* metrics = bpf_map_lookup_elem(&request_metrics, key);
  if (metrics) return metrics;
  uint32_t index = 0;
  const struct up_request_metrics* none = bpf_map_lookup_elem(&no_request_metrics, &index);
  /* Another CPU may have made it meanwhile, or there is no room: the next look tells. */
  if (none) bpf_map_update_elem(&request_metrics, key, none, BPF_NOEXIST);
  metrics = bpf_map_lookup_elem(&request_metrics, key);
  if (metrics) return metrics;
  count(hit->counters, UP_COUNTER_METRICS_OVERFLOWED);
  index = key->kind - 1;
  return bpf_map_lookup_elem(&overflowed_request_metrics, &index);
}

static __always_inline void add_to_metrics(const struct hit* hit, struct scratch* scratch) {
  const struct up_http_record* event = &scratch->record;
  fill_key(&scratch->key, hit->slot, event);
  struct up_request_metrics* metrics = metrics_of(hit, &scratch->key);
  if (!metrics) return;
  add_duration(&metrics->duration, event->end_ns - event->start_ns);
  add_size(&metrics->request_size, event->request_size);
  add_size(&metrics->response_size, event->response_size);
}

#endif /* UPROBED_BPF_REQUEST_METRICS_H_ */
