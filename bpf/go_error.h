/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GO_ERROR_H_
#define UPROBED_BPF_GO_ERROR_H_

/* What a Go error is: the innermost of those that wrap each other, named by its Error method:
 * unlike the names of types, those of functions are in every binary. */
#include "bpf/go_read.h"
#include "bpf/process.h"
#include "bpf/record_text.h"
#include "bpf/site_word.h"

#define MAX_WRAPPED_ERRORS 6

/* src/internal/abi/type.go, Type (src/runtime/type.go before Go 1.21). */
#define GO_TYPE_KIND 23
#define GO_KIND_MASK 0x1f
#define GO_KIND_POINTER 22

/* Which client a site is of: UP_CLIENT_*. */
static __always_inline uint32_t client_of(uint64_t cookie) {
  return cookie >> UP_COOKIE_CLIENT_SHIFT & UP_COOKIE_CLIENT_MASK;
}

/* How far the binary was loaded from where it was linked, told by the site that was hit. */
static __always_inline uint64_t load_bias(const struct up_profile_slot* profile,
                                          const struct pt_regs* regs, uint64_t cookie) {
  uint64_t offset = cookie >> UP_COOKIE_FUNCTION_OFFSET_SHIFT & UP_COOKIE_FUNCTION_OFFSET_MASK;
  return GO_SITE(regs) - profile->client_function[client_of(cookie)] - offset;
}

/* Steps into the error that `error` wraps; false where it wraps none that is known. */
static __always_inline bool unwrap_error(const struct up_profile_slot* profile, uint64_t method,
                                         struct go_error* error) {
  for (int i = 0; i < UP_ERROR_WRAPPERS; i++) {
    struct go_error inner;
    if (!method || profile->error_wrappers[i] != method) continue;
    if (bpf_probe_read_user(&inner, sizeof(inner),
                            (const void*)(error->data + profile->wrapped_errors[i])) ||
        !inner.itab)
      return false;
    *error = inner;
    return true;
  }
  return false;
}

/* Remembers in the request what the error is; nothing where its memory is not there. */
static __noinline int describe_error(const struct up_profile_slot* profile, struct go_error* error,
                                     uint64_t bias, struct up_in_flight_request* request) {
  uint64_t method = 0, type = 0;
  uint8_t kind;
  request->error_method = 0;
  request->flags &= ~UP_FLAG_ERROR_POINTER;
  for (int i = 0; i < MAX_WRAPPED_ERRORS; i++) {
    if (bpf_probe_read_user(&method, sizeof(method),
                            (const void*)(error->itab + GO_ITAB_FIRST_METHOD)))
      return false;
    method -= bias;
    if (!unwrap_error(profile, method, error)) break;
  }
  if (bpf_probe_read_user(&type, sizeof(type), (const void*)(error->itab + GO_ITAB_TYPE)) ||
      bpf_probe_read_user(&kind, sizeof(kind), (const void*)(type + GO_TYPE_KIND)))
    return false;
  request->error_method = method;
  request->error_data = error->data;
  /* Of a type of no size there may be no word. */
  bpf_probe_read_user(&request->error_value, sizeof(request->error_value),
                      (const void*)error->data);
  if ((kind & GO_KIND_MASK) == GO_KIND_POINTER) request->flags |= UP_FLAG_ERROR_POINTER;
  return true;
}

/* io.EOF, an *errors.errorString, which is the end of a stream without an error. What it says is in
 * the file, whose page may not be in memory: then its length has to do. */
static __always_inline bool is_end_of_file(const struct go_error* error) {
  struct go_string text;
  char eof[3];
  if (bpf_probe_read_user(&text, sizeof(text), (const void*)error->data) ||
      text.length != sizeof(eof))
    return false;
  return bpf_probe_read_user(eof, sizeof(eof), (const void*)text.data) ||
         (eof[0] == 'E' && eof[1] == 'O' && eof[2] == 'F');
}

/* What is known of the error that a request ends in, beyond the life of the request. */
struct ended_in {
  uint64_t method;
  uint64_t value;
  uint64_t data;
  uint32_t flags;
};

static __always_inline void set_error(const struct ended_in* ended, struct up_http_record* event) {
  event->flags |= UP_FLAG_ERROR | (ended->flags & UP_FLAG_ERROR_POINTER);
  event->error_method = ended->method;
  event->error_value = ended->value;
}

static __always_inline bool has_error_text(const struct up_profile_slot* profile,
                                           const struct ended_in* ended) {
  return ended->method && ended->method == profile->error_string_method;
}

static __always_inline void report_error(const struct up_profile_slot* profile,
                                         const struct ended_in* ended,
                                         struct up_http_record* event) {
  set_error(ended, event);
  if (has_error_text(profile, ended))
    copy_string_at(event, UP_STRING_ROUTE, UP_ROUTE_MAX, ended->data);
}

#endif /* UPROBED_BPF_GO_ERROR_H_ */
