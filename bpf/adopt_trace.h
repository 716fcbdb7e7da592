/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ADOPT_TRACE_H_
#define UPROBED_BPF_ADOPT_TRACE_H_

/* The trace that the caller of a request says it belongs to, in an http.Header or a metadata.MD. */
#include "bpf/go_map.h"
#include "bpf/trace_context.h"

/* Adopts the traceparent that is the first of the strings at `values`. Apart from what looks for
 * it, because the frames of all that call each other must fit into 512 bytes
 * (kernel/bpf/verifier.c, check_max_stack_depth). */
static __noinline int adopt_first_value(uint64_t values, struct up_in_flight_request* request) {
  struct go_string value;
  char text[TRACEPARENT_LENGTH + 1];
  if (!values || bpf_probe_read_user(&value, sizeof(value), (const void*)values) ||
      value.length != TRACEPARENT_LENGTH ||
      bpf_probe_read_user(text, TRACEPARENT_LENGTH, (const void*)value.data))
    return false;
  adopt_traceparent(request, text);
  return request->flags & UP_FLAG_REMOTE_PARENT;
}

/* Makes the request a part of the trace that the map at `map` names; leaves it as it was where it
 * names none. */
static __always_inline int adopt_from_map(uint64_t map, struct scratch* scratch,
                                          struct up_in_flight_request* request) {
  struct go_map_walk* walk = &scratch->walk;
  if (!open_map(request->slot, map, scratch) || !find_values(walk, TRACEPARENT_KEY_LENGTH) ||
      !adopt_first_value(walk->values, request))
    return false;
  request->trace_state = find_values(walk, TRACESTATE_KEY_LENGTH);
  if (request->trace_state) request->flags |= UP_FLAG_TRACE_STATE;
  return true;
}

#endif /* UPROBED_BPF_ADOPT_TRACE_H_ */
