/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_HTTP_SERVER_ENDS_H_
#define UPROBED_BPF_HTTP_SERVER_ENDS_H_

/* HTTP/1 requests that net/http does not finish, and what it takes for no request at all
 * (src/net/http/server.go). */
#include "bpf/branch.h"
#include "bpf/http_server.h"

/* net/http.ErrAbortHandler, a *errors.errorString: "net/http: abort Handler" */
#define ABORT_TEXT_LENGTH 23
#define ABORT_TEXT_HEAD 0x707474682f74656eULL   /* "net/http", little-endian */
#define ABORT_TEXT_MIDDLE 0x2074726f6261203aULL /* ": abort " */

static __always_inline bool is_abort(uint64_t error) {
  struct go_string text;
  uint64_t words[2];
  if (bpf_probe_read_user(&text, sizeof(text), (const void*)error)) return false;
  if (text.length != ABORT_TEXT_LENGTH) return false;
  if (bpf_probe_read_user(words, sizeof(words), (const void*)text.data)) return false;
  return words[0] == ABORT_TEXT_HEAD && words[1] == ABORT_TEXT_MIDDLE;
}

/* The handler returned, and its response was not finished: it has taken the connection over, or
 * runtime.Goexit has ended it. */
static __always_inline uint32_t why_unfinished(const struct up_profile_slot* profile,
                                               uint64_t response) {
  uint64_t conn;
  uint8_t hijacked;
  if (!has_field(profile, UP_FIELD_CONN_HIJACKED) ||
      !read_field(profile, UP_FIELD_SERVER_RESPONSE_CONN, response, &conn) ||
      bpf_probe_read_user(&hijacked, sizeof(hijacked),
                          (const void*)field_address(profile, UP_FIELD_CONN_HIJACKED, conn)))
    return 0;
  return hijacked ? UP_FLAG_HIJACKED : UP_FLAG_GOEXIT;
}

/* What net/http takes for a request and a handler takes the connection over for, as that of
 * golang.org/x/net/http2/h2c does: "PRI * HTTP/2.0", with which HTTP/2 begins. */
static __always_inline bool is_preface(const struct up_profile_slot* profile, uint64_t request) {
  uint64_t major;
  return read_field(profile, UP_FIELD_REQUEST_PROTO_MAJOR, request, &major) &&
         major == PROTO_MAJOR_HTTP2;
}

/* A connection ends. Nearly always no request is under way. */
static __always_inline void on_server_recover(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_SERVER_RECOVER)) return;
  const struct up_in_flight_request* request = bpf_map_lookup_elem(&server_requests, &hit.key);
  if (!request) return;
  if (request->kept == UP_KEPT_IDLE) {
    delete_request(&hit, &server_requests, request);
    return;
  }
  uint64_t address = request->request;
  uint64_t response = request->response;
  if (is_preface(hit.profile, address)) {
    count(hit.counters, UP_COUNTER_OUT_OF_SCOPE);
    count(hit.counters, UP_COUNTER_HTTP2_PREFACE);
    forget_request(&hit, &server_requests, request);
    return;
  }
  struct up_http_record* event = end_request(&hit, &server_requests, request, UP_EVENT_HTTP_SERVER);
  if (!event) return;
  read_server_request(&hit, address, event);
  read_object(hit.profile, UP_OBJECT_SERVER_RESPONSE, response, &hit.scratch->other);
  read_server_response(hit.profile, &hit.scratch->other, event);
  event->flags |= UP_FLAG_UNFINISHED;
  if (takes_the_way(cookie, regs))
    event->flags |= is_abort(GO_RECOVERED_DATA(hit.profile, regs)) ? UP_FLAG_PANIC | UP_FLAG_ABORTED
                                                                   : UP_FLAG_PANIC;
  else
    event->flags |= why_unfinished(hit.profile, response);
  submit(&hit);
}

#define STATUS_LINE_LENGTH 12                /* "HTTP/1.1 400" */
#define STATUS_LINE_HEAD 0x2e312f50545448ULL /* "HTTP/1.", little-endian */
#define STATUS_LINE_HEAD_MASK 0xffffffffffffffULL
#define STATUS_LINE_DIGITS 9

/* The status of an answer that is written as `text`: in it, or the first of the values of "%d". 0
 * where the text is none. */
static __always_inline uint32_t refusal_status(const struct up_profile_slot* profile,
                                               const struct pt_regs* regs) {
  union {
    uint64_t head;
    char text[STATUS_LINE_LENGTH + 4];
  } line;
  uint64_t boxed, status;
  if (bpf_probe_read_user(line.text, STATUS_LINE_LENGTH,
                          (const void*)GO_WRITTEN_TEXT(profile, regs)))
    return 0;
  if ((line.head & STATUS_LINE_HEAD_MASK) != STATUS_LINE_HEAD) return 0;
  const char* digits = line.text + STATUS_LINE_DIGITS;
  if (digits[0] != '%') return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  if (bpf_probe_read_user(&boxed, sizeof(boxed),
                          (const void*)(GO_WRITTEN_VALUES(profile, regs) + GO_INTERFACE_DATA)) ||
      bpf_probe_read_user(&status, sizeof(status), (const void*)boxed))
    return 0;
  return status;
}

static __always_inline void on_server_refused(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_SERVER_REFUSED)) return;
  struct up_in_flight_request request = {};
  request.start_ns = bpf_ktime_get_ns();
  request.flags = UP_FLAG_REFUSED;
  new_ids(&request);
  if (begin_limits(&hit, &request)) limit_start(&hit, &request, UP_EVENT_HTTP_SERVER, 0, 0);
  uint32_t status = refusal_status(hit.profile, regs);
  struct up_http_record* event = make_event(&hit, &request, UP_EVENT_HTTP_SERVER);
  if (!event) return;
  event->status = status;
  submit(&hit);
}

#endif /* UPROBED_BPF_HTTP_SERVER_ENDS_H_ */
