/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_SERVER_HANDLER_H_
#define UPROBED_BPF_SERVER_HANDLER_H_

/* Which function of the program serves a request: the code that is behind an http.Handler, told by
 * its address, for that is what every binary has a name for. What the server itself was given is
 * known where the request begins; each ServeMux or router that it leads to knows better. */
#include "bpf/go_read.h"
#include "bpf/in_flight.h"

/* The upper bound of the stack in runtime.g, which begins with its bounds (src/runtime/runtime2.go,
 * stack). */
#define GO_G_STACK_HIGH 8

/* How far the binary was loaded from where it was linked, told by a site that tells handlers. */
static __always_inline uint64_t bias_at_place(const struct up_profile_slot* profile,
                                              const struct pt_regs* regs, uint64_t cookie) {
  uint64_t place = cookie >> UP_COOKIE_PLACE_SHIFT & UP_COOKIE_PLACE_MASK;
  uint64_t offset = cookie >> UP_COOKIE_FUNCTION_OFFSET_SHIFT & UP_COOKIE_FUNCTION_OFFSET_MASK;
  if (place >= UP_PLACE_COUNT) return 0;
  return GO_SITE(regs) - profile->places[place] - offset;
}

/* The code of a func value, as linked: its first word (src/runtime/runtime2.go, funcval). 0 where
 * it cannot be read. */
static __always_inline uint64_t code_of_func(uint64_t func, uint64_t bias) {
  uint64_t code;
  return func && read_word(func, &code) ? code - bias : 0;
}

/* The code that an http.Handler calls, as linked: its ServeHTTP, but of an http.HandlerFunc the
 * function. 0 where it is not known. */
static __always_inline uint64_t code_of_handler(const struct up_profile_slot* profile,
                                                uint64_t itab, uint64_t data, uint64_t bias) {
  uint64_t method;
  if (!itab || !read_word(itab + GO_ITAB_FIRST_METHOD, &method)) return 0;
  method -= bias;
  return method == profile->handler_func ? code_of_func(data, bias) : method;
}

/* The same of the handler in a field. */
static __always_inline uint64_t code_of_handler_in(const struct up_profile_slot* profile,
                                                   enum up_field field, uint64_t base,
                                                   uint64_t bias) {
  uint64_t handler[2];
  if (!has_field(profile, field) ||
      bpf_probe_read_user(handler, sizeof(handler),
                          (const void*)field_address(profile, field, base)))
    return 0;
  return code_of_handler(profile, handler[0], handler[1], bias);
}

/* What an http.Server was given. A server without a handler has http.DefaultServeMux, which tells
 * itself whom it calls. */
static __noinline uint64_t code_of_server(uint32_t slot, uint64_t server, uint64_t bias) {
  const struct up_profile_slot* profile = bpf_map_lookup_elem(&profile_slots, &slot);
  if (!profile || !server) return 0;
  return code_of_handler_in(profile, UP_FIELD_SERVER_HANDLER, server, bias);
}

static __always_inline void begin_with_server(const struct hit* hit, const struct pt_regs* regs,
                                              uint64_t cookie, uint64_t server,
                                              struct up_in_flight_request* request) {
  if (!(hit->profile->flags & UP_SLOT_HANDLERS) || request->suppressed) return;
  request->handler_function =
      code_of_server(hit->slot, server, bias_at_place(hit->profile, regs, cookie));
  request->flags |= UP_FLAG_SERVER_HANDLER;
}

/* The same of a handler that is called itself: that of a server, or what a connection of HTTP/2 is
 * served with by itself (golang.org/x/net/http2, ServeConnOpts). */
static __always_inline void begin_with_handler(const struct hit* hit, const struct pt_regs* regs,
                                               uint64_t cookie, const uint64_t handler[2],
                                               struct up_in_flight_request* request) {
  if (!(hit->profile->flags & UP_SLOT_HANDLERS) || request->suppressed) return;
  uint64_t bias = bias_at_place(hit->profile, regs, cookie);
  uint64_t code = code_of_handler(hit->profile, handler[0], handler[1], bias);
  if (code && code == hit->profile->own_handler) code = code_of_server(hit->slot, handler[1], bias);
  request->handler_function = code;
  request->flags |= UP_FLAG_SERVER_HANDLER;
}

/* Up to Go 1.21 ServeMux is asked for handlers by others, too. Whether this is for its ServeHTTP,
 * whose frame it then is: frame pointers chain the frames (src/cmd/compile/abi-internal.md). */
static __always_inline bool is_for_serve(const struct up_profile_slot* profile, uint64_t cookie,
                                         uint64_t bias, uint64_t* frame) {
  uint64_t link[2]; /* the caller's frame pointer, the return address */
  if ((cookie & UP_COOKIE_HANDLER_ON_STACK) && !read_word(*frame, frame)) return false;
  if (bpf_probe_read_user(link, sizeof(link), (const void*)*frame)) return false;
  *frame = link[0];
  return link[1] - bias == profile->mux_return;
}

/* How deep in its stack, which may move, a goroutine has a frame. */
static __always_inline uint32_t depth_of(uint64_t goroutine, uint64_t frame) {
  uint64_t high;
  return read_word(goroutine + GO_G_STACK_HIGH, &high) ? high - frame : 0;
}

static __always_inline uint64_t code_of_found(const struct up_profile_slot* profile,
                                              const struct pt_regs* regs, uint64_t cookie,
                                              uint64_t bias) {
  uint64_t word = cookie >> UP_COOKIE_HANDLER_WORD_SHIFT & UP_COOKIE_HANDLER_WORD_MASK;
  uint64_t handler[2];
  if (cookie & UP_COOKIE_HANDLER_REDIRECTS) return UP_HANDLER_REDIRECT;
  if (!(cookie & UP_COOKIE_HANDLER_ON_STACK))
    return code_of_handler(profile, GO_CALL_WORD_0(profile, regs), GO_CALL_WORD_1(profile, regs),
                           bias);
  if (bpf_probe_read_user(handler, sizeof(handler),
                          (const void*)(GO_STACK_POINTER(regs) + word * GO_WORD)))
    return 0;
  /* The jump is that of `if h == nil`. */
  if (!handler[0]) return UP_HANDLER_NOT_FOUND;
  return code_of_handler(profile, handler[0], handler[1], bias);
}

/* Of one ServeMux in another the inner comes later. */
static __always_inline void on_server_handler(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_SERVER_HANDLER)) return;
  struct up_in_flight_request* request = find_serving(&hit.key);
  /* It began before the attach, or is served on a goroutine of its own (http.TimeoutHandler); or it
   * becomes no span. */
  if (!request || request->suppressed) return;
  uint64_t bias = bias_at_place(hit.profile, regs, cookie);
  uint64_t frame = GO_FRAME_POINTER(regs);
  if ((cookie & (UP_COOKIE_HANDLER_ON_STACK | UP_COOKIE_HANDLER_REDIRECTS)) &&
      !is_for_serve(hit.profile, cookie, bias, &frame))
    return;
  request->handler_function = code_of_found(hit.profile, regs, cookie, bias);
  request->handler_depth = depth_of(hit.key.goroutine, frame);
  request->flags &= ~UP_FLAG_SERVER_HANDLER;
}

#endif /* UPROBED_BPF_SERVER_HANDLER_H_ */
