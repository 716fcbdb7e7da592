/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_HTTP2_CLIENT_HEADERS_H_
#define UPROBED_BPF_HTTP2_CLIENT_HEADERS_H_

/* The header traceparent of requests of HTTP/2, put behind the others that are in the buffer of
 * their connection.
 *
 * (*ClientConn).writeHeaders (src/net/http/h2_bundle.go) holds the connection's lock for writing
 * and is about to flush the buffer. Where the headers are one frame and that is all there is in it,
 * the frame can be made longer by one more field, which says its length in itself and leaves the
 * table of the connection's compression as it is (RFC 7541, 6.2.2). */
#include "bpf/http_client_headers.h"

/* RFC 9113, 4.1 and 6.2. */
#define FRAME_LENGTH_BYTES 3
#define FRAME_TYPE 3
#define FRAME_FLAGS 4
#define FRAME_STREAM 5
#define FRAME_HEADER_LENGTH 9
#define FRAME_TYPE_HEADERS 1
#define FRAME_END_HEADERS 4
#define FRAME_PADDED 8
#define FRAME_STREAM_MASK 0x7fffffff
/* What every peer takes: SETTINGS_MAX_FRAME_SIZE is at least this. */
#define FRAME_MAX_LENGTH 16384

/* A literal field without indexing, with a new name: neither string is in Huffman's code. */
#define TRACEPARENT_FIELD "\x00\x0btraceparent\x37"
#define TRACEPARENT_FIELD_NAME_LENGTH (sizeof(TRACEPARENT_FIELD) - 1)
#define TRACEPARENT_FIELD_LENGTH (TRACEPARENT_FIELD_NAME_LENGTH + TRACEPARENT_LENGTH)

/* Whether the buffer has one frame and nothing else: all the headers of the stream. */
static __always_inline bool is_one_headers_frame(const uint8_t* frame, uint64_t used,
                                                 uint32_t stream) {
  uint32_t length = (uint32_t)frame[0] << 16 | (uint32_t)frame[1] << 8 | frame[2];
  uint32_t of = (uint32_t)frame[FRAME_STREAM] << 24 | (uint32_t)frame[FRAME_STREAM + 1] << 16 |
                (uint32_t)frame[FRAME_STREAM + 2] << 8 | frame[FRAME_STREAM + 3];
  return frame[FRAME_TYPE] == FRAME_TYPE_HEADERS &&
         (frame[FRAME_FLAGS] & (FRAME_END_HEADERS | FRAME_PADDED)) == FRAME_END_HEADERS &&
         (of & FRAME_STREAM_MASK) == stream && used == FRAME_HEADER_LENGTH + length &&
         length + TRACEPARENT_FIELD_LENGTH <= FRAME_MAX_LENGTH;
}

/* Makes the frame longer. That each place can be written to is tried with what is there already,
 * for half of it done would leave the peer with something else. */
static __always_inline bool lengthen(const struct up_profile_slot* profile, uint64_t address,
                                     const struct go_writer* writer, uint8_t* frame,
                                     const char* field) {
  void* length_at = (void*)writer->buffer.data;
  void* used_at = (void*)field_address(profile, UP_FIELD_BUFIO_WRITER_N, address);
  uint64_t used = writer->used + TRACEPARENT_FIELD_LENGTH;
  if (bpf_probe_write_user((void*)(writer->buffer.data + writer->used), (void*)field,
                           TRACEPARENT_FIELD_LENGTH) ||
      bpf_probe_write_user(used_at, (void*)&writer->used, sizeof(used)) ||
      bpf_probe_write_user(length_at, frame, FRAME_LENGTH_BYTES))
    return false;
  uint32_t length = used - FRAME_HEADER_LENGTH;
  frame[0] = length >> 16;
  frame[1] = length >> 8;
  frame[2] = length;
  return bpf_probe_write_user(length_at, frame, FRAME_LENGTH_BYTES) == 0 &&
         bpf_probe_write_user(used_at, &used, sizeof(used)) == 0;
}

static __always_inline void on_http2_client_headers(struct pt_regs* regs) {
  struct hit hit;
  struct up_outgoing_headers outgoing;
  struct go_writer writer;
  uint8_t frame[FRAME_HEADER_LENGTH];
  char field[TRACEPARENT_FIELD_LENGTH];
  if (!begin_hit(&hit, regs, bpf_get_attach_cookie(regs), UP_COUNTER_HITS_HTTP2_CLIENT_HEADERS))
    return;
  /* Trailers come by here, too, when the headers have been taken. */
  if (!find_headers(&hit, hit.key.goroutine, &outgoing) || !lacks_traceparent(&hit, &outgoing))
    return;
  uint64_t address = GO_CALL_WORD_0(hit.profile, regs);
  if (!read_buffer(hit.profile, address, &writer) ||
      bpf_probe_read_user(frame, sizeof(frame), (const void*)writer.buffer.data)) {
    count(hit.counters, UP_COUNTER_NOT_INJECTED_FAULT);
    return;
  }
  if (!is_one_headers_frame(frame, writer.used, outgoing.stream) ||
      writer.buffer.length - writer.used < TRACEPARENT_FIELD_LENGTH) {
    count(hit.counters, UP_COUNTER_NOT_INJECTED_NO_ROOM);
    return;
  }
  __builtin_memcpy(field, TRACEPARENT_FIELD, TRACEPARENT_FIELD_NAME_LENGTH);
  write_traceparent(field + TRACEPARENT_FIELD_NAME_LENGTH, &outgoing);
  count(hit.counters, lengthen(hit.profile, address, &writer, frame, field)
                          ? UP_COUNTER_INJECTED
                          : UP_COUNTER_NOT_INJECTED_FAULT);
}

#endif /* UPROBED_BPF_HTTP2_CLIENT_HEADERS_H_ */
