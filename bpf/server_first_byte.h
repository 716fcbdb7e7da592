/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_SERVER_FIRST_BYTE_H_
#define UPROBED_BPF_SERVER_FIRST_BYTE_H_

/* A server begins to write a response: where (*chunkWriter).writeHeader begins
 * (src/net/http/server.go), or HTTP/2's (*serverConn).writeHeaders (src/net/http/h2_bundle.go).
 * Only on the goroutine that serves: what another writes, as httputil.ReverseProxy's with a
 * FlushInterval, is not known to belong to the request. */
#include "bpf/http2_server.h"

/* writeHeaders is called for informational responses, too, before the status is set. */
static __always_inline bool http2_status_is_set(const struct up_profile_slot* profile,
                                                uint64_t cookie, uint64_t response) {
  uint64_t state, status;
  return read_http2_field(profile, cookie, HTTP2_RWS, response, &state) &&
         read_http2_field(profile, cookie, HTTP2_STATUS, state, &status) && status != 0;
}

static __always_inline void on_server_first_byte(struct pt_regs* regs) {
  struct hit hit;
  uint64_t response;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_SERVER_FIRST_BYTE)) return;
  struct up_in_flight_request* request = find_serving(&hit.key);
  if (!request || request->first_byte_ns || request->suppressed) return;
  if (cookie & UP_COOKIE_FIRST_BYTE_HTTP2) {
    if (!http2_status_is_set(hit.profile, cookie, request->response)) return;
  } else if (!read_field(hit.profile, UP_FIELD_CHUNK_WRITER_RES,
                         GO_PROLOGUE_WORD_0(hit.profile, regs), &response) ||
             response != request->response) {
    return;
  }
  request->first_byte_ns = bpf_ktime_get_ns();
}

#endif /* UPROBED_BPF_SERVER_FIRST_BYTE_H_ */
