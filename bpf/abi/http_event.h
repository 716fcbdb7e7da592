/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_HTTP_EVENT_H_
#define UPROBED_BPF_ABI_HTTP_EVENT_H_

#include "bpf/abi/types.h"

/* Kernel to user: one finished request. Written into the ring buffer when the request ends. */

#define UP_METHOD_MAX 16
#define UP_SCHEME_MAX 8
#define UP_HOST_MAX 128
#define UP_TARGET_MAX 256
#define UP_QUERY_MAX 128
#define UP_ROUTE_MAX 128
#define UP_PEER_MAX 56
#define UP_TRACE_ID_SIZE 16
#define UP_SPAN_ID_SIZE 8

/* up_http_event.kind */
#define UP_EVENT_HTTP_SERVER 1
#define UP_EVENT_HTTP_CLIENT 2
/* status is gRPC's; target is the full method; host, of clients only, the authority. */
#define UP_EVENT_GRPC_SERVER 3
#define UP_EVENT_GRPC_CLIENT 4

/* Index into up_http_event.lengths, and bit number in up_http_event.truncated and .unread. */
#define UP_STRING_METHOD 0
#define UP_STRING_SCHEME 1 /* client only: URL.Scheme */
#define UP_STRING_HOST 2   /* server: Request.Host; client: URL.Host */
#define UP_STRING_TARGET 3 /* server: Request.RequestURI; client: URL.Path */
#define UP_STRING_QUERY 4  /* client only, and only where the probe captures queries */
#define UP_STRING_ROUTE 5  /* server: Request.Pattern; client: what an errors.errorString says */
#define UP_STRING_PEER 6   /* server: Request.RemoteAddr, "ip:port"; gRPC: UP_FLAG_PEER_ADDRESS */
#define UP_STRING_COUNT 7

/* up_http_event.flags */
#define UP_FLAG_TLS 0x1           /* server: Request.TLS is set */
#define UP_FLAG_ERROR 0x2         /* the request ended with a Go error instead of a response */
#define UP_FLAG_REMOTE_PARENT 0x4 /* parent_span_id and trace_id came from a traceparent header */
#define UP_FLAG_LOCAL_PARENT 0x8  /* client: parent is the server span of the same goroutine */
#define UP_FLAG_READ_FAULT 0x10   /* at least one field could not be read: see .unread */
/* server: how a request ended whose response net/http did not finish */
#define UP_FLAG_UNFINISHED 0x20 /* in any of these ways, or in one that is not known */
#define UP_FLAG_PANIC 0x40      /* the handler panicked */
#define UP_FLAG_ABORTED 0x80    /* with UP_FLAG_PANIC: by http.ErrAbortHandler */
#define UP_FLAG_HIJACKED 0x100  /* the handler took the connection over */
#define UP_FLAG_GOEXIT 0x200    /* the handler ended its goroutine */
/* server */
#define UP_FLAG_WRITE_ERROR 0x400 /* the response could not be written to the client */
#define UP_FLAG_REFUSED 0x800     /* net/http answered by itself what it took for no request */
/* client: parent is the server span whose context.Context the request's own was derived from */
#define UP_FLAG_CONTEXT_PARENT 0x1000
/* server: parent is the client span that was made on the other end of the same connection */
#define UP_FLAG_CONNECTION_PARENT 0x2000
/* client: parent is the server span for which the goroutine was started, or which what it received
 * from a channel belongs to */
#define UP_FLAG_GOROUTINE_PARENT 0x4000
#define UP_FLAG_CHANNEL_PARENT 0x8000
/* client: the error is of a pointer type */
#define UP_FLAG_ERROR_POINTER 0x10000
/* client: the body of the response was read to its end; it was closed before that */
#define UP_FLAG_BODY_READ 0x20000
#define UP_FLAG_BODY_CLOSED 0x40000
/* server: the route is the template of a router, not Request.Pattern */
#define UP_FLAG_ROUTER_ROUTE 0x80000
/* gRPC: the peer is a struct up_tcp_address */
#define UP_FLAG_PEER_ADDRESS 0x100000

/* A net.TCPAddr. */
#define UP_ZONE_MAX 36
struct up_tcp_address {
  uint8_t ip[16];
  uint16_t port;
  uint8_t ip_size;     /* bytes in use: 4 or 16 */
  uint8_t zone_length; /* bytes in use */
  char zone[UP_ZONE_MAX];
};
UP_ABI_ASSERT(sizeof(struct up_tcp_address) == UP_PEER_MAX);
/* server: behind the record is a struct up_trace_state */
#define UP_FLAG_TRACE_STATE 0x200000
/* server: the function is that of http.Server.Handler, which may have called another */
#define UP_FLAG_SERVER_HANDLER 0x400000
/* server: nobody streamed spans, so neither host nor peer was read, which nothing else tells */
#define UP_FLAG_UNSTREAMED 0x800000

/* up_http_event.handler_function: ServeMux serves these itself (src/net/http/server.go) */
#define UP_HANDLER_NOT_FOUND 1 /* net/http.NotFound */
#define UP_HANDLER_REDIRECT 2  /* net/http.(*redirectHandler).ServeHTTP */

/* What stands in the ring buffer: this, with UP_FLAG_TRACE_STATE a struct up_trace_state, and the
 * text. Strings have their true lengths, so that what is written is what there is to say. */
struct up_http_record {
  uint32_t kind;
  uint32_t slot;         /* which binary: index of up_profile_slot */
  uint64_t start_ns;     /* CLOCK_MONOTONIC */
  uint64_t end_ns;       /* CLOCK_MONOTONIC */
  uint64_t goroutine;    /* address of runtime.g */
  int64_t request_size;  /* bytes of the body as declared, -1 when unknown (chunked) */
  int64_t response_size; /* server: bytes written; client: Content-Length, -1 when unknown */
  uint32_t tgid;         /* process id in the daemon's pid namespace */
  uint32_t tid;
  uint32_t status; /* 0 when there was no response */
  uint16_t protocol_major;
  uint16_t protocol_minor;
  uint32_t flags;
  uint8_t truncated; /* bit n: string n was longer than may be; lengths[n] bytes are here */
  uint8_t unread;    /* bit n: string n was there but its memory could not be read */
  uint8_t trace_flags;
  uint8_t http2; /* server: 1 + UP_HTTP2_* of the implementation that served it; 0: HTTP/1 */
  uint16_t lengths[UP_STRING_COUNT + 1]; /* of each string, never above UP_*_MAX */
  uint16_t begins[UP_STRING_COUNT + 1];  /* where each that has a length is, from the record on */
  uint8_t trace_id[UP_TRACE_ID_SIZE];
  uint8_t span_id[UP_SPAN_ID_SIZE];
  uint8_t parent_span_id[UP_SPAN_ID_SIZE]; /* all zero: no parent */
  /* client, with UP_FLAG_ERROR: the Error method of the innermost error, its address as linked, and
   * the first word of its value; 0 where the error is not known */
  union {
    uint64_t error_method;
    /* server: the code of the function that serves, its address as linked, or UP_HANDLER_*; 0
     * where it is not known */
    uint64_t handler_function;
  };
  uint64_t error_value;
  /* CLOCK_MONOTONIC, 0 where it is not known. Server: the response's header is written; client,
   * with UP_FLAG_BODY_*: it has been read. */
  uint64_t first_byte_ns;
};
UP_ABI_OFFSET(struct up_http_record, start_ns, 8);
UP_ABI_OFFSET(struct up_http_record, request_size, 32);
UP_ABI_OFFSET(struct up_http_record, tgid, 48);
UP_ABI_OFFSET(struct up_http_record, flags, 64);
UP_ABI_OFFSET(struct up_http_record, lengths, 72);
UP_ABI_OFFSET(struct up_http_record, begins, 88);
UP_ABI_OFFSET(struct up_http_record, trace_id, 104);
UP_ABI_OFFSET(struct up_http_record, error_method, 136);
UP_ABI_ASSERT(sizeof(struct up_http_record) == 160);

/* All strings of one record, with the space between a method and its target. */
#define UP_TEXT_MAX 728
UP_ABI_ASSERT(UP_METHOD_MAX + 1 + UP_SCHEME_MAX + UP_HOST_MAX + UP_TARGET_MAX + UP_QUERY_MAX +
                  UP_ROUTE_MAX + UP_PEER_MAX <=
              UP_TEXT_MAX);

/* A record with its strings in places of their own, as the daemon works with it
 * (server/span/decode.h). */
struct up_http_event {
  uint32_t kind;
  uint32_t slot;         /* which binary: index of up_profile_slot */
  uint64_t start_ns;     /* CLOCK_MONOTONIC */
  uint64_t end_ns;       /* CLOCK_MONOTONIC */
  uint64_t goroutine;    /* address of runtime.g */
  int64_t request_size;  /* bytes of the body as declared, -1 when unknown (chunked) */
  int64_t response_size; /* server: bytes written; client: Content-Length, -1 when unknown */
  uint32_t tgid;         /* process id in the daemon's pid namespace */
  uint32_t tid;
  uint32_t status; /* 0 when there was no response */
  uint16_t protocol_major;
  uint16_t protocol_minor;
  uint32_t flags;
  uint8_t truncated; /* as in struct up_http_record */
  uint8_t unread;    /* bit n: string n was there but its memory could not be read */
  uint8_t trace_flags;
  uint8_t http2; /* server: 1 + UP_HTTP2_* of the implementation that served it; 0: HTTP/1 */
  uint16_t lengths[UP_STRING_COUNT + 1]; /* bytes in use of each string, never above its array */
  uint8_t trace_id[UP_TRACE_ID_SIZE];
  uint8_t span_id[UP_SPAN_ID_SIZE];
  uint8_t parent_span_id[UP_SPAN_ID_SIZE]; /* all zero: no parent */
  char method[UP_METHOD_MAX];
  char scheme[UP_SCHEME_MAX];
  char host[UP_HOST_MAX];
  char target[UP_TARGET_MAX];
  char query[UP_QUERY_MAX];
  char route[UP_ROUTE_MAX];
  char peer[UP_PEER_MAX];
  /* client, with UP_FLAG_ERROR: the Error method of the innermost error, its address as linked, and
   * the first word of its value; 0 where the error is not known */
  union {
    uint64_t error_method;
    /* server: the code of the function that serves, its address as linked, or UP_HANDLER_*; 0
     * where it is not known */
    uint64_t handler_function;
  };
  uint64_t error_value;
  /* CLOCK_MONOTONIC, 0 where it is not known. Server: the response's header is written; client,
   * with UP_FLAG_BODY_*: it has been read. */
  uint64_t first_byte_ns;
};
UP_ABI_OFFSET(struct up_http_event, start_ns, 8);
UP_ABI_OFFSET(struct up_http_event, request_size, 32);
UP_ABI_OFFSET(struct up_http_event, tgid, 48);
UP_ABI_OFFSET(struct up_http_event, flags, 64);
UP_ABI_OFFSET(struct up_http_event, lengths, 72);
UP_ABI_OFFSET(struct up_http_event, trace_id, 88);
UP_ABI_OFFSET(struct up_http_event, method, 120);
UP_ABI_OFFSET(struct up_http_event, peer, 784);
UP_ABI_OFFSET(struct up_http_event, error_method, 840);
UP_ABI_ASSERT(sizeof(struct up_http_event) == 864);

/* The tracestate that stood beside the traceparent of a request. So much everybody should hand on
 * (W3C Trace Context, 3.3.1.5). */
#define UP_TRACE_STATE_MAX 512
/* up_trace_state.truncated */
#define UP_TRACE_STATE_CUT 1     /* the text ends anywhere */
#define UP_TRACE_STATE_MISSING 2 /* it, or further header lines, are not here */

struct up_trace_state {
  uint32_t slot;
  uint16_t length;   /* bytes in use of the text */
  uint8_t truncated; /* UP_TRACE_STATE_*, or 0 */
  uint8_t reserved;
  uint8_t span_id[UP_SPAN_ID_SIZE]; /* of the request */
  char text[UP_TRACE_STATE_MAX];
};
UP_ABI_OFFSET(struct up_trace_state, text, 16);
UP_ABI_ASSERT(sizeof(struct up_trace_state) == 528);

#endif /* UPROBED_BPF_ABI_HTTP_EVENT_H_ */
