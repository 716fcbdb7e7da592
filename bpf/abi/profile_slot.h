/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#ifndef UPROBED_BPF_ABI_PROFILE_SLOT_H_
#define UPROBED_BPF_ABI_PROFILE_SLOT_H_

#include "bpf/abi/site_cookie.h"
#include "bpf/abi/types.h"

/* User to kernel: what the programs must know of one binary. Offsets are bytes from the start of
 * the Go struct; an offset whose bit in .present is clear is not read. */

#define UP_MAX_SLOTS 1024
#define UP_MAX_SCOPED_PROCESSES 4096

/* Index in up_profile_slot.offset and bit number in .present, UP_FIELDS_OF_WORD in each word. */
enum up_field {
  UP_FIELD_REQUEST_METHOD = 0,
  UP_FIELD_REQUEST_URL = 1,
  UP_FIELD_REQUEST_PROTO_MAJOR = 2,
  UP_FIELD_REQUEST_PROTO_MINOR = 3,
  UP_FIELD_REQUEST_HEADER = 4,
  UP_FIELD_REQUEST_CONTENT_LENGTH = 5,
  UP_FIELD_REQUEST_HOST = 6,
  UP_FIELD_REQUEST_REMOTE_ADDR = 7,
  UP_FIELD_REQUEST_REQUEST_URI = 8,
  UP_FIELD_REQUEST_TLS = 9,
  UP_FIELD_REQUEST_PATTERN = 10, /* Go >= 1.23: string */
  UP_FIELD_REQUEST_PAT = 11,     /* Go 1.22: *pattern */
  UP_FIELD_PATTERN_STR = 12,     /* Go >= 1.22: pattern.str */
  UP_FIELD_URL_SCHEME = 13,
  UP_FIELD_URL_HOST = 14,
  UP_FIELD_URL_PATH = 15,
  UP_FIELD_URL_RAW_QUERY = 16,
  UP_FIELD_SERVER_RESPONSE_REQ = 17,
  UP_FIELD_SERVER_RESPONSE_WRITTEN = 18,
  UP_FIELD_SERVER_RESPONSE_STATUS = 19,
  UP_FIELD_CLIENT_RESPONSE_STATUS_CODE = 20,
  UP_FIELD_CLIENT_RESPONSE_PROTO_MAJOR = 21,
  UP_FIELD_CLIENT_RESPONSE_PROTO_MINOR = 22,
  UP_FIELD_CLIENT_RESPONSE_CONTENT_LENGTH = 23,
  UP_FIELD_HMAP_COUNT = 24, /* Go <= 1.23: runtime.hmap */
  UP_FIELD_HMAP_B = 25,
  UP_FIELD_HMAP_BUCKETS = 26,
  UP_FIELD_SWISS_MAP_DIR_PTR = 27, /* Go >= 1.24: internal/runtime/maps.Map */
  UP_FIELD_SWISS_MAP_DIR_LEN = 28,
  UP_FIELD_SWISS_TABLE_GROUPS = 29,      /* maps.table.groups.data */
  UP_FIELD_SWISS_TABLE_LENGTH_MASK = 30, /* maps.table.groups.lengthMask */
  UP_FIELD_SERVER_RESPONSE_CONN = 31,
  UP_FIELD_CONN_HIJACKED = 32,    /* bool */
  UP_FIELD_CONN_WRITE_ERROR = 33, /* error: what writing to the client ended in */
  UP_FIELD_REQUEST_CTX = 34,      /* context.Context */
  /* HTTP/2, one group for each implementation, in the order of UP_HTTP2_*: responseWriter.rws,
   * responseWriterState.status and .wroteBytes. */
  UP_FIELD_HTTP2_BUNDLED_RWS = 35,
  UP_FIELD_HTTP2_BUNDLED_STATUS = 36,
  UP_FIELD_HTTP2_BUNDLED_WROTE_BYTES = 37,
  UP_FIELD_HTTP2_INTERNAL_RWS = 38,
  UP_FIELD_HTTP2_INTERNAL_STATUS = 39,
  UP_FIELD_HTTP2_INTERNAL_WROTE_BYTES = 40,
  UP_FIELD_HTTP2_MODULE_RWS = 41,
  UP_FIELD_HTTP2_MODULE_STATUS = 42,
  UP_FIELD_HTTP2_MODULE_WROTE_BYTES = 43,
  /* From a net.Conn to its file descriptor. */
  UP_FIELD_PERSIST_CONN_CONN = 44,      /* net/http.persistConn, a connection of the client */
  UP_FIELD_PERSIST_CONN_TLS_STATE = 45, /* nil without TLS */
  UP_FIELD_CONN_RWC = 46,               /* net/http.conn, a connection of the server */
  UP_FIELD_POLL_FD_SYSFD = 47,          /* internal/poll.FD */
  UP_FIELD_POLL_FD_PD = 48,             /* the address of the runtime.pollDesc */
  UP_FIELD_G_M = 49,
  UP_FIELD_G_WAITING = 50,
  UP_FIELD_G_SCHED_CTXT = 51,
  UP_FIELD_M_CURG = 52,
  UP_FIELD_TIMER_ARG = 53,      /* any; in Go <= 1.22 runtime.timer is what time.stopTimer gets */
  UP_FIELD_TIME_TIMER_ARG = 54, /* Go >= 1.23: runtime.timeTimer is */
  UP_FIELD_HCHAN_SENDX = 55,    /* recvx is the next word */
  UP_FIELD_HCHAN_LOCK = 56,
  UP_FIELD_SUDOG_C = 57,
  UP_FIELD_SUDOG_WAITLINK = 58,
  UP_FIELD_SCASE_KIND = 59, /* Go 1.15 only, where a case has five words instead of two */
  /* google.golang.org/grpc */
  UP_FIELD_GRPC_STREAM_METHOD = 60,        /* internal/transport.Stream */
  UP_FIELD_GRPC_STREAM_CTX = 61,           /* context.Context */
  UP_FIELD_GRPC_SERVER_STREAM_STREAM = 62, /* since 1.69: of which a ServerStream has one */
  UP_FIELD_GRPC_SERVER_STREAM_METHOD = 63, /* since 1.77: it has it by value, not by pointer */
  UP_FIELD_GRPC_CLIENT_STREAM_CALL_HDR = 64,
  UP_FIELD_GRPC_CLIENT_STREAM_CTX = 65, /* context.Context */
  UP_FIELD_GRPC_CALL_HDR_HOST = 66,
  UP_FIELD_GRPC_CALL_HDR_METHOD = 67,
  UP_FIELD_GRPC_STATUS_CODE = 68, /* of the generated google.rpc.Status */
  /* Responses. */
  UP_FIELD_CHUNK_WRITER_RES = 69,        /* net/http.chunkWriter */
  UP_FIELD_CLIENT_RESPONSE_BODY = 70,    /* io.ReadCloser */
  UP_FIELD_BODY_EOF_SIGNAL_FN = 71,      /* func, nil where the body has ended */
  UP_FIELD_GZIP_READER_BODY = 72,        /* net/http.gzipReader: *bodyEOFSignal */
  UP_FIELD_HTTP2_BUNDLED_GZIP_BODY = 73, /* io.ReadCloser */
  UP_FIELD_HTTP2_INTERNAL_GZIP_BODY = 74,
  UP_FIELD_HTTP2_BUNDLED_PIPE_ERROR = 75, /* clientStream.bufPipe.err: what reading ends in */
  UP_FIELD_HTTP2_INTERNAL_PIPE_ERROR = 76,
  /* net/http/internal/http2.responseWriterState.req, a request by value. */
  UP_FIELD_HTTP2_REQUEST_METHOD = 77,
  UP_FIELD_HTTP2_REQUEST_HOST = 78,
  UP_FIELD_HTTP2_REQUEST_REQUEST_URI = 79,
  UP_FIELD_HTTP2_REQUEST_REMOTE_ADDR = 80,
  UP_FIELD_HTTP2_REQUEST_CONTENT_LENGTH = 81,
  UP_FIELD_HTTP2_REQUEST_TLS = 82,
  /* What routers know of the request that they route. */
  UP_FIELD_GIN_CONTEXT_FULL_PATH = 83,       /* github.com/gin-gonic/gin: string */
  UP_FIELD_CHI_CONTEXT_ROUTE_PATTERNS = 84,  /* github.com/go-chi/chi/v5: []string */
  UP_FIELD_CHI1_CONTEXT_ROUTE_PATTERNS = 85, /* github.com/go-chi/chi, before it was v5 */
  UP_FIELD_ECHO_CONTEXT_PATH = 86,           /* github.com/labstack/echo/v4: string */
  UP_FIELD_GORILLA_ROUTE_PATH = 87,          /* github.com/gorilla/mux: *routeRegexp of a Route */
  UP_FIELD_GORILLA_REGEXP_TEMPLATE = 88,     /* string */
  /* From a request of HTTP/2 to its stream and connection, one group for each implementation, in
   * the order of UP_HTTP2_*: of the server responseWriterState.stream, stream.sc, stream.id and
   * serverConn.conn, of the client clientStream.cc, clientStream.ID, ClientConn.tconn and
   * ClientConn.tlsState. */
  UP_FIELD_HTTP2_BUNDLED_STATE_STREAM = 89,
  UP_FIELD_HTTP2_BUNDLED_STREAM_CONN = 90,
  UP_FIELD_HTTP2_BUNDLED_STREAM_ID = 91,
  UP_FIELD_HTTP2_BUNDLED_SERVER_CONN = 92,
  UP_FIELD_HTTP2_BUNDLED_CLIENT_STREAM_CONN = 93,
  UP_FIELD_HTTP2_BUNDLED_CLIENT_STREAM_ID = 94,
  UP_FIELD_HTTP2_BUNDLED_CLIENT_CONN = 95,
  UP_FIELD_HTTP2_BUNDLED_CLIENT_TLS_STATE = 96,
  UP_FIELD_HTTP2_INTERNAL_STATE_STREAM = 97,
  UP_FIELD_HTTP2_INTERNAL_STREAM_CONN = 98,
  UP_FIELD_HTTP2_INTERNAL_STREAM_ID = 99,
  UP_FIELD_HTTP2_INTERNAL_SERVER_CONN = 100,
  UP_FIELD_HTTP2_INTERNAL_CLIENT_STREAM_CONN = 101,
  UP_FIELD_HTTP2_INTERNAL_CLIENT_STREAM_ID = 102,
  UP_FIELD_HTTP2_INTERNAL_CLIENT_CONN = 103,
  UP_FIELD_HTTP2_INTERNAL_CLIENT_TLS_STATE = 104,
  UP_FIELD_HTTP2_MODULE_STATE_STREAM = 105,
  UP_FIELD_HTTP2_MODULE_STREAM_CONN = 106,
  UP_FIELD_HTTP2_MODULE_STREAM_ID = 107,
  UP_FIELD_HTTP2_MODULE_SERVER_CONN = 108,
  UP_FIELD_HTTP2_MODULE_CLIENT_STREAM_CONN = 109,
  UP_FIELD_HTTP2_MODULE_CLIENT_STREAM_ID = 110,
  UP_FIELD_HTTP2_MODULE_CLIENT_CONN = 111,
  UP_FIELD_HTTP2_MODULE_CLIENT_TLS_STATE = 112,
  /* Where the transport writes the headers of a request of HTTP/1. */
  UP_FIELD_PERSIST_CONN_BW = 113,  /* *bufio.Writer */
  UP_FIELD_BUFIO_WRITER_ERR = 114, /* error: what writing ended in */
  UP_FIELD_BUFIO_WRITER_BUF = 115, /* []byte */
  UP_FIELD_BUFIO_WRITER_N = 116,   /* how much of it is in use */
  /* The peers of google.golang.org/grpc, each a net.Addr: internal/transport.http2Server. */
  UP_FIELD_GRPC_SERVER_REMOTE_ADDR = 117,
  UP_FIELD_GRPC_SERVER_PEER_ADDR = 118,      /* since 1.60, in a peer.Peer by value */
  UP_FIELD_GRPC_HANDLER_TRANSPORT_REQ = 119, /* internal/transport.serverHandlerTransport */
  UP_FIELD_GRPC_ATTEMPT_T = 120,             /* csAttempt: ClientTransport, an interface */
  UP_FIELD_GRPC_ATTEMPT_TRANSPORT = 121,     /* the same since 1.71 */
  UP_FIELD_GRPC_CLIENT_REMOTE_ADDR = 122,    /* internal/transport.http2Client */
  /* Where a server keeps the handler that it was given. */
  UP_FIELD_SERVER_HANDLER = 123,          /* net/http.Server: http.Handler */
  UP_FIELD_HTTP2_BUNDLED_SERVER_HS = 124, /* net/http.http2serverConn: *http.Server */
  UP_FIELD_HTTP2_MODULE_SERVER_HS = 125,  /* golang.org/x/net/http2.serverConn: the same */
  /* What routers know of the handler that they have found. */
  UP_FIELD_GIN_CONTEXT_HANDLERS = 126,  /* github.com/gin-gonic/gin: []gin.HandlerFunc */
  UP_FIELD_ECHO_CONTEXT_HANDLER = 127,  /* github.com/labstack/echo/v4: echo.HandlerFunc */
  UP_FIELD_GORILLA_ROUTE_HANDLER = 128, /* github.com/gorilla/mux: http.Handler */
  UP_FIELD_COUNT = 129,
};

#define UP_FIELDS_OF_WORD 64
#define UP_PRESENT_WORDS 3
UP_ABI_ASSERT(UP_FIELD_COUNT <= UP_FIELDS_OF_WORD * UP_PRESENT_WORDS);

/* Index in up_profile_slot.grpc_status_error. */
#define UP_GRPC_SERVER 0
#define UP_GRPC_CLIENT 1
#define UP_GRPC_COUNT 2

/* Implementations of HTTP/2; a program may have two. */
#define UP_HTTP2_BUNDLED 0  /* in net/http (Go <= 1.26) */
#define UP_HTTP2_INTERNAL 1 /* net/http/internal/http2 (Go >= 1.27) */
#define UP_HTTP2_MODULE 2   /* golang.org/x/net/http2 */
#define UP_HTTP2_COUNT 3
#define UP_HTTP2_FIELDS 3 /* in a group of up_field */
#define UP_HTTP2_CONNECTION_FIELDS 8

/* up_profile_slot.map_kind */
#define UP_MAP_NONE 0 /* headers are not read */
#define UP_MAP_BUCKETS 1
#define UP_MAP_SWISS 2

/* up_profile_slot.flags */
#define UP_SLOT_SCOPED 0x1         /* only processes in the scope map are observed */
#define UP_SLOT_CAPTURE_QUERY 0x2  /* copy URL.RawQuery of client requests */
#define UP_SLOT_STACK_ABI 0x4      /* Go <= 1.16: arguments and results are on the stack */
#define UP_SLOT_GOROUTINES 0x8     /* goroutines belong to the request that started them */
#define UP_SLOT_CHANNELS 0x10      /* what is sent belongs to the request being served */
#define UP_SLOT_CLIENT_BODIES 0x20 /* client requests end with the bodies of their responses */
#define UP_SLOT_ROUTES 0x40        /* routers tell the route of the request being served */
#define UP_SLOT_LIMITED 0x80       /* not every request becomes a span: bpf/abi/span_limits.h */
#define UP_SLOT_STITCHED 0x100     /* requests are found again by the connection they go out on */
#define UP_SLOT_INJECTED 0x200     /* requests are given the header traceparent */
#define UP_SLOT_HANDLERS 0x400     /* the function that serves is told */
#define UP_SLOT_CONNECTIONS 0x800  /* the end of each connection of HTTP/1 is seen */
/* Requests become spans only while somebody streams these. A flag here, and none of the limits: the
 * programs know it without a look-up, and whatever else is limited. */
#define UP_SLOT_ONLY_STREAMED 0x1000

/* Error types that wrap another error; more are not unwrapped. */
#define UP_ERROR_WRAPPERS 8

/* Bodies of responses of HTTP/2 to clients, index in up_profile_slot.body_close, one for each
 * implementation, in the order of UP_HTTP2_*. */
#define UP_BODY_HTTP2 0                     /* transportResponseBody */
#define UP_BODY_HTTP2_GZIP (UP_HTTP2_COUNT) /* gzipReader, which has the former */
#define UP_BODY_COUNT (UP_BODY_HTTP2_GZIP + UP_HTTP2_COUNT)

/* Clients, index in up_profile_slot.client_function. */
#define UP_CLIENT_NET_HTTP 0 /* net/http.(*Transport).roundTrip */
#define UP_CLIENT_MODULE 1   /* that of golang.org/x/net/http2, which the former may call */
#define UP_CLIENT_COUNT 2
/* Functions whose sites tell the handler of a request, index in up_profile_slot.places. */
#define UP_PLACE_SERVER 0     /* where requests begin that are no others below */
#define UP_PLACE_MUX_SERVE 1  /* net/http.(*ServeMux).ServeHTTP */
#define UP_PLACE_MUX_FIND 2   /* net/http.(*ServeMux).Handler */
#define UP_PLACE_MUX_LOOKUP 3 /* net/http.(*ServeMux).handler */
#define UP_PLACE_HTTP2 4      /* where requests of each implementation of HTTP/2 begin */
#define UP_PLACE_ROUTER (UP_PLACE_HTTP2 + UP_HTTP2_COUNT) /* of each UP_ROUTER_* */
#define UP_PLACE_COUNT (UP_PLACE_ROUTER + UP_ROUTER_COUNT)

/* Structs of which several fields are needed, index in up_profile_slot.object_bytes: they are read
 * at once, from their begin to behind the last of these fields. */
#define UP_OBJECT_REQUEST 0         /* net/http.Request */
#define UP_OBJECT_SERVER_RESPONSE 1 /* net/http.response */
#define UP_OBJECT_CLIENT_RESPONSE 2 /* net/http.Response */
#define UP_OBJECT_URL 3             /* net/url.URL */
#define UP_OBJECT_MAP 4             /* runtime.hmap, internal/runtime/maps.Map */
#define UP_OBJECT_COUNT 5
#define UP_OBJECT_MAX 320
/* Each of these fields is followed by what is of the struct, or has this size. */
#define UP_OBJECT_FIELD 16

struct up_profile_slot {
  uint64_t present[UP_PRESENT_WORDS];
  /* From the site where gRPC requests begin to the code of (*status.Error).Error, by which an error
   * is known to be one: a difference, because the program may be loaded anywhere. */
  int64_t grpc_status_error[UP_GRPC_COUNT];
  uint32_t flags;
  uint32_t map_kind;
  uint16_t offset[UP_FIELD_COUNT];
  uint16_t reserved[3];
  /* Addresses as linked, 0 where the binary does not have them. */
  uint64_t client_function[UP_CLIENT_COUNT]; /* where requests are made */
  uint64_t error_string_method;              /* errors.(*errorString).Error */
  /* The Error methods of types that wrap another error, and where in the value that lies. */
  uint64_t error_wrappers[UP_ERROR_WRAPPERS];
  uint16_t wrapped_errors[UP_ERROR_WRAPPERS];
  /* What a body of HTTP/1 calls where reading it ends: a function without a name in
   * net/http.(*persistConn).readLoop, one of the bodies' own each. */
  uint64_t body_read;
  uint64_t body_close[UP_BODY_COUNT]; /* the Close methods of bodies of HTTP/2 */
  /* What grpc_status_error is for, 0 where the binary does not have it: to the type of the key of
   * gRPC's metadata in a context, to the code of context.(*valueCtx).Value, both from where the
   * server's requests begin, and to the code of net.(*TCPAddr).String. */
  int64_t grpc_metadata_key;
  int64_t grpc_value_context;
  int64_t grpc_tcp_address[UP_GRPC_COUNT];
  /* Where a transport.Stream of gRPC has its context, with grpc_metadata_key: contexts are looked
   * for metadata where no request is found by them, too. */
  uint64_t grpc_metadata_ctx;
  /* Of the functions that hold sites which tell handlers. */
  uint64_t places[UP_PLACE_COUNT];
  uint64_t handler_func; /* net/http.HandlerFunc.ServeHTTP */
  uint64_t mux_return;   /* behind the call of (*ServeMux).Handler in its ServeHTTP */
  uint64_t own_handler;  /* net/http.serverHandler.ServeHTTP */
  uint64_t echo_wrapper; /* the closure in which echo keeps a handler with its middleware */
  uint16_t object_bytes[UP_OBJECT_COUNT]; /* 0 where the profile has no field of it */
  uint16_t reserved_bytes[3];
};
UP_ABI_OFFSET(struct up_profile_slot, offset, 48);
UP_ABI_OFFSET(struct up_profile_slot, client_function, 312);
UP_ABI_ASSERT(sizeof(struct up_profile_slot) == 656);
UP_ABI_OFFSET(struct up_profile_slot, grpc_metadata_key, 472);

/* Key of the scope map: a process that a scoped slot observes. */
struct up_scope_key {
  uint32_t slot;
  uint32_t tgid;
};
UP_ABI_ASSERT(sizeof(struct up_scope_key) == 8);

#endif /* UPROBED_BPF_ABI_PROFILE_SLOT_H_ */
