/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_REQUEST_CONTEXT_H_
#define UPROBED_BPF_REQUEST_CONTEXT_H_

/* From an outgoing request to the incoming one that it was made for, on whatever goroutine: by its
 * context.Context, which was derived from that of the incoming request.
 *
 * net/http gives each incoming request a context of its own (src/net/http/server.go, readRequest),
 * and every context of the standard library begins with the interface of its parent
 * (src/context/context.go). A step is taken only where the first word is an itab of
 * context.Context, which nothing but the interface of a context begins with; so a type of the
 * program's own is left through what it embeds first, or not at all. The address at which the walk
 * arrives cannot be that of a freed object that another request's context took over: the chain that
 * led there keeps it alive, and it is known no longer than its request is being served. */
#include "bpf/go_read.h"
#include "bpf/handoff.h"
#include "bpf/in_flight.h"
#include "bpf/trace_context.h"

#define MAX_CONTEXTS 32

/* src/internal/abi/iface.go, ITab: the interface's type, the concrete type. */
struct go_itab {
  uint64_t interface_type;
  uint64_t type;
};

struct go_context {
  uint64_t itab;
  uint64_t data;
};

/* src/internal/abi/type.go (src/runtime/type.go before Go 1.21): Type, with which PtrType and
 * StructType begin. */
#define GO_TYPE_SIZE 48
#define GO_POINTER_ELEMENT GO_TYPE_SIZE
#define GO_STRUCT_FIELDS (GO_TYPE_SIZE + 8) /* behind the package's path */
#define GO_STRUCT_FIELD_TYPE 8              /* behind the name */

static __always_inline bool read_context(uint64_t address, struct go_context* context) {
  return bpf_probe_read_user(context, sizeof(*context), (const void*)address) == 0;
}

/* The context in a field of what is at `base`; false where it is nil. */
static __always_inline bool read_context_field(const struct up_profile_slot* profile,
                                               enum up_field field, uint64_t base,
                                               struct go_context* context) {
  return has_field(profile, field) && read_context(field_address(profile, field, base), context) &&
         context->itab;
}

static __always_inline bool is_context(const struct go_context* context, uint64_t interface_type) {
  uint64_t word;
  return read_word(context->itab, &word) && word == interface_type;
}

/* The type of the first field of the struct that the interface points to, or 0. */
static __always_inline uint64_t first_field_type(const struct go_context* context) {
  struct go_itab itab;
  uint64_t address;
  if (bpf_probe_read_user(&itab, sizeof(itab), (const void*)context->itab) ||
      !read_word(itab.type + GO_POINTER_ELEMENT, &address) ||
      !read_word(address + GO_STRUCT_FIELDS, &address) ||
      !read_word(address + GO_STRUCT_FIELD_TYPE, &address))
    return 0;
  return address;
}

struct context_walk {
  struct go_context at;
  struct go_context below; /* where it was before; .itab is 0 where it begins */
  uint64_t interface_type; /* context.Context's */
  uint64_t embedded_type;  /* of what was embedded by pointer on the way, or 0 */
  uint64_t embedded_below; /* the same, up to .below */
};

/* To the parent. In Go 1.20 a timerCtx embeds its cancelCtx by pointer. That it was this, and not a
 * type of the program's own, shows at the end: only package context can embed a cancelCtx, and the
 * type that was gone through must be that of the request's context, which is one. */
static __always_inline bool step_to_parent(struct context_walk* walk) {
  struct go_context first;
  /* What context.Background() is begins with zero in every release. */
  if (!read_context(walk->at.data, &first) || !first.itab) return false;
  walk->below = walk->at;
  walk->embedded_below = walk->embedded_type;
  if (!is_context(&first, walk->interface_type)) {
    uint64_t type = first_field_type(&walk->at);
    if (!type || (walk->embedded_type && walk->embedded_type != type)) return false;
    walk->embedded_type = FORGOTTEN(type);
    if (!read_context(first.itab, &first) || !is_context(&first, walk->interface_type))
      return false;
  }
  walk->at.itab = FORGOTTEN(first.itab);
  walk->at.data = FORGOTTEN(first.data);
  return true;
}

static __always_inline bool same_words(const uint8_t* one, const uint8_t* other, int size) {
  for (int i = 0; i < size; i += sizeof(uint64_t)) {
    if (*(const uint64_t*)(one + i) != *(const uint64_t*)(other + i)) return false;
  }
  return true;
}

/* Whether what the walk has come to is as a request's context: it has a parent, which words that a
 * wrong offset gave have not; and what was embedded by pointer before was of its type. */
static __always_inline bool is_cancel_context(const struct context_walk* walk,
                                              const struct go_context* context,
                                              uint64_t embedded_type) {
  struct go_context parent;
  struct go_itab itab;
  if (!read_context(context->data, &parent) || !is_context(&parent, walk->interface_type))
    return false;
  return !embedded_type ||
         (bpf_probe_read_user(&itab, sizeof(itab), (const void*)context->itab) == 0 &&
          itab.type == embedded_type);
}

/* Whether what was found is as it was noted: where the walk has arrived is the context of a request
 * that is being served, or it has gone from there to that of its connection; copies the ids of the
 * request. */
static __noinline int joins_here(const struct context_walk* walk, const struct up_context* owner,
                                 struct up_in_flight_request* request) {
  const struct go_context* context = owner->is_connection ? &walk->below : &walk->at;
  uint64_t embedded_type = owner->is_connection ? walk->embedded_below : walk->embedded_type;
  if (!context->itab || !is_cancel_context(walk, context, embedded_type)) return false;
  struct up_in_flight_key key = {.goroutine = owner->goroutine, .tgid = owner->tgid};
  const struct up_in_flight_request* serving = find_serving(&key);
  if (!serving || serving->context != context->data) return false;
  inherit_ids(request, serving);
  /* The serving goroutine runs meanwhile: where its request ended while it was copied, the copy may
   * be of whatever took its place in the map. */
  serving = find_serving(&key);
  return serving && serving->context == context->data &&
         same_words(serving->span_id, request->parent_span_id, UP_SPAN_ID_SIZE) &&
         same_words(serving->trace_id, request->trace_id, UP_TRACE_ID_SIZE);
}

/* Walks on to a context that somebody has noted; false where there is none. */
static __noinline int find_noted(struct context_walk* walk, uint32_t tgid,
                                 struct up_context* owner) {
  for (int i = 0; i < MAX_CONTEXTS; i++) {
    if (find_context(walk->at.data, tgid, owner) && owner->itab == walk->at.itab) return true;
    if (!step_to_parent(walk)) return false;
  }
  return false;
}

/* How many contexts are asked whose they are: the note of one may be of a request that has ended,
 * in whose place is another context. */
#define MAX_NOTED 2

/* Makes the outgoing `request` a child of the request being served that its context leads to; false
 * where it leads to none. What is noted is looked at behind the loop that finds it, for the
 * verifier's sake, which follows a loop as often as it may run. */
static __noinline int inherit_by_context(const struct go_context* context, uint32_t tgid,
                                         struct up_in_flight_request* request) {
  struct context_walk walk = {.at = *context};
  struct up_context owner = {};
  if (!read_word(walk.at.itab, &walk.interface_type)) return false;
  for (int i = 0; i < MAX_NOTED; i++) {
    if (!find_noted(&walk, tgid, &owner)) return false;
    if (joins_here(&walk, &owner, request)) {
      request->flags |= UP_FLAG_CONTEXT_PARENT;
      return true;
    }
    if (!step_to_parent(&walk)) return false;
  }
  return false;
}

/* A request made while the same goroutine serves one is its child; else one whose context, in a
 * field of what is at `base`, leads to one that is being served; else, where the probe asks for it,
 * the one that the goroutine was handed work of. What cannot be known is a root. */
static __always_inline void inherit_trace(const struct hit* hit, enum up_field field, uint64_t base,
                                          struct up_in_flight_request* request) {
  struct go_context context;
  const struct up_in_flight_request* serving = find_serving(&hit->key);
  if (serving) {
    inherit_ids(request, serving);
    request->flags |= UP_FLAG_LOCAL_PARENT;
  } else if (!(read_context_field(hit->profile, field, base, &context) &&
               inherit_by_context(&context, hit->process.tgid, request)) &&
             !inherit_by_handoff(hit, request)) {
    __builtin_memset(request->parent_span_id, 0, UP_SPAN_ID_SIZE);
    new_trace_id(request);
  }
}

/* Remembers a request that is being served from now on, and whose context it is; .itab is 0 where
 * that is not known. */
static __always_inline void begin_server_request(const struct hit* hit, uint64_t cookie,
                                                 const struct go_context* context,
                                                 struct up_in_flight_request* request) {
  if (context->itab) request->context = context->data;
  if (!begin_served(hit, cookie, request)) return;
  keep_trace_state(hit, request);
  if (!request->context || request->connection_context) return;
  struct up_context owner = {.context = request->context,
                             .tgid = hit->key.tgid,
                             .slot = hit->slot,
                             .itab = context->itab,
                             .goroutine = hit->key.goroutine};
  put_context(&owner);
}

#endif /* UPROBED_BPF_REQUEST_CONTEXT_H_ */
