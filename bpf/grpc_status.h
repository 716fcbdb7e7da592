/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GRPC_STATUS_H_
#define UPROBED_BPF_GRPC_STATUS_H_

/* The code that a request of google.golang.org/grpc ended with, in a *status.Status or an error. */
#include "bpf/go_error.h"
#include "bpf/in_flight.h"

/* codes/codes.go */
#define GRPC_OK 0
#define GRPC_UNKNOWN 2
#define GRPC_UNAVAILABLE 14

/* src/fmt/errors.go, wrapError: the text, the error. */
#define GO_WRAPPED_ERROR 16

/* internal/status/status.go: Status{s *spb.Status}, and Error{s *Status}, begin with a pointer in
 * 1.42 to 1.85. A Status that is nil, or empty, is OK. False where it cannot be read. */
static __always_inline bool read_grpc_status(const struct up_profile_slot* profile, uint64_t status,
                                             struct up_http_record* event) {
  uint64_t message;
  int32_t code;
  event->status = GRPC_OK;
  if (!status) return true;
  if (bpf_probe_read_user(&message, sizeof(message), (const void*)status)) return false;
  if (!message) return true;
  if (!has_field(profile, UP_FIELD_GRPC_STATUS_CODE) ||
      bpf_probe_read_user(&code, sizeof(code),
                          (const void*)field_address(profile, UP_FIELD_GRPC_STATUS_CODE, message)))
    return false;
  event->status = code;
  return true;
}

/* Whether it is a *status.Error, whose Error has its code at `method`. */
static __always_inline bool is_status_error(const struct go_error* error, uint64_t method) {
  uint64_t first;
  return bpf_probe_read_user(&first, sizeof(first),
                             (const void*)(error->itab + GO_ITAB_FIRST_METHOD)) == 0 &&
         first == method;
}

/* As status.Code says: of an error that is no status, one that fmt.Errorf has wrapped, else
 * Unknown. */
static __always_inline void read_grpc_error(const struct up_profile_slot* profile,
                                            const struct go_error* error, uint64_t method,
                                            struct up_http_record* event) {
  struct go_error wrapped;
  uint64_t status = 0;
  event->status = GRPC_UNKNOWN;
  if (is_status_error(error, method)) {
    status = error->data;
  } else if (bpf_probe_read_user(&wrapped, sizeof(wrapped),
                                 (const void*)(error->data + GO_WRAPPED_ERROR)) == 0 &&
             is_status_error(&wrapped, method)) {
    status = wrapped.data;
  } else {
    return;
  }
  if (bpf_probe_read_user(&status, sizeof(status), (const void*)status) ||
      !read_grpc_status(profile, status, event)) {
    event->status = GRPC_UNKNOWN;
    event->flags |= UP_FLAG_READ_FAULT;
  }
}

#endif /* UPROBED_BPF_GRPC_STATUS_H_ */
