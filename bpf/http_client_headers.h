/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_HTTP_CLIENT_HEADERS_H_
#define UPROBED_BPF_HTTP_CLIENT_HEADERS_H_

/* The header traceparent of requests of HTTP/1, written into the buffer of their connection.
 *
 * (*Request).write (src/net/http/request.go) runs on a goroutine of the connection, which alone
 * touches the buffer. It has written the request line, Host and User-Agent there and is about to
 * call (*transferWriter).writeHeader. What is put behind them is a header line like any other. */
#include "bpf/go_read.h"
#include "bpf/trace_injection.h"

/* In canonical form, as net/http writes those that programs set. */
#define TRACEPARENT_NAME "Traceparent: "
#define TRACEPARENT_NAME_LENGTH (sizeof(TRACEPARENT_NAME) - 1)
#define TRACEPARENT_LINE_LENGTH (TRACEPARENT_NAME_LENGTH + TRACEPARENT_LENGTH + 2)

/* Larger buffers (http.Transport.WriteBufferSize) are no longer likely to be such. */
#define MAX_WRITE_BUFFER (16 * 1024 * 1024)

struct go_slice {
  uint64_t data;
  uint64_t length;
  uint64_t capacity;
};

/* A bufio.Writer (src/bufio/bufio.go): what is written lies in buf[:n]. */
struct go_writer {
  struct go_slice buffer;
  uint64_t used;
};

/* False unless what is at `address` is a bufio.Writer that can be written to. */
static __always_inline bool read_buffer(const struct up_profile_slot* profile, uint64_t address,
                                        struct go_writer* writer) {
  uint64_t error;
  if (!read_field(profile, UP_FIELD_BUFIO_WRITER_ERR, address, &error) || error ||
      !has_field(profile, UP_FIELD_BUFIO_WRITER_BUF) ||
      bpf_probe_read_user(
          &writer->buffer, sizeof(writer->buffer),
          (const void*)field_address(profile, UP_FIELD_BUFIO_WRITER_BUF, address)) ||
      !read_field(profile, UP_FIELD_BUFIO_WRITER_N, address, &writer->used))
    return false;
  return writer->buffer.length <= MAX_WRITE_BUFFER &&
         writer->buffer.length <= writer->buffer.capacity && writer->used <= writer->buffer.length;
}

/* The same, and a line has ended in it. It is empty where the line was too long for it and went
 * straight to the connection. */
static __always_inline bool read_writer(const struct up_profile_slot* profile, uint64_t address,
                                        struct go_writer* writer) {
  char last;
  if (!read_buffer(profile, address, writer)) return false;
  return !writer->used ||
         (bpf_probe_read_user(&last, sizeof(last),
                              (const void*)(writer->buffer.data + writer->used - 1)) == 0 &&
          last == '\n');
}

static __always_inline void write_line(char* to, const struct up_outgoing_headers* from) {
  __builtin_memcpy(to, TRACEPARENT_NAME, TRACEPARENT_NAME_LENGTH);
  write_traceparent(to + TRACEPARENT_NAME_LENGTH, from);
  to[TRACEPARENT_LINE_LENGTH - 2] = '\r';
  to[TRACEPARENT_LINE_LENGTH - 1] = '\n';
}

static __always_inline void on_client_headers(struct pt_regs* regs) {
  struct hit hit;
  struct up_outgoing_headers outgoing;
  struct go_writer writer;
  char line[TRACEPARENT_LINE_LENGTH];
  if (!begin_hit(&hit, regs, bpf_get_attach_cookie(regs), UP_COUNTER_HITS_CLIENT_HEADERS)) return;
  uint64_t address = GO_CALL_WORD_2(hit.profile, regs);
  if (!take_headers(&hit, address, &outgoing) || !lacks_traceparent(&hit, &outgoing)) return;
  if (!read_writer(hit.profile, address, &writer)) {
    count(hit.counters, UP_COUNTER_NOT_INJECTED_FAULT);
    return;
  }
  if (writer.buffer.length - writer.used < TRACEPARENT_LINE_LENGTH) {
    count(hit.counters, UP_COUNTER_NOT_INJECTED_NO_ROOM);
    return;
  }
  write_line(line, &outgoing);
  /* Behind what is in use nothing is read. So the line comes first: should the second write fail,
   * the request is as it was. */
  uint64_t used = writer.used + TRACEPARENT_LINE_LENGTH;
  if (bpf_probe_write_user((void*)(writer.buffer.data + writer.used), line, sizeof(line)) ||
      bpf_probe_write_user((void*)field_address(hit.profile, UP_FIELD_BUFIO_WRITER_N, address),
                           &used, sizeof(used)))
    count(hit.counters, UP_COUNTER_NOT_INJECTED_FAULT);
  else
    count(hit.counters, UP_COUNTER_INJECTED);
}

#endif /* UPROBED_BPF_HTTP_CLIENT_HEADERS_H_ */
