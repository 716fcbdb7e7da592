/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_GRPC_PEER_H_
#define UPROBED_BPF_GRPC_PEER_H_

/* The other end of the connection that a request of google.golang.org/grpc was made on. */
#include "bpf/record_text.h"

/* String is the second of the two methods of net.Addr. */
#define GO_ITAB_ADDR_STRING (GO_ITAB_FIRST_METHOD + 8)

/* src/net/tcpsock.go, TCPAddr{IP []byte; Port int; Zone string}, part of the API of the package. */
struct go_tcp_address {
  uint64_t ip;
  uint64_t ip_length;
  uint64_t ip_capacity;
  uint64_t port;
  struct go_string zone;
};

#define IPV4_SIZE 4
#define IPV6_SIZE 16

static __always_inline void read_zone(const struct go_string* zone, struct up_http_record* event,
                                      struct up_tcp_address* to) {
  uint64_t length = zone->length;
  if (!length) return;
  if (length > UP_ZONE_MAX) {
    length = UP_ZONE_MAX;
    event->truncated |= 1 << UP_STRING_PEER;
  }
  /* As in copy_string. */
  asm volatile("" : "+r"(length));
  if (length > UP_ZONE_MAX || bpf_probe_read_user(to->zone, length, (const void*)zone->data))
    return;
  to->zone_length = length;
}

/* Copies the net.Addr at `address` where it is a *net.TCPAddr, whose String has its code at
 * `string_method`; any other leaves the event without a peer. */
static __noinline int read_tcp_peer(uint64_t address, uint64_t string_method,
                                    struct up_http_record* event) {
  struct scratch* scratch = scratch_of(event);
  uint64_t at = scratch->size;
  struct go_tcp_address from;
  uint64_t interface[2], method;
  asm volatile("" : "+r"(at));
  if (at > SCRATCH_TEXT_LAST) return false;
  struct up_tcp_address* to = (struct up_tcp_address*)((char*)event + at);
  if (bpf_probe_read_user(interface, sizeof(interface), (const void*)address) || !interface[0] ||
      !read_word(interface[0] + GO_ITAB_ADDR_STRING, &method) || method != string_method ||
      bpf_probe_read_user(&from, sizeof(from), (const void*)interface[1]))
    return false;
  if (from.ip_length == IPV4_SIZE) {
    if (bpf_probe_read_user(to->ip, IPV4_SIZE, (const void*)from.ip)) return false;
  } else if (from.ip_length != IPV6_SIZE ||
             bpf_probe_read_user(to->ip, IPV6_SIZE, (const void*)from.ip)) {
    return false;
  }
  to->ip_size = from.ip_length;
  to->port = from.port;
  to->zone_length = 0;
  read_zone(&from.zone, event, to);
  set_string(event, UP_STRING_PEER, at, sizeof(*to));
  scratch->size = at + sizeof(*to);
  event->flags |= UP_FLAG_PEER_ADDRESS;
  return true;
}

/* Of the transport that writes the status of a request which began at `site`: one of Serve has the
 * address, one of ServeHTTP the *http.Request, whose peer is a text. */
static __always_inline void read_grpc_server_peer(const struct up_profile_slot* profile,
                                                  uint64_t cookie, uint64_t transport,
                                                  uint64_t site, struct up_http_record* event) {
  uint64_t request;
  enum up_field field = has_field(profile, UP_FIELD_GRPC_SERVER_PEER_ADDR)
                            ? UP_FIELD_GRPC_SERVER_PEER_ADDR
                            : UP_FIELD_GRPC_SERVER_REMOTE_ADDR;
  if (cookie & UP_COOKIE_GRPC_HANDLER) {
    if (read_field(profile, UP_FIELD_GRPC_HANDLER_TRANSPORT_REQ, transport, &request) && request)
      copy_string_field(profile, UP_FIELD_REQUEST_REMOTE_ADDR, request, event, UP_STRING_PEER,
                        UP_PEER_MAX);
  } else if (has_field(profile, field) && profile->grpc_tcp_address[UP_GRPC_SERVER]) {
    read_tcp_peer(field_address(profile, field, transport),
                  site + profile->grpc_tcp_address[UP_GRPC_SERVER], event);
  }
}

/* Of the attempt that a request which began at `site` has ended with. No type but http2Client is a
 * ClientTransport (internal/transport). */
static __always_inline void read_grpc_client_peer(const struct up_profile_slot* profile,
                                                  uint64_t attempt, uint64_t site,
                                                  struct up_http_record* event) {
  uint64_t transport;
  enum up_field field = has_field(profile, UP_FIELD_GRPC_ATTEMPT_TRANSPORT)
                            ? UP_FIELD_GRPC_ATTEMPT_TRANSPORT
                            : UP_FIELD_GRPC_ATTEMPT_T;
  if (has_field(profile, field) && has_field(profile, UP_FIELD_GRPC_CLIENT_REMOTE_ADDR) &&
      profile->grpc_tcp_address[UP_GRPC_CLIENT] &&
      read_word(field_address(profile, field, attempt) + GO_INTERFACE_DATA, &transport) &&
      transport)
    read_tcp_peer(field_address(profile, UP_FIELD_GRPC_CLIENT_REMOTE_ADDR, transport),
                  site + profile->grpc_tcp_address[UP_GRPC_CLIENT], event);
}

#endif /* UPROBED_BPF_GRPC_PEER_H_ */
