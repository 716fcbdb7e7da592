/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_CLIENT_BODY_H_
#define UPROBED_BPF_CLIENT_BODY_H_

/* The end of a client's request where that is the end of the response's body, which any goroutine
 * may read and close. Until then its record waits in a map: what it is made from may be gone.
 *
 * HTTP/1 (src/net/http/transport.go): a *bodyEOFSignal, whose fn is called once, where reading
 * ends, with io.EOF or another error. Each has a fn of its own, by which it is known. Where that is
 * an error fn asks (*persistConn).canceled for a cause, which is what the program gets instead.
 * HTTP/2 (src/net/http/h2_bundle.go): a transportResponseBody, known by its *clientStream. Where
 * the program reads the end, the pipe calls copyTrailers, of which it has a method value. */
#include "bpf/go_error.h"
#include "bpf/go_read.h"
#include "bpf/record.h"

/* The receiver behind the code in a method value. */
#define GO_METHOD_VALUE_RECEIVER 8

/* Whether `fn` is that of a *bodyEOFSignal, by its code. What Go keeps of types is not read for it:
 * nobody may have needed it yet, and a page that is not in memory cannot be read here. */
static __always_inline bool is_body_fn(const struct up_profile_slot* profile, uint64_t fn,
                                       uint64_t bias) {
  uint64_t code;
  return fn && read_word(fn, &code) && code == profile->body_read + bias;
}

/* By which the body is known where it is one of HTTP/1, decompressed or not; 0: it is none. */
static __always_inline uint64_t http1_body_of(const struct up_profile_slot* profile,
                                              uint64_t address, uint64_t bias) {
  uint64_t fn;
  if (!profile->body_read) return 0;
  if (read_field(profile, UP_FIELD_BODY_EOF_SIGNAL_FN, address, &fn) &&
      is_body_fn(profile, fn, bias))
    return fn;
  return read_field(profile, UP_FIELD_GZIP_READER_BODY, address, &address) &&
                 read_field(profile, UP_FIELD_BODY_EOF_SIGNAL_FN, address, &fn) &&
                 is_body_fn(profile, fn, bias)
             ? fn
             : 0;
}

/* What the body of a response is known by where it ends; 0 where it has ended, or is of no kind
 * that is known (http.NoBody, the connection of an upgrade). */
static __always_inline uint64_t body_of(const struct hit* hit, uint64_t response, uint64_t bias) {
  const struct up_profile_slot* profile = hit->profile;
  struct go_error body; /* an interface like any other, whose first method is Close */
  uint64_t method;
  int kind = -1;
  if (!has_field(profile, UP_FIELD_CLIENT_RESPONSE_BODY) ||
      bpf_probe_read_user(
          &body, sizeof(body),
          (const void*)field_address(profile, UP_FIELD_CLIENT_RESPONSE_BODY, response)))
    return 0;
  uint64_t fn = http1_body_of(profile, body.data, bias);
  if (fn) return fn;
  if (!read_word(body.itab + GO_ITAB_FIRST_METHOD, &method)) {
    count(hit->counters, UP_COUNTER_FIELD_UNREAD);
    return 0;
  }
  method -= bias;
  for (int i = 0; i < UP_BODY_COUNT; i++) {
    if (method && profile->body_close[i] == method) kind = i;
  }
  if (kind == UP_BODY_HTTP2 + UP_HTTP2_BUNDLED || kind == UP_BODY_HTTP2 + UP_HTTP2_INTERNAL ||
      kind == UP_BODY_HTTP2 + UP_HTTP2_MODULE)
    return body.data;
  enum up_field field = kind == UP_BODY_HTTP2_GZIP + UP_HTTP2_BUNDLED
                            ? UP_FIELD_HTTP2_BUNDLED_GZIP_BODY
                            : UP_FIELD_HTTP2_INTERNAL_GZIP_BODY;
  uint64_t inner;
  return (kind == UP_BODY_HTTP2_GZIP + UP_HTTP2_BUNDLED ||
          kind == UP_BODY_HTTP2_GZIP + UP_HTTP2_INTERNAL) &&
                 read_field(profile, field, body.data + GO_INTERFACE_DATA, &inner)
             ? inner
             : 0;
}

/* What is in the scratch becomes what is kept of the body. */
static __always_inline bool keep_record(struct scratch* scratch, struct up_client_body* body) {
  uint64_t size = scratch->size;
  if (size > sizeof(body->record) + sizeof(body->text)) return false;
  body->size = size;
  __builtin_memcpy(&body->record, &scratch->record, sizeof(body->record) + sizeof(body->text));
  return true;
}

/* Keeps the record of a request whose response has a body until that is consumed. False where there
 * is no room: the request ends with the header. */
static __noinline int keep_for_body(const struct hit* hit, const struct up_address_key* key,
                                    uint64_t bias) {
  struct scratch* scratch = hit->scratch;
  uint32_t zero = 0;
  if (!scratch) return false;
  struct up_client_body* forgotten = bpf_map_lookup_elem(&client_bodies, key);
  if (forgotten) submit_kept(hit, forgotten); /* neither read nor closed, but collected */
  const struct up_client_body* empty = bpf_map_lookup_elem(&empty_client_body, &zero);
  if (!empty || bpf_map_update_elem(&client_bodies, key, empty, BPF_ANY)) {
    count(hit->counters, UP_COUNTER_BODY_MAP_FULL);
    return false;
  }
  struct up_client_body* body = bpf_map_lookup_elem(&client_bodies, key);
  if (!body) return false;
  body->load_bias = bias;
  body->suppressed = hit->is_suppressed;
  scratch->record.first_byte_ns = scratch->record.end_ns;
  if (!keep_record(scratch, body)) {
    bpf_map_delete_elem(&client_bodies, key);
    return false;
  }
  release_scratch(scratch);
  return true;
}

static __always_inline void end_body(const struct hit* hit, const struct up_address_key* key,
                                     struct up_client_body* body, uint32_t flag) {
  body->record.end_ns = bpf_ktime_get_ns();
  body->record.flags |= flag;
  submit_kept(hit, body);
  /* Gone where another goroutine has ended it meanwhile. */
  if (bpf_map_delete_elem(&client_bodies, key)) count(hit->counters, UP_COUNTER_REPEATED_BODY_END);
}

/* Adds an error to what is kept. Its text is made where there is room for strings; that of one that
 * was reported before is the last of them, and is overwritten. */
static __noinline int report_kept(const struct hit* hit, const struct ended_in* ended,
                                  struct up_client_body* body) {
  struct up_http_record* event = &body->record;
  set_error(ended, event);
  if (event->lengths[UP_STRING_ROUTE]) body->size = event->begins[UP_STRING_ROUTE];
  event->lengths[UP_STRING_ROUTE] = 0;
  if (!has_error_text(hit->profile, ended)) return true;
  struct scratch* scratch = take_scratch(0);
  if (!scratch) {
    mark_unread(event, UP_STRING_ROUTE);
    return false;
  }
  __builtin_memcpy(&scratch->record, event, sizeof(*event) + sizeof(body->text));
  scratch->size = body->size;
  copy_string_at(&scratch->record, UP_STRING_ROUTE, UP_ROUTE_MAX, ended->data);
  bool kept = keep_record(scratch, body);
  release_scratch(scratch);
  return kept;
}

/* Writes an error into the record, unless it is the end of the body. */
static __always_inline bool fail_body(const struct hit* hit, struct go_error* error,
                                      struct up_client_body* body) {
  struct up_in_flight_request described = {};
  if (!error->itab) return false;
  describe_error(hit->profile, error, body->load_bias, &described);
  if (described.error_method == hit->profile->error_string_method && is_end_of_file(error))
    return false;
  struct ended_in ended = {.method = described.error_method,
                           .value = described.error_value,
                           .data = described.error_data,
                           .flags = described.flags};
  report_kept(hit, &ended, body);
  return true;
}

/* (*persistConn).canceled has told why the body could not be read, if it knows. */
static __always_inline void on_body_cause(const struct hit* hit, const struct pt_regs* regs) {
  struct go_error error = {.itab = GO_CAUSE_ITAB(hit->profile, regs),
                           .data = GO_CAUSE_DATA(hit->profile, regs)};
  const struct up_address_key* failed = bpf_map_lookup_elem(&failed_bodies, &hit->key);
  if (!failed) return;
  struct up_address_key key = *failed;
  bpf_map_delete_elem(&failed_bodies, &hit->key);
  struct up_client_body* body = bpf_map_lookup_elem(&client_bodies, &key);
  if (!body) return;
  fail_body(hit, &error, body);
  end_body(hit, &key, body, UP_FLAG_BODY_READ);
}

static __always_inline bool read_pipe_error(const struct up_profile_slot* profile, uint64_t cookie,
                                            uint64_t stream, struct go_error* error) {
  uint32_t implementation = cookie >> UP_COOKIE_HTTP2_SHIFT & UP_COOKIE_HTTP2_MASK;
  enum up_field field = implementation == UP_HTTP2_BUNDLED ? UP_FIELD_HTTP2_BUNDLED_PIPE_ERROR
                                                           : UP_FIELD_HTTP2_INTERNAL_PIPE_ERROR;
  return implementation != UP_HTTP2_MODULE && has_field(profile, field) &&
         bpf_probe_read_user(error, sizeof(*error),
                             (const void*)field_address(profile, field, stream)) == 0;
}

/* A body of HTTP/1. Where it is closed, fn may be called behind it, and finds nothing. */
static __always_inline void on_http1_body(const struct hit* hit, const struct pt_regs* regs,
                                          uint64_t cookie) {
  struct up_address_key key = {.tgid = hit->key.tgid};
  bool read = cookie & UP_COOKIE_BODY_READ;
  if (read)
    key.address = GO_CLOSURE(regs);
  else if (!read_field(hit->profile, UP_FIELD_BODY_EOF_SIGNAL_FN,
                       GO_PROLOGUE_WORD_0(hit->profile, regs), &key.address))
    return;
  struct up_client_body* body = bpf_map_lookup_elem(&client_bodies, &key);
  if (!body) return;
  struct go_error error = {.itab = GO_PROLOGUE_WORD_0(hit->profile, regs),
                           .data = GO_PROLOGUE_WORD_1(hit->profile, regs)};
  if (read && fail_body(hit, &error, body) &&
      bpf_map_update_elem(&failed_bodies, &hit->key, &key, BPF_ANY) == 0)
    return; /* to on_body_cause */
  end_body(hit, &key, body, read ? UP_FLAG_BODY_READ : UP_FLAG_BODY_CLOSED);
}

static __always_inline void on_http2_body(const struct hit* hit, const struct pt_regs* regs,
                                          uint64_t cookie) {
  struct up_address_key key = {.tgid = hit->key.tgid};
  bool read = cookie & UP_COOKIE_BODY_READ;
  struct go_error error;
  if (!read)
    key.address = GO_PROLOGUE_WORD_0(hit->profile, regs);
  else if (!read_word(GO_CLOSURE(regs) + GO_METHOD_VALUE_RECEIVER, &key.address))
    return;
  struct up_client_body* body = bpf_map_lookup_elem(&client_bodies, &key);
  if (!body) return;
  if (!read && read_pipe_error(hit->profile, cookie, key.address, &error) &&
      fail_body(hit, &error, body))
    read = true;
  end_body(hit, &key, body, read ? UP_FLAG_BODY_READ : UP_FLAG_BODY_CLOSED);
}

static __always_inline void on_client_body(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_CLIENT_BODY)) return;
  if (cookie & UP_COOKIE_BODY_CAUSE)
    on_body_cause(&hit, regs);
  else if (cookie & UP_COOKIE_BODY_HTTP2)
    on_http2_body(&hit, regs, cookie);
  else
    on_http1_body(&hit, regs, cookie);
}

#endif /* UPROBED_BPF_CLIENT_BODY_H_ */
