/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GRPC_METADATA_H_
#define UPROBED_BPF_GRPC_METADATA_H_

/* The metadata that a request of google.golang.org/grpc came with: metadata.NewIncomingContext puts
 * it into the context of the transport's stream (internal/transport, operateHeaders), and what tags
 * and taps requests derives its own contexts from that. */
#include "bpf/adopt_trace.h"
#include "bpf/request_context.h"

/* Contexts between that of a stream and that with its metadata; the module itself makes up to four.
 */
#define MAX_TAGGED_CONTEXTS 12

/* Value is the last of the four methods of context.Context, which are sorted. */
#define GO_ITAB_CONTEXT_VALUE (GO_ITAB_FIRST_METHOD + 3 * 8)

/* src/context/context.go: valueCtx{Context; key, val any}. */
struct go_value_context {
  struct go_context parent;
  uint64_t key_type;
  uint64_t key;
  uint64_t value_type;
  uint64_t value;
};

/* The metadata.MD in the context, or in one that it was derived from; 0 where there is none. A
 * context is one with a value where the code of its Value is `value_method`; no other package can
 * have a key of type `key_type`, and grpc/metadata gives it no other value. */
static __noinline uint64_t find_in_contexts(const struct go_context* context, uint64_t value_method,
                                            uint64_t key_type) {
  struct context_walk walk = {.at = *context};
  struct go_value_context with_value;
  uint64_t method;
  if (!read_word(walk.at.itab, &walk.interface_type)) return 0;
  for (int i = 0; i < MAX_TAGGED_CONTEXTS; i++) {
    if (!read_word(walk.at.itab + GO_ITAB_CONTEXT_VALUE, &method)) return 0;
    if (method != value_method) {
      if (!step_to_parent(&walk)) return 0;
      continue;
    }
    if (bpf_probe_read_user(&with_value, sizeof(with_value), (const void*)walk.at.data)) return 0;
    if (with_value.key_type == key_type) return with_value.value;
    walk.at = with_value.parent;
  }
  return 0;
}

/* The metadata of the request that the transport.Stream at `stream` is of, whose start was seen at
 * `site`. */
static __always_inline uint64_t find_metadata(const struct up_profile_slot* profile, uint64_t site,
                                              uint64_t stream) {
  struct go_context context;
  if (!profile->grpc_metadata_key || !profile->grpc_value_context ||
      !read_context(stream + profile->grpc_metadata_ctx, &context) || !context.itab)
    return 0;
  return find_in_contexts(&context, site + profile->grpc_value_context,
                          site + profile->grpc_metadata_key);
}

/* Makes the request a part of the trace that the metadata names, if it names one. False, and
 * counted, where there is no room to look. */
static __always_inline bool adopt_from_metadata(const struct hit* hit, uint64_t metadata,
                                                struct up_in_flight_request* request) {
  struct scratch* scratch = take_scratch(0);
  if (!scratch) {
    count(hit->counters, UP_COUNTER_LOST_PREEMPTED);
    return false;
  }
  adopt_from_map(metadata, scratch, request);
  release_scratch(scratch);
  return true;
}

#endif /* UPROBED_BPF_GRPC_METADATA_H_ */
