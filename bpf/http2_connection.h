/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_HTTP2_CONNECTION_H_
#define UPROBED_BPF_HTTP2_CONNECTION_H_

/* The same as bpf/connection.h for HTTP/2, where a connection has many requests at a time: each is
 * a stream of it, whose number both ends know and no other request of that connection ever has (RFC
 * 9113, 5.1.1).
 *
 * The number is chosen on a goroutine that ClientConn.roundTrip starts for the request, and which
 * has nothing but that to be known by (Go >= 1.17, src/net/http/h2_bundle.go): so the request is
 * noted where roundTrip begins, and its stream where its headers are about to be written. */
#include "bpf/connection.h"
#include "bpf/outgoing_headers.h"
#include "bpf/process.h"

/* Fields of the group of an implementation, from UP_FIELD_HTTP2_BUNDLED_STATE_STREAM on. */
#define HTTP2_STATE_STREAM 0
#define HTTP2_STREAM_CONN 1
#define HTTP2_STREAM_ID 2
#define HTTP2_SERVER_CONN 3
#define HTTP2_CLIENT_STREAM_CONN 4
#define HTTP2_CLIENT_STREAM_ID 5
#define HTTP2_CLIENT_CONN 6
#define HTTP2_CLIENT_TLS_STATE 7

static __always_inline uint32_t http2_connection_field(uint32_t implementation, uint32_t field) {
  return UP_FIELD_HTTP2_BUNDLED_STATE_STREAM + implementation * UP_HTTP2_CONNECTION_FIELDS + field;
}

static __always_inline bool read_http2_connection_field(const struct up_profile_slot* profile,
                                                        uint32_t implementation, uint32_t field,
                                                        uint64_t base, uint64_t* value) {
  uint32_t index = http2_connection_field(implementation, field);
  if (index >= UP_FIELD_COUNT) return false;
  return read_field(profile, index, base, value);
}

/* Whether a net.Conn is at `address` + the offset of `field`, and the file descriptor of it.
 * Without TLS it may also be one that begins with it: of h2c, the connection that was taken over
 * from HTTP/1, with what had been read of it (golang.org/x/net/http2/h2c). */
static __always_inline bool read_http2_descriptor(const struct up_profile_slot* profile,
                                                  uint32_t implementation, uint32_t field,
                                                  uint64_t address, bool tls,
                                                  uint32_t* descriptor) {
  uint32_t index = http2_connection_field(implementation, field);
  if (index >= UP_FIELD_COUNT || !has_field(profile, index)) return false;
  uint64_t connection = field_address(profile, index, address);
  return read_descriptor(profile, connection, tls, descriptor) ||
         (!tls && read_descriptor(profile, connection, true, descriptor));
}

/* The connection and the stream that a request came on; its response is a responseWriter. */
static __noinline int read_served_stream(const struct up_profile_slot* profile,
                                         uint32_t implementation,
                                         const struct up_in_flight_request* request,
                                         struct served* served) {
  uint64_t state, stream, connection, id, tls;
  if (!stitched_slots || !connections_are_noted) return false;
  uint32_t rws = UP_FIELD_HTTP2_BUNDLED_RWS + implementation * UP_HTTP2_FIELDS;
  if (rws >= UP_FIELD_COUNT || !read_field(profile, rws, request->response, &state) ||
      !read_http2_connection_field(profile, implementation, HTTP2_STATE_STREAM, state, &stream) ||
      !read_http2_connection_field(profile, implementation, HTTP2_STREAM_CONN, stream,
                                   &connection) ||
      !read_http2_connection_field(profile, implementation, HTTP2_STREAM_ID, stream, &id) ||
      !read_field(profile, UP_FIELD_REQUEST_TLS, request->request, &tls))
    return false;
  served->stream = id;
  return read_http2_descriptor(profile, implementation, HTTP2_SERVER_CONN, connection, tls,
                               &served->descriptor);
}

static __always_inline void inherit_by_stream(const struct up_profile_slot* profile,
                                              uint32_t implementation,
                                              struct up_in_flight_request* request) {
  struct served served = {};
  if (read_served_stream(profile, implementation, request, &served))
    inherit_by_connection(&served, request);
}

static __always_inline uint32_t http2_implementation(uint64_t cookie) {
  return cookie >> UP_COOKIE_HTTP2_SHIFT & UP_COOKIE_HTTP2_MASK;
}

/* The request of the goroutine is about to be made on a connection. */
static __always_inline void on_http2_client_attempt(struct pt_regs* regs) {
  struct hit hit;
  if (!begin_hit(&hit, regs, bpf_get_attach_cookie(regs), UP_COUNTER_HITS_HTTP2_CLIENT_ATTEMPT))
    return;
  struct up_in_flight_request* request = bpf_map_lookup_elem(&client_requests, &hit.key);
  if (!request) return;
  struct up_address_key key = {.address = request->attempt, .tgid = hit.key.tgid};
  struct up_http2_attempt attempt = {.client = hit.key, .slot = hit.slot};
  __builtin_memcpy(attempt.span_id, request->span_id, UP_SPAN_ID_SIZE);
  if (key.address) bpf_map_delete_elem(&http2_attempts, &key);
  forget_connection(request, *(const uint64_t*)attempt.span_id);
  forget_headers(&hit, request, *(const uint64_t*)attempt.span_id);
  request->connection = 0;
  request->writer = 0;
  request->attempt = key.address = GO_PROLOGUE_WORD_1(hit.profile, regs);
  /* There is room, see the map. Should it fail, what is served for this request stays a root. */
  bpf_map_update_elem(&http2_attempts, &key, &attempt, BPF_ANY);
}

static __noinline int read_client_stream(const struct up_profile_slot* profile,
                                         uint32_t implementation, uint64_t stream,
                                         struct tcp_end* end) {
  uint64_t connection, tls;
  uint32_t descriptor;
  return read_http2_connection_field(profile, implementation, HTTP2_CLIENT_STREAM_CONN, stream,
                                     &connection) &&
         read_http2_connection_field(profile, implementation, HTTP2_CLIENT_TLS_STATE, connection,
                                     &tls) &&
         read_http2_descriptor(profile, implementation, HTTP2_CLIENT_CONN, connection, tls,
                               &descriptor) &&
         read_tcp_end(descriptor, true, end);
}

static __always_inline bool is_still(const struct up_in_flight_request* request, uint64_t span_id) {
  return request && *(const uint64_t*)request->span_id == span_id;
}

/* Notes on the goroutine that writes it what the request is known by, and in the request what it is
 * noted under. The request may end meanwhile on its own goroutine: each end looks whether the other
 * was there before it (bpf/in_flight.h). */
static __always_inline void note_stream(const struct hit* hit, uint64_t cookie, uint64_t stream,
                                        const struct up_http2_attempt* attempt) {
  const struct up_profile_slot* profile = hit->profile;
  uint64_t span_id = *(const uint64_t*)attempt->span_id, connection = 0, id;
  struct up_address_key writer = {.address = hit->key.goroutine, .tgid = hit->key.tgid};
  struct tcp_end end = {};
  struct up_in_flight_request* request = bpf_map_lookup_elem(&client_requests, &attempt->client);
  if (!is_still(request, span_id) ||
      !read_http2_connection_field(profile, http2_implementation(cookie), HTTP2_CLIENT_STREAM_ID,
                                   stream, &id))
    return;
  if (profile->flags & UP_SLOT_INJECTED) {
    request->writer = writer.address;
    note_headers(hit, writer.address, id, request);
  }
  if ((profile->flags & UP_SLOT_STITCHED) &&
      read_client_stream(profile, http2_implementation(cookie), stream, &end)) {
    end.connection.stream = id;
    request->connection = connection = connection_key(&end.connection);
    note_connection(&end, connection, &attempt->client, request);
  }
  request = bpf_map_lookup_elem(&client_requests, &attempt->client);
  if (is_still(request, span_id)) return;
  bpf_map_delete_elem(&outgoing_headers, &writer);
  if (connection) bpf_map_delete_elem(&outgoing_connections, &connection);
}

/* The number of the stream is known, and nothing of the request is written. */
static __always_inline void on_http2_client_stream(struct pt_regs* regs) {
  struct hit hit;
  uint64_t cookie = bpf_get_attach_cookie(regs);
  if (!begin_hit(&hit, regs, cookie, UP_COUNTER_HITS_HTTP2_CLIENT_STREAM)) return;
  struct up_address_key key = {.address = GO_PROLOGUE_WORD_1(hit.profile, regs),
                               .tgid = hit.key.tgid};
  const struct up_http2_attempt* found = bpf_map_lookup_elem(&http2_attempts, &key);
  if (!found) return;
  struct up_http2_attempt attempt = *found;
  /* Whoever takes it out of the map goes on: here, or the request's own end. */
  if (bpf_map_delete_elem(&http2_attempts, &key)) return;
  note_stream(&hit, cookie, GO_PROLOGUE_WORD_0(hit.profile, regs), &attempt);
}

#endif /* UPROBED_BPF_HTTP2_CONNECTION_H_ */
