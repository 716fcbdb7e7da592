/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_TRACE_STATE_H_
#define UPROBED_BPF_TRACE_STATE_H_

/* The tracestate of a request that names its parent, from where the request begins, when its
 * headers are surely there, to its record. */
#include "bpf/go_read.h"
#include "bpf/maps.h"
#include "bpf/process.h"
#include "bpf/scratch.h"

/* The first string of the []string at `address`. */
static __always_inline void read_trace_state(uint64_t address, struct up_trace_state* state) {
  uint64_t values[2];
  struct go_string first;
  state->truncated = UP_TRACE_STATE_MISSING;
  if (bpf_probe_read_user(values, sizeof(values), (const void*)address) || !values[0] ||
      bpf_probe_read_user(&first, sizeof(first), (const void*)values[0]))
    return;
  uint64_t length = first.length;
  if (length > UP_TRACE_STATE_MAX) length = UP_TRACE_STATE_MAX;
  /* As in copy_string. */
  asm volatile("" : "+r"(length));
  if (length > UP_TRACE_STATE_MAX ||
      bpf_probe_read_user(state->text, length, (const void*)first.data))
    return;
  state->length = length;
  state->truncated = first.length > UP_TRACE_STATE_MAX ? UP_TRACE_STATE_CUT
                     : values[1] > 1                   ? UP_TRACE_STATE_MISSING
                                                       : 0;
}

static __noinline int put_trace_state(const struct hit* hit,
                                      const struct up_in_flight_request* request) {
  uint32_t first = 0;
  const struct up_trace_state* empty = bpf_map_lookup_elem(&empty_trace_state, &first);
  /* Where there is no room, copy_trace_state finds nothing. */
  if (!empty || bpf_map_update_elem(&trace_states, &hit->key, empty, BPF_ANY)) return false;
  struct up_trace_state* state = bpf_map_lookup_elem(&trace_states, &hit->key);
  if (!state) return false;
  state->slot = hit->slot;
  __builtin_memcpy(state->span_id, request->span_id, UP_SPAN_ID_SIZE);
  read_trace_state(request->trace_state, state);
  return true;
}

/* Remembers that of a request that begins. */
static __always_inline void keep_trace_state(const struct hit* hit,
                                             const struct up_in_flight_request* request) {
  if ((request->flags & UP_FLAG_TRACE_STATE) && !request->suppressed) put_trace_state(hit, request);
}

/* Puts that of a request that ends behind its record, before its strings. */
static __noinline int copy_trace_state(const struct hit* hit, struct scratch* scratch) {
  struct up_trace_state* to = (struct up_trace_state*)scratch->text;
  const struct up_trace_state* state = bpf_map_lookup_elem(&trace_states, &hit->key);
  scratch->size = sizeof(scratch->record) + sizeof(*to);
  if (state && *(const uint64_t*)state->span_id == *(const uint64_t*)scratch->record.span_id) {
    __builtin_memcpy(to, state, sizeof(*to));
    return true;
  }
  to->length = 0;
  to->truncated = UP_TRACE_STATE_MISSING;
  return false;
}

/* It may not be there, which is all that can fail. */
static __always_inline void forget_trace_state(const struct hit* hit, const void* requests,
                                               const struct up_in_flight_request* request) {
  if (requests == (const void*)&server_requests && (request->flags & UP_FLAG_TRACE_STATE))
    bpf_map_delete_elem(&trace_states, &hit->key);
}

#endif /* UPROBED_BPF_TRACE_STATE_H_ */
