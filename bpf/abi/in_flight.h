/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_IN_FLIGHT_H_
#define UPROBED_BPF_ABI_IN_FLIGHT_H_

#include "bpf/abi/http_event.h"
#include "bpf/abi/types.h"

/* State of requests that have begun and not ended. The daemon reads keys and slots only, to remove
 * what a detached binary or a dead process left behind. */

#define UP_IN_FLIGHT_MAX 65536
/* Requests being served with a tracestate that is known. */
#define UP_TRACE_STATES_MAX 8192
#define UP_RING_BYTES_DEFAULT (4 * 1024 * 1024)

/* A goroutine serves at most one request and is in at most one RoundTrip at a time. */
struct up_in_flight_key {
  uint64_t goroutine; /* address of runtime.g; of gRPC's clients, that of the clientStream */
  uint32_t tgid;
  uint32_t reserved;
};
UP_ABI_ASSERT(sizeof(struct up_in_flight_key) == 16);

struct up_in_flight_request {
  uint64_t start_ns;
  uint64_t request; /* address of http.Request; gRPC: of the stream */
  union {
    uint64_t response;   /* server: address of net/http.response; gRPC: of the site it began at */
    uint64_t connection; /* client: its key in the map of connections; 0 where it is not there */
  };
  union {
    uint64_t context; /* server: its key in the map of contexts; 0 where it is not there */
    uint64_t attempt; /* client: its key in the map of attempts of HTTP/2; 0: never there */
  };
  uint32_t slot;
  uint32_t flags; /* UP_FLAG_*_PARENT, UP_FLAG_ERROR_POINTER */
  uint8_t trace_id[UP_TRACE_ID_SIZE];
  uint8_t span_id[UP_SPAN_ID_SIZE];
  uint8_t parent_span_id[UP_SPAN_ID_SIZE];
  uint8_t trace_flags;
  uint8_t suppressed;     /* the counter of why it becomes no span; 0: it may */
  uint8_t client;         /* client: UP_CLIENT_* */
  uint8_t kept;           /* server: UP_KEPT_* */
  uint32_t handler_depth; /* server: of the frame that has called the handler, in the stack */
  union {
    /* client: the error that the last exchange ended in, as in struct up_http_event; 0: none */
    uint64_t error_method;
    uint64_t first_byte_ns; /* server: as in struct up_http_event */
  };
  union {
    uint64_t error_value;
    uint64_t trace_state; /* server, as it begins: address of the []string of tracestate, or 0 */
  };
  union {
    uint64_t error_data; /* client: the data word of its interface */
    /* server, unless UP_KEPT_NO: what leads to it in the map of contexts, instead of .context,
     * whose parent it is; 0 where nothing does */
    uint64_t connection_context;
  };
  union {
    uint64_t writer; /* client: its key in the map of headers to be written; 0: not there */
    uint64_t handler_function; /* server: as in struct up_http_event */
  };
};
UP_ABI_OFFSET(struct up_in_flight_request, slot, 32);
UP_ABI_OFFSET(struct up_in_flight_request, trace_id, 40);
UP_ABI_ASSERT(sizeof(struct up_in_flight_request) == 112);

/* up_in_flight_request.kept: of HTTP/1 the same goroutine serves the next request of the
 * connection, so the entry waits for that, which costs less than to delete it and insert another.
 */
#define UP_KEPT_NO 0
#define UP_KEPT_SERVING 1 /* waited for the request that is being served */
#define UP_KEPT_IDLE 2    /* no request is being served */
/* So many connections at most, and no others: the rest of the map is for requests. */
#define UP_KEPT_MAX (UP_IN_FLIGHT_MAX / 2)

/* The template by which a router has found the handler of a request being served. Key: that of the
 * request. */
struct up_route {
  uint8_t span_id[UP_SPAN_ID_SIZE]; /* of the request */
  uint32_t slot;
  uint16_t length; /* bytes in use of the text */
  uint8_t flags;   /* UP_ROUTE_* */
  uint8_t reserved;
  char text[UP_ROUTE_MAX];
};
UP_ABI_OFFSET(struct up_route, text, 16);
UP_ABI_ASSERT(sizeof(struct up_route) == 144);

#define UP_ROUTE_TRUNCATED 0x1 /* the template is longer */
#define UP_ROUTE_UNREAD 0x2    /* it could not be read */

/* The context.Context of a request being served leads to it, as long as it is being served; of
 * HTTP/1 from the second request of a connection on, that of the connection. Entries lie in
 * buckets, two of which are where a context can be. */
#define UP_CONTEXT_BUCKET_BITS 15
#define UP_CONTEXT_WAYS 4
#define UP_CONTEXT_BUCKETS (1 << UP_CONTEXT_BUCKET_BITS)
struct up_context {
  uint64_t context; /* data word of the interface; 0: the entry is free */
  uint32_t tgid;
  uint16_t slot;
  uint16_t is_connection;
  uint64_t itab;      /* first word of the interface */
  uint64_t goroutine; /* that serves: with the process, the key of the request */
};
UP_ABI_OFFSET(struct up_context, itab, 16);
UP_ABI_ASSERT(sizeof(struct up_context) == 32);
struct up_context_bucket {
  struct up_context entries[UP_CONTEXT_WAYS];
};

/* What both ends of a TCP connection know of it. */
#define UP_ADDRESS_WORDS 4
struct up_connection {
  /* In network byte order; of IPv4 as IPv6 maps them (RFC 4291, 2.5.5.2). */
  uint32_t client_address[UP_ADDRESS_WORDS];
  uint32_t server_address[UP_ADDRESS_WORDS];
  uint16_t client_port;
  uint16_t server_port;
  uint32_t network_namespace; /* inode; 0 unless the address is one that every namespace has */
  uint32_t stream;            /* that the request is in a connection of HTTP/2; 0 of HTTP/1 */
};
UP_ABI_OFFSET(struct up_connection, client_port, 32);
UP_ABI_ASSERT(sizeof(struct up_connection) == 44);

/* A request that is being made and the connection that it will be written to, as long as nobody has
 * been seen to serve it. */
struct up_outgoing_request {
  struct up_connection connection;
  uint32_t reserved;
  struct up_in_flight_key client;
  uint8_t span_id[UP_SPAN_ID_SIZE]; /* of the client's request */
  uint32_t written; /* TCP's sequence number behind what was written before the request */
  uint32_t slot;
};
UP_ABI_OFFSET(struct up_outgoing_request, client, 48);
UP_ABI_OFFSET(struct up_outgoing_request, slot, 76);
UP_ABI_ASSERT(sizeof(struct up_outgoing_request) == 80);

/* A request that a client of HTTP/2 is about to make, until its stream is known. Key: the address
 * of the request in that implementation. */
struct up_http2_attempt {
  struct up_in_flight_key client;
  uint8_t span_id[UP_SPAN_ID_SIZE]; /* of the client's request */
  uint32_t slot;
  uint32_t reserved;
};
UP_ABI_ASSERT(sizeof(struct up_http2_attempt) == 32);

/* A request that is being made and is to be given the header traceparent, as long as nobody has
 * been seen to write its headers. Key: the address of what they will be written to. */
struct up_outgoing_headers {
  uint64_t header; /* net/http.Header: the address of the map */
  uint32_t slot;
  uint32_t stream; /* of HTTP/2; 0 of HTTP/1 */
  uint8_t trace_flags;
  uint8_t reserved[7];
  uint8_t trace_id[UP_TRACE_ID_SIZE];
  uint8_t span_id[UP_SPAN_ID_SIZE]; /* of the client's request */
};
UP_ABI_OFFSET(struct up_outgoing_headers, slot, 8);
UP_ABI_OFFSET(struct up_outgoing_headers, trace_id, 24);
UP_ABI_ASSERT(sizeof(struct up_outgoing_headers) == 48);
/* The request that a goroutine works for without serving it, or that what was sent, or a function
 * that a timer will start, belongs to. */

#define UP_HANDOFFS_MAX 65536
/* So long after the request handed work over, and as long as it is being served. Work that waited
 * longer stays without a parent: what would show that a worker is done with it, and now works for
 * itself, may never come. */
#define UP_HANDOFF_NS 30000000000ULL

/* up_origin.state */
#define UP_ORIGIN_NONE 0 /* what was received last belongs to no request */
#define UP_ORIGIN_KNOWN 1
#define UP_ORIGIN_AMBIGUOUS 2 /* what was received belongs to several */

/* up_origin.source */
#define UP_ORIGIN_GOROUTINE 1 /* the goroutine was started for the request */
#define UP_ORIGIN_CHANNEL 2   /* the goroutine has received what belongs to the request */

struct up_origin {
  uint64_t since_ns;  /* CLOCK_MONOTONIC: handed over by the goroutine that serves */
  uint64_t goroutine; /* that serves: with the process, the key of the request */
  uint64_t place;     /* of a goroutine: the channel where it takes its work; 0 where it has none */
  uint32_t slot;
  uint8_t state;
  uint8_t source;
  uint8_t trace_flags;
  uint8_t reserved;
  uint8_t trace_id[UP_TRACE_ID_SIZE];
  uint8_t span_id[UP_SPAN_ID_SIZE];
};
UP_ABI_OFFSET(struct up_origin, slot, 24);
UP_ABI_OFFSET(struct up_origin, trace_id, 32);
UP_ABI_ASSERT(sizeof(struct up_origin) == 56);

/* An address in the memory of a process: of a place in a channel's buffer, of a function value. */
struct up_address_key {
  uint64_t address;
  uint32_t tgid;
  uint32_t reserved;
};
UP_ABI_ASSERT(sizeof(struct up_address_key) == 16);

/* A function value that timers will start. */
struct up_timer_function {
  struct up_origin origin;
  uint64_t registrant; /* the goroutine that began the last of the timers */
  uint64_t pending;    /* timers */
};
UP_ABI_ASSERT(sizeof(struct up_timer_function) == 72);

/* A client's request whose response has a body that is not consumed yet. */
#define UP_CLIENT_BODIES_MAX 16384
struct up_client_body {
  uint64_t load_bias;  /* how far the binary was loaded from where it was linked */
  uint32_t suppressed; /* as of the request */
  uint32_t size;       /* of the record */
  struct up_http_record record;
  char text[UP_TEXT_MAX];
};
UP_ABI_OFFSET(struct up_client_body, text, 176);
UP_ABI_ASSERT(sizeof(struct up_client_body) == 904);

/* What a select statement receives, until it is known which channels it could have received from.
 */
struct up_select_receive {
  struct up_origin origin;
  uint64_t channel; /* 0: that whose buffer `element` lies in */
  uint64_t element;
};
UP_ABI_ASSERT(sizeof(struct up_select_receive) == 72);

#endif /* UPROBED_BPF_ABI_IN_FLIGHT_H_ */
