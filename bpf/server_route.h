/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_SERVER_ROUTE_H_
#define UPROBED_BPF_SERVER_ROUTE_H_

/* The template by which a router has found the handler of the request that the goroutine serves.
 * gin, chi and echo lend each request a context and take it back when its handler has returned
 * (sync.(*Pool).Put in the router's ServeHTTP): it is read just before, when routers inside of
 * routers have added their part and nobody else has it yet. gorilla/mux attaches its Route to the
 * request before it calls the handler. */
#include "bpf/go_read.h"
#include "bpf/in_flight.h"
#include "bpf/server_handler.h"

/* chi has one pattern for each router inside of a router. */
#define ROUTE_PATTERNS_MAX 8

struct route_found {
  struct up_route route;
  /* The verifier knows how long the text and what is added to it may be, but not their sum. */
  char beyond[UP_ROUTE_MAX];
};

/* Adds the Go string whose header is at `address` to the text. */
static __always_inline void add_to_route(struct route_found* found, uint64_t address) {
  struct go_string from;
  if (bpf_probe_read_user(&from, sizeof(from), (const void*)address)) {
    found->route.flags |= UP_ROUTE_UNREAD;
    return;
  }
  if (from.length == 0) return;
  uint64_t at = found->route.length;
  uint64_t length = from.length;
  if (length > UP_ROUTE_MAX) length = UP_ROUTE_MAX;
  /* Keeps clang from reading them anew: the verifier must see the bounds on these registers. */
  asm volatile("" : "+r"(at), "+r"(length));
  if (at > UP_ROUTE_MAX || length > UP_ROUTE_MAX) return;
  if (bpf_probe_read_user(found->route.text + at, length, (const void*)from.data)) {
    found->route.flags |= UP_ROUTE_UNREAD;
    return;
  }
  if (at + from.length > UP_ROUTE_MAX) {
    found->route.flags |= UP_ROUTE_TRUNCATED;
    found->route.length = UP_ROUTE_MAX;
  } else {
    found->route.length = at + length;
  }
}

/* Before v4.8 echo keeps the path of a request that it has no route for where it else keeps the
 * template (router.go, Find). It is a part of what the request line said, or is URL.Path, which the
 * program may have changed. */
static __always_inline bool is_path_of(const struct up_profile_slot* profile, uint64_t request,
                                       uint64_t address) {
  struct go_string text, path;
  uint64_t url;
  if (bpf_probe_read_user(&text, sizeof(text), (const void*)address)) return false;
  if (has_field(profile, UP_FIELD_REQUEST_REQUEST_URI) &&
      bpf_probe_read_user(
          &path, sizeof(path),
          (const void*)field_address(profile, UP_FIELD_REQUEST_REQUEST_URI, request)) == 0 &&
      text.data - path.data < path.length)
    return true;
  return has_field(profile, UP_FIELD_URL_PATH) &&
         read_field(profile, UP_FIELD_REQUEST_URL, request, &url) &&
         bpf_probe_read_user(&path, sizeof(path),
                             (const void*)field_address(profile, UP_FIELD_URL_PATH, url)) == 0 &&
         text.data == path.data;
}

static __always_inline void add_field_to_route(const struct up_profile_slot* profile,
                                               enum up_field field, uint64_t base,
                                               struct route_found* found) {
  if (has_field(profile, field)) add_to_route(found, field_address(profile, field, base));
}

static __always_inline void add_patterns_to_route(const struct up_profile_slot* profile,
                                                  enum up_field field, uint64_t context,
                                                  struct route_found* found) {
  uint64_t slice[2]; /* data, length (src/runtime/slice.go) */
  if (!has_field(profile, field)) return;
  if (bpf_probe_read_user(slice, sizeof(slice),
                          (const void*)field_address(profile, field, context))) {
    found->route.flags |= UP_ROUTE_UNREAD;
    return;
  }
  for (uint32_t i = 0; i < ROUTE_PATTERNS_MAX; i++) {
    if (i >= slice[1]) return;
    add_to_route(found, slice[0] + i * sizeof(struct go_string));
  }
  if (slice[1] > ROUTE_PATTERNS_MAX) found->route.flags |= UP_ROUTE_TRUNCATED;
}

static __always_inline void find_route(const struct hit* hit, const struct pt_regs* regs,
                                       uint64_t cookie, uint64_t request,
                                       struct route_found* found) {
  const struct up_profile_slot* profile = hit->profile;
  uint64_t address;
  switch (cookie >> UP_COOKIE_ROUTER_SHIFT & UP_COOKIE_ROUTER_MASK) {
    case UP_ROUTER_GIN:
      add_field_to_route(profile, UP_FIELD_GIN_CONTEXT_FULL_PATH, GO_CALL_WORD_2(profile, regs),
                         found);
      break;
    case UP_ROUTER_ECHO:
      if (!has_field(profile, UP_FIELD_ECHO_CONTEXT_PATH)) break;
      address = field_address(profile, UP_FIELD_ECHO_CONTEXT_PATH, GO_CALL_WORD_2(profile, regs));
      if (!is_path_of(profile, request, address)) add_to_route(found, address);
      break;
    case UP_ROUTER_CHI:
      add_patterns_to_route(profile, UP_FIELD_CHI_CONTEXT_ROUTE_PATTERNS,
                            GO_CALL_WORD_2(profile, regs), found);
      break;
    case UP_ROUTER_CHI1:
      add_patterns_to_route(profile, UP_FIELD_CHI1_CONTEXT_ROUTE_PATTERNS,
                            GO_CALL_WORD_2(profile, regs), found);
      break;
    case UP_ROUTER_GORILLA:
      address = GO_CALL_WORD_1(profile, regs);
      /* There is none where the program's own handler serves what was not found. */
      if (address && read_field(profile, UP_FIELD_GORILLA_ROUTE_PATH, address, &address) && address)
        add_field_to_route(profile, UP_FIELD_GORILLA_REGEXP_TEMPLATE, address, found);
      break;
  }
}

/* The last of gin's handlers: those before it are its middleware. */
static __always_inline uint64_t code_of_gin(const struct up_profile_slot* profile, uint64_t context,
                                            uint64_t bias) {
  uint64_t slice[2], func; /* data, length */
  if (!has_field(profile, UP_FIELD_GIN_CONTEXT_HANDLERS) ||
      bpf_probe_read_user(
          slice, sizeof(slice),
          (const void*)field_address(profile, UP_FIELD_GIN_CONTEXT_HANDLERS, context)) ||
      !slice[1] || !read_word(slice[0] + (slice[1] - 1) * GO_WORD, &func))
    return 0;
  return code_of_func(func, bias);
}

/* echo keeps a handler in a closure that calls it with its middleware ((*Echo).add), and has
 * nothing else of the type func in it. A program may also give its router a function without it. */
static __always_inline uint64_t code_of_echo(const struct up_profile_slot* profile,
                                             uint64_t context, uint64_t bias) {
  uint64_t func, code;
  if (!read_field(profile, UP_FIELD_ECHO_CONTEXT_HANDLER, context, &func)) return 0;
  code = code_of_func(func, bias);
  if (!code || code != profile->echo_wrapper) return code;
  return read_word(func + GO_WORD, &func) ? code_of_func(func, bias) : 0;
}

/* The function by which a router serves the request. Routers that lend a context tell when it has
 * been served: what is deeper in the stack, a ServeMux that the handler has called, knew better. */
static __always_inline void find_route_handler(const struct hit* hit, const struct pt_regs* regs,
                                               uint64_t cookie,
                                               struct up_in_flight_request* request) {
  const struct up_profile_slot* profile = hit->profile;
  uint64_t bias = bias_at_place(profile, regs, cookie);
  uint64_t router = cookie >> UP_COOKIE_ROUTER_SHIFT & UP_COOKIE_ROUTER_MASK;
  uint32_t depth = depth_of(hit->key.goroutine, GO_FRAME_POINTER(regs));
  uint64_t code = 0;
  if (router == UP_ROUTER_GORILLA)
    code = code_of_handler_in(profile, UP_FIELD_GORILLA_ROUTE_HANDLER,
                              GO_CALL_WORD_1(profile, regs), bias);
  else if (depth < request->handler_depth)
    return;
  else if (router == UP_ROUTER_GIN)
    code = code_of_gin(profile, GO_CALL_WORD_2(profile, regs), bias);
  else if (router == UP_ROUTER_ECHO)
    code = code_of_echo(profile, GO_CALL_WORD_2(profile, regs), bias);
  if (!code) return;
  request->handler_function = code;
  request->handler_depth = depth;
  request->flags &= ~UP_FLAG_SERVER_HANDLER;
}

static __always_inline void on_server_route(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_SERVER_ROUTE)) return;
  struct up_in_flight_request* request = find_serving(&hit.key);
  /* It began before the attach, or is served on a goroutine of its own (http.TimeoutHandler). */
  if (!request) return;
  struct route_found found = {};
  find_route(&hit, regs, cookie, request->request, &found);
  if (!found.route.length && !found.route.flags) return;
  if ((hit.profile->flags & UP_SLOT_HANDLERS) && !request->suppressed)
    find_route_handler(&hit, regs, cookie, request);
  __builtin_memcpy(found.route.span_id, request->span_id, UP_SPAN_ID_SIZE);
  found.route.slot = hit.slot;
  /* Of routers inside of other ones, which tell in either order, the inner has the longer template:
   * the outer's is the prefix where it is mounted. */
  const struct up_route* before = bpf_map_lookup_elem(&server_routes, &hit.key);
  if (before && *(const uint64_t*)before->span_id == *(const uint64_t*)found.route.span_id &&
      before->length > found.route.length)
    return;
  if (bpf_map_update_elem(&server_routes, &hit.key, &found.route, BPF_ANY))
    count(hit.counters, UP_COUNTER_ROUTE_MAP_FULL);
}

#endif /* UPROBED_BPF_SERVER_ROUTE_H_ */
