/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_OUTGOING_HEADERS_H_
#define UPROBED_BPF_OUTGOING_HEADERS_H_

#include "bpf/go_read.h"
#include "bpf/process.h"

/* Notes that the headers of a request, which are about to be written, are to be given the request's
 * ids: under `writer`, by which who writes them is known. `stream` is that of HTTP/2, or 0. */
static __always_inline void note_headers(const struct hit* hit, uint64_t writer, uint32_t stream,
                                         const struct up_in_flight_request* request) {
  struct up_address_key key = {.address = writer, .tgid = hit->key.tgid};
  struct up_outgoing_headers outgoing = {
      .slot = hit->slot, .stream = stream, .trace_flags = request->trace_flags};
  if (!read_field(hit->profile, UP_FIELD_REQUEST_HEADER, request->request, &outgoing.header))
    return;
  __builtin_memcpy(outgoing.trace_id, request->trace_id, UP_TRACE_ID_SIZE);
  __builtin_memcpy(outgoing.span_id, request->span_id, UP_SPAN_ID_SIZE);
  /* There is room, see the map. Should it fail, the request is written as it is. */
  bpf_map_update_elem(&outgoing_headers, &key, &outgoing, BPF_ANY);
}

#endif /* UPROBED_BPF_OUTGOING_HEADERS_H_ */
