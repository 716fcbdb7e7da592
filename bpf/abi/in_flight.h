/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_IN_FLIGHT_H_
#define UPROBED_BPF_ABI_IN_FLIGHT_H_

#include "bpf/abi/http_event.h"
#include "bpf/abi/types.h"

/* State of requests that have begun and not ended. The daemon reads keys and slots only, to remove
 * what a detached binary or a dead process left behind. */

#define UP_IN_FLIGHT_MAX 65536
#define UP_RING_BYTES_DEFAULT (16 * 1024 * 1024)
#define UP_WAKEUP_BYTES_DEFAULT (128 * 1024)

/* A goroutine serves at most one HTTP/1 request and is in at most one RoundTrip at a time. */
struct up_in_flight_key {
  uint64_t goroutine; /* address of runtime.g */
  uint32_t tgid;
  uint32_t reserved;
};
UP_ABI_ASSERT(sizeof(struct up_in_flight_key) == 16);

struct up_in_flight_request {
  uint64_t start_ns;
  uint64_t request; /* address of http.Request */
  union {
    uint64_t response;   /* server: address of net/http.response */
    uint64_t connection; /* client: its key in the map of connections; 0 where it is not there */
  };
  uint64_t context; /* server: its key in the map of contexts; 0 where it is not there */
  uint32_t slot;
  uint32_t flags; /* UP_FLAG_*_PARENT */
  uint8_t trace_id[UP_TRACE_ID_SIZE];
  uint8_t span_id[UP_SPAN_ID_SIZE];
  uint8_t parent_span_id[UP_SPAN_ID_SIZE];
  uint8_t trace_flags;
  uint8_t reserved[7];
};
UP_ABI_OFFSET(struct up_in_flight_request, slot, 32);
UP_ABI_OFFSET(struct up_in_flight_request, trace_id, 40);
UP_ABI_ASSERT(sizeof(struct up_in_flight_request) == 80);

/* The context.Context of a request being served leads to it, as long as it is being served. */
struct up_context_key {
  uint64_t context; /* data word of the interface */
  uint32_t tgid;
  uint32_t reserved;
};
UP_ABI_ASSERT(sizeof(struct up_context_key) == 16);

struct up_context_owner {
  uint64_t itab;      /* first word of the interface */
  uint64_t goroutine; /* that serves: with the process, the key of the request */
  uint32_t slot;
  uint32_t reserved;
};
UP_ABI_OFFSET(struct up_context_owner, slot, 16);
UP_ABI_ASSERT(sizeof(struct up_context_owner) == 24);

/* What both ends of a TCP connection know of it. */
#define UP_ADDRESS_WORDS 4
struct up_connection {
  /* In network byte order; of IPv4 as IPv6 maps them (RFC 4291, 2.5.5.2). */
  uint32_t client_address[UP_ADDRESS_WORDS];
  uint32_t server_address[UP_ADDRESS_WORDS];
  uint16_t client_port;
  uint16_t server_port;
  uint32_t network_namespace; /* inode; 0 unless the address is one that every namespace has */
};
UP_ABI_OFFSET(struct up_connection, client_port, 32);
UP_ABI_ASSERT(sizeof(struct up_connection) == 40);

/* A request that is being made and the connection that it will be written to, as long as nobody has
 * been seen to serve it. */
struct up_outgoing_request {
  struct up_connection connection;
  struct up_in_flight_key client;
  uint8_t span_id[UP_SPAN_ID_SIZE]; /* of the client's request */
  uint32_t written; /* TCP's sequence number behind what was written before the request */
  uint32_t slot;
};
UP_ABI_OFFSET(struct up_outgoing_request, client, 40);
UP_ABI_OFFSET(struct up_outgoing_request, slot, 68);
UP_ABI_ASSERT(sizeof(struct up_outgoing_request) == 72);

#endif /* UPROBED_BPF_ABI_IN_FLIGHT_H_ */
