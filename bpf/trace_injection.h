/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_TRACE_INJECTION_H_
#define UPROBED_BPF_TRACE_INJECTION_H_

/* What programs that give requests the header traceparent have in common. They are loaded only
 * where a probe asks for it (server/probe/injection_object.h). */
#include "bpf/header_keys.h"
#include "bpf/process.h"
#include "bpf/trace_context.h"

/* The flags that a traceparent of version 00 may have (W3C Trace Context, level 2). */
#define TRACE_FLAG_RANDOM 2

/* Lower case, and without a branch, which the verifier would follow twice. */
static __always_inline char digit_of(uint32_t value) {
  return value + '0' + ((9 - value) >> 31) * ('a' - '9' - 1);
}

static __always_inline void write_hex(char* to, const uint8_t* from, int count) {
  _Pragma("unroll") for (int i = 0; i < count; i++) {
    to[2 * i] = digit_of(from[i] >> 4);
    to[2 * i + 1] = digit_of(from[i] & 0xf);
  }
}

/* Writes TRACEPARENT_LENGTH bytes: the ids of the client's request, of which what is served for it
 * becomes the child. */
static __always_inline void write_traceparent(char* to, const struct up_outgoing_headers* from) {
  uint8_t flags = from->trace_flags & (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
  to[0] = '0';
  to[1] = '0';
  to[2] = '-';
  write_hex(to + TRACEPARENT_TRACE_ID, from->trace_id, UP_TRACE_ID_SIZE);
  to[TRACEPARENT_PARENT_ID - 1] = '-';
  write_hex(to + TRACEPARENT_PARENT_ID, from->span_id, UP_SPAN_ID_SIZE);
  to[TRACEPARENT_FLAGS - 1] = '-';
  write_hex(to + TRACEPARENT_FLAGS, &flags, 1);
}

/* Takes what is noted under `writer` of the headers that are about to be written; false where that
 * is nothing. Who has taken it is the only one: it is not noted again before the transport has
 * begun another attempt. */
static __always_inline bool find_headers(const struct hit* hit, uint64_t writer,
                                         struct up_outgoing_headers* taken) {
  struct up_address_key key = {.address = writer, .tgid = hit->key.tgid};
  const struct up_outgoing_headers* outgoing = bpf_map_lookup_elem(&outgoing_headers, &key);
  if (outgoing) *taken = *outgoing;
  /* Where the request has ended meanwhile, what was copied may be another's. */
  return outgoing && bpf_map_delete_elem(&outgoing_headers, &key) == 0;
}

/* The same; counted where there is nothing. */
static __always_inline bool take_headers(const struct hit* hit, uint64_t writer,
                                         struct up_outgoing_headers* taken) {
  if (find_headers(hit, writer, taken)) return true;
  count(hit->counters, UP_COUNTER_NOT_INJECTED_NO_REQUEST);
  return false;
}

/* Whether the program has set no traceparent of its own; counted where it has, or may have. */
static __always_inline bool lacks_traceparent(const struct hit* hit,
                                              const struct up_outgoing_headers* outgoing) {
  enum header_search found = search_traceparent(hit->profile, outgoing->header);
  if (found == HEADER_ABSENT) return true;
  count(hit->counters, found == HEADER_PRESENT ? UP_COUNTER_NOT_INJECTED_OWN_HEADER
                                               : UP_COUNTER_NOT_INJECTED_HEADERS);
  return false;
}

#endif /* UPROBED_BPF_TRACE_INJECTION_H_ */
