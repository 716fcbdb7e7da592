/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_TRACE_CONTEXT_H_
#define UPROBED_BPF_TRACE_CONTEXT_H_

#include "bpf/vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/abi/in_flight.h"
#include "bpf/ids.h"

/* Trace and span ids: made here, because a client span needs those of the request being served
 * before that request has ended; or taken from a traceparent header (W3C Trace Context). */

/* "00-" 32 hex "-" 16 hex "-" 2 hex */
#define TRACEPARENT_LENGTH 55
#define TRACEPARENT_TRACE_ID 3
#define TRACEPARENT_PARENT_ID 36
#define TRACEPARENT_FLAGS 53
#define TRACE_FLAG_SAMPLED 1

/* Makes the request one that begins a trace. */
static __always_inline void new_ids(struct up_in_flight_request* request) {
  struct ids ids = {};
  draw_ids(&ids);
  __builtin_memcpy(request->trace_id, ids.trace, UP_TRACE_ID_SIZE);
  __builtin_memcpy(request->span_id, &ids.span, UP_SPAN_ID_SIZE);
  request->trace_flags = TRACE_FLAG_SAMPLED;
}

/* The same of one that has a span id, and may have been taken for a part of another trace. */
static __always_inline void new_trace_id(struct up_in_flight_request* request) {
  struct ids ids = {};
  draw_ids(&ids);
  __builtin_memcpy(request->trace_id, ids.trace, UP_TRACE_ID_SIZE);
  request->trace_flags = TRACE_FLAG_SAMPLED;
}

/* The value of a lower-case hexadecimal digit; above 15 for anything else. Without a branch, which
 * the verifier would follow twice. */
static __always_inline uint32_t hex_digit(uint8_t c) {
  int32_t digit = c - '0', letter = c - 'a';
  /* All ones where it lies outside. */
  int32_t no_digit = (digit | (9 - digit)) >> 31, no_letter = (letter | (5 - letter)) >> 31;
  return (digit & ~no_digit) | ((letter + 10) & ~no_letter) | (16 & no_digit & no_letter);
}

/* Decodes `count` bytes; false where a digit is none or all bytes are zero. */
static __always_inline bool decode_hex(const char* from, uint8_t* to, int count) {
  uint32_t bad = 0, any = 0;
  for (int i = 0; i < count; i++) {
    uint32_t high = hex_digit(from[2 * i]), low = hex_digit(from[2 * i + 1]);
    bad |= (high | low) & 16;
    to[i] = high << 4 | low;
    any |= to[i];
  }
  return !bad && any;
}

/* Adopts a traceparent of version 00; leaves the request as it was where the text is none. */
static __always_inline void adopt_traceparent(struct up_in_flight_request* request,
                                              const char* text) {
  uint8_t trace_id[UP_TRACE_ID_SIZE], parent[UP_SPAN_ID_SIZE];
  if (text[0] != '0' || text[1] != '0' || text[2] != '-' ||
      text[TRACEPARENT_PARENT_ID - 1] != '-' || text[TRACEPARENT_FLAGS - 1] != '-')
    return;
  uint32_t high = hex_digit(text[TRACEPARENT_FLAGS]), low = hex_digit(text[TRACEPARENT_FLAGS + 1]);
  if ((high | low) & 16) return;
  if (!decode_hex(text + TRACEPARENT_TRACE_ID, trace_id, UP_TRACE_ID_SIZE) ||
      !decode_hex(text + TRACEPARENT_PARENT_ID, parent, UP_SPAN_ID_SIZE))
    return;
  __builtin_memcpy(request->trace_id, trace_id, UP_TRACE_ID_SIZE);
  __builtin_memcpy(request->parent_span_id, parent, UP_SPAN_ID_SIZE);
  request->trace_flags = high << 4 | low;
  request->flags |= UP_FLAG_REMOTE_PARENT;
}

#endif /* UPROBED_BPF_TRACE_CONTEXT_H_ */
