#include "server/profile/fields.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace uprobed::profile {
namespace {

constexpr Instrumentation kServer = Instrumentation::kHttpServer;
constexpr Instrumentation kClient = Instrumentation::kHttpClient;
constexpr Instrumentation kGoroutines = Instrumentation::kGoroutines;
constexpr Instrumentation kChannels = Instrumentation::kChannels;
constexpr Instrumentation kGrpcServer = Instrumentation::kGrpcServer;
constexpr Instrumentation kGrpcClient = Instrumentation::kGrpcClient;

constexpr std::string_view kRequest = "net/http.Request";
constexpr std::string_view kUrl = "net/url.URL";
constexpr std::string_view kServerResponse = "net/http.response";
constexpr std::string_view kClientResponse = "net/http.Response";
constexpr std::string_view kConn = "net/http.conn";
constexpr std::string_view kPersistConn = "net/http.persistConn";
constexpr std::string_view kBufioWriter = "bufio.Writer";
constexpr std::string_view kPollFd = "internal/poll.FD";
constexpr std::string_view kGoroutine = "runtime.g";
constexpr std::string_view kBundledState = "net/http.http2responseWriterState";
constexpr std::string_view kInternalState = "net/http/internal/http2.responseWriterState";
constexpr std::string_view kModuleState = "golang.org/x/net/http2.responseWriterState";
constexpr std::string_view kGrpcStream = "google.golang.org/grpc/internal/transport.Stream";
constexpr std::string_view kGrpcServerStream =
    "google.golang.org/grpc/internal/transport.ServerStream";
constexpr std::string_view kGrpcHttp2Server =
    "google.golang.org/grpc/internal/transport.http2Server";
constexpr std::string_view kGrpcAttempt = "google.golang.org/grpc.csAttempt";
constexpr std::string_view kGrpcClientStream = "google.golang.org/grpc.clientStream";
constexpr std::string_view kGrpcCallHdr = "google.golang.org/grpc/internal/transport.CallHdr";
constexpr std::string_view kGrpcStatus = "google.golang.org/genproto/googleapis/rpc/status.Status";
constexpr std::string_view kHmap = "runtime.hmap";
constexpr std::string_view kSwissMap = "internal/runtime/maps.Map";
constexpr std::string_view kSwissTable = "internal/runtime/maps.table";

constexpr std::array<FieldSpec, UP_FIELD_COUNT> kFields = {{
    {UP_FIELD_REQUEST_METHOD, kRequest, "Method", kServer, Need::kAlways},
    {UP_FIELD_REQUEST_URL, kRequest, "URL", kServer, Need::kAlways},
    {UP_FIELD_REQUEST_PROTO_MAJOR, kRequest, "ProtoMajor", kServer, Need::kAlways},
    {UP_FIELD_REQUEST_PROTO_MINOR, kRequest, "ProtoMinor", kServer, Need::kAlways},
    {UP_FIELD_REQUEST_HEADER, kRequest, "Header", kServer, Need::kAlways},
    {UP_FIELD_REQUEST_CONTENT_LENGTH, kRequest, "ContentLength", kServer, Need::kAlways},
    {UP_FIELD_REQUEST_HOST, kRequest, "Host", kServer, Need::kAlways},
    {UP_FIELD_REQUEST_REMOTE_ADDR, kRequest, "RemoteAddr", kServer, Need::kAlways},
    {UP_FIELD_REQUEST_REQUEST_URI, kRequest, "RequestURI", kServer, Need::kAlways},
    {UP_FIELD_REQUEST_TLS, kRequest, "TLS", kServer, Need::kAlways},
    {UP_FIELD_REQUEST_PATTERN, kRequest, "Pattern", kServer, Need::kIfPresent},
    {UP_FIELD_REQUEST_PAT, kRequest, "pat", kServer, Need::kIfPresent},
    {UP_FIELD_PATTERN_STR, "net/http.pattern", "str", kServer, Need::kIfPresent},
    {UP_FIELD_URL_SCHEME, kUrl, "Scheme", kServer, Need::kAlways},
    {UP_FIELD_URL_HOST, kUrl, "Host", kServer, Need::kAlways},
    {UP_FIELD_URL_PATH, kUrl, "Path", kServer, Need::kAlways},
    {UP_FIELD_URL_RAW_QUERY, kUrl, "RawQuery", kServer, Need::kAlways},
    {UP_FIELD_SERVER_RESPONSE_REQ, kServerResponse, "req", kServer, Need::kAlways},
    {UP_FIELD_SERVER_RESPONSE_WRITTEN, kServerResponse, "written", kServer, Need::kAlways},
    {UP_FIELD_SERVER_RESPONSE_STATUS, kServerResponse, "status", kServer, Need::kAlways},
    {UP_FIELD_CLIENT_RESPONSE_STATUS_CODE, kClientResponse, "StatusCode", kClient, Need::kAlways},
    {UP_FIELD_CLIENT_RESPONSE_PROTO_MAJOR, kClientResponse, "ProtoMajor", kClient, Need::kAlways},
    {UP_FIELD_CLIENT_RESPONSE_PROTO_MINOR, kClientResponse, "ProtoMinor", kClient, Need::kAlways},
    {UP_FIELD_CLIENT_RESPONSE_CONTENT_LENGTH, kClientResponse, "ContentLength", kClient,
     Need::kAlways},
    {UP_FIELD_HMAP_COUNT, kHmap, "count", kServer, Need::kBucketMaps},
    {UP_FIELD_HMAP_B, kHmap, "B", kServer, Need::kBucketMaps},
    {UP_FIELD_HMAP_BUCKETS, kHmap, "buckets", kServer, Need::kBucketMaps},
    {UP_FIELD_SWISS_MAP_DIR_PTR, kSwissMap, "dirPtr", kServer, Need::kSwissMaps},
    {UP_FIELD_SWISS_MAP_DIR_LEN, kSwissMap, "dirLen", kServer, Need::kSwissMaps},
    {UP_FIELD_SWISS_TABLE_GROUPS, kSwissTable, "groups.data", kServer, Need::kSwissMaps},
    {UP_FIELD_SWISS_TABLE_LENGTH_MASK, kSwissTable, "groups.lengthMask", kServer, Need::kSwissMaps},
    {UP_FIELD_SERVER_RESPONSE_CONN, kServerResponse, "conn", kServer, Need::kIfPresent},
    {UP_FIELD_CONN_HIJACKED, kConn, "hijackedv", kServer, Need::kIfPresent},
    {UP_FIELD_CONN_WRITE_ERROR, kConn, "werr", kServer, Need::kIfPresent},
    {UP_FIELD_REQUEST_CTX, kRequest, "ctx", kServer, Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_RWS, "net/http.http2responseWriter", "rws", kServer, Need::kHttp2},
    {UP_FIELD_HTTP2_BUNDLED_STATUS, kBundledState, "status", kServer, Need::kHttp2},
    {UP_FIELD_HTTP2_BUNDLED_WROTE_BYTES, kBundledState, "wroteBytes", kServer, Need::kHttp2},
    {UP_FIELD_HTTP2_INTERNAL_RWS, "net/http/internal/http2.responseWriter", "rws", kServer,
     Need::kHttp2},
    {UP_FIELD_HTTP2_INTERNAL_STATUS, kInternalState, "status", kServer, Need::kHttp2},
    {UP_FIELD_HTTP2_INTERNAL_WROTE_BYTES, kInternalState, "wroteBytes", kServer, Need::kHttp2},
    {UP_FIELD_HTTP2_MODULE_RWS, "golang.org/x/net/http2.responseWriter", "rws", kServer,
     Need::kHttp2},
    {UP_FIELD_HTTP2_MODULE_STATUS, kModuleState, "status", kServer, Need::kHttp2},
    {UP_FIELD_HTTP2_MODULE_WROTE_BYTES, kModuleState, "wroteBytes", kServer, Need::kHttp2},
    {UP_FIELD_PERSIST_CONN_CONN, kPersistConn, "conn", kClient, Need::kIfPresent},
    {UP_FIELD_PERSIST_CONN_TLS_STATE, kPersistConn, "tlsState", kClient, Need::kIfPresent},
    {UP_FIELD_CONN_RWC, kConn, "rwc", kServer, Need::kIfPresent},
    {UP_FIELD_POLL_FD_SYSFD, kPollFd, "Sysfd", kServer, Need::kIfPresent},
    {UP_FIELD_POLL_FD_PD, kPollFd, "pd", kServer, Need::kIfPresent},
    {UP_FIELD_G_M, kGoroutine, "m", kGoroutines, Need::kAlways},
    {UP_FIELD_G_WAITING, kGoroutine, "waiting", kChannels, Need::kAlways},
    {UP_FIELD_G_SCHED_CTXT, kGoroutine, "sched.ctxt", kGoroutines, Need::kAlways},
    {UP_FIELD_M_CURG, "runtime.m", "curg", kGoroutines, Need::kAlways},
    {UP_FIELD_TIMER_ARG, "runtime.timer", "arg", kGoroutines, Need::kAlways},
    {UP_FIELD_TIME_TIMER_ARG, "runtime.timeTimer", "timer.arg", kGoroutines, Need::kIfPresent},
    {UP_FIELD_HCHAN_SENDX, "runtime.hchan", "sendx", kChannels, Need::kAlways},
    {UP_FIELD_HCHAN_LOCK, "runtime.hchan", "lock", kChannels, Need::kAlways},
    {UP_FIELD_SUDOG_C, "runtime.sudog", "c", kChannels, Need::kAlways},
    {UP_FIELD_SUDOG_WAITLINK, "runtime.sudog", "waitlink", kChannels, Need::kAlways},
    {UP_FIELD_SCASE_KIND, "runtime.scase", "kind", kChannels, Need::kIfPresent},
    {UP_FIELD_GRPC_STREAM_METHOD, kGrpcStream, "method", kGrpcServer, Need::kAlways},
    {UP_FIELD_GRPC_STREAM_CTX, kGrpcStream, "ctx", kGrpcServer, Need::kIfPresent},
    {UP_FIELD_GRPC_SERVER_STREAM_STREAM, kGrpcServerStream, "Stream", kGrpcServer,
     Need::kIfPresent},
    {UP_FIELD_GRPC_SERVER_STREAM_METHOD, kGrpcServerStream, "Stream.method", kGrpcServer,
     Need::kIfPresent},
    {UP_FIELD_GRPC_CLIENT_STREAM_CALL_HDR, kGrpcClientStream, "callHdr", kGrpcClient,
     Need::kAlways},
    {UP_FIELD_GRPC_CLIENT_STREAM_CTX, kGrpcClientStream, "ctx", kGrpcClient, Need::kIfPresent},
    {UP_FIELD_GRPC_CALL_HDR_HOST, kGrpcCallHdr, "Host", kGrpcClient, Need::kIfPresent},
    {UP_FIELD_GRPC_CALL_HDR_METHOD, kGrpcCallHdr, "Method", kGrpcClient, Need::kAlways},
    {UP_FIELD_GRPC_STATUS_CODE, kGrpcStatus, "Code", kGrpcServer, Need::kAlways},
    {UP_FIELD_CHUNK_WRITER_RES, "net/http.chunkWriter", "res", kServer, Need::kIfPresent},
    {UP_FIELD_CLIENT_RESPONSE_BODY, kClientResponse, "Body", kClient, Need::kIfPresent},
    {UP_FIELD_BODY_EOF_SIGNAL_FN, "net/http.bodyEOFSignal", "fn", kClient, Need::kIfPresent},
    {UP_FIELD_GZIP_READER_BODY, "net/http.gzipReader", "body", kClient, Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_GZIP_BODY, "net/http.http2gzipReader", "body", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_INTERNAL_GZIP_BODY, "net/http/internal/http2.gzipReader", "body", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_PIPE_ERROR, "net/http.http2clientStream", "bufPipe.err", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_INTERNAL_PIPE_ERROR, "net/http/internal/http2.clientStream", "bufPipe.err",
     kClient, Need::kIfPresent},
    {UP_FIELD_HTTP2_REQUEST_METHOD, kInternalState, "req.Method", kServer, Need::kHttp2},
    {UP_FIELD_HTTP2_REQUEST_HOST, kInternalState, "req.Host", kServer, Need::kHttp2},
    {UP_FIELD_HTTP2_REQUEST_REQUEST_URI, kInternalState, "req.RequestURI", kServer, Need::kHttp2},
    {UP_FIELD_HTTP2_REQUEST_REMOTE_ADDR, kInternalState, "req.RemoteAddr", kServer, Need::kHttp2},
    {UP_FIELD_HTTP2_REQUEST_CONTENT_LENGTH, kInternalState, "req.ContentLength", kServer,
     Need::kHttp2},
    {UP_FIELD_HTTP2_REQUEST_TLS, kInternalState, "req.TLS", kServer, Need::kHttp2},
    {UP_FIELD_GIN_CONTEXT_FULL_PATH, "github.com/gin-gonic/gin.Context", "fullPath", kServer,
     Need::kIfPresent},
    {UP_FIELD_CHI_CONTEXT_ROUTE_PATTERNS, "github.com/go-chi/chi/v5.Context", "RoutePatterns",
     kServer, Need::kIfPresent},
    {UP_FIELD_CHI1_CONTEXT_ROUTE_PATTERNS, "github.com/go-chi/chi.Context", "RoutePatterns",
     kServer, Need::kIfPresent},
    {UP_FIELD_ECHO_CONTEXT_PATH, "github.com/labstack/echo/v4.context", "path", kServer,
     Need::kIfPresent},
    {UP_FIELD_GORILLA_ROUTE_PATH, "github.com/gorilla/mux.Route", "routeConf.regexp.path", kServer,
     Need::kIfPresent},
    {UP_FIELD_GORILLA_REGEXP_TEMPLATE, "github.com/gorilla/mux.routeRegexp", "template", kServer,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_STATE_STREAM, kBundledState, "stream", kServer, Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_STREAM_CONN, "net/http.http2stream", "sc", kServer, Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_STREAM_ID, "net/http.http2stream", "id", kServer, Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_SERVER_CONN, "net/http.http2serverConn", "conn", kServer,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_CLIENT_STREAM_CONN, "net/http.http2clientStream", "cc", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_CLIENT_STREAM_ID, "net/http.http2clientStream", "ID", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_CLIENT_CONN, "net/http.http2ClientConn", "tconn", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_CLIENT_TLS_STATE, "net/http.http2ClientConn", "tlsState", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_INTERNAL_STATE_STREAM, kInternalState, "stream", kServer, Need::kIfPresent},
    {UP_FIELD_HTTP2_INTERNAL_STREAM_CONN, "net/http/internal/http2.stream", "sc", kServer,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_INTERNAL_STREAM_ID, "net/http/internal/http2.stream", "id", kServer,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_INTERNAL_SERVER_CONN, "net/http/internal/http2.serverConn", "conn", kServer,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_INTERNAL_CLIENT_STREAM_CONN, "net/http/internal/http2.clientStream", "cc",
     kClient, Need::kIfPresent},
    {UP_FIELD_HTTP2_INTERNAL_CLIENT_STREAM_ID, "net/http/internal/http2.clientStream", "ID",
     kClient, Need::kIfPresent},
    {UP_FIELD_HTTP2_INTERNAL_CLIENT_CONN, "net/http/internal/http2.ClientConn", "tconn", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_INTERNAL_CLIENT_TLS_STATE, "net/http/internal/http2.ClientConn", "tlsState",
     kClient, Need::kIfPresent},
    {UP_FIELD_HTTP2_MODULE_STATE_STREAM, kModuleState, "stream", kServer, Need::kIfPresent},
    {UP_FIELD_HTTP2_MODULE_STREAM_CONN, "golang.org/x/net/http2.stream", "sc", kServer,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_MODULE_STREAM_ID, "golang.org/x/net/http2.stream", "id", kServer,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_MODULE_SERVER_CONN, "golang.org/x/net/http2.serverConn", "conn", kServer,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_MODULE_CLIENT_STREAM_CONN, "golang.org/x/net/http2.clientStream", "cc", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_MODULE_CLIENT_STREAM_ID, "golang.org/x/net/http2.clientStream", "ID", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_MODULE_CLIENT_CONN, "golang.org/x/net/http2.ClientConn", "tconn", kClient,
     Need::kIfPresent},
    {UP_FIELD_HTTP2_MODULE_CLIENT_TLS_STATE, "golang.org/x/net/http2.ClientConn", "tlsState",
     kClient, Need::kIfPresent},
    {UP_FIELD_PERSIST_CONN_BW, kPersistConn, "bw", kClient, Need::kIfPresent},
    {UP_FIELD_BUFIO_WRITER_ERR, kBufioWriter, "err", kClient, Need::kIfPresent},
    {UP_FIELD_BUFIO_WRITER_BUF, kBufioWriter, "buf", kClient, Need::kIfPresent},
    {UP_FIELD_BUFIO_WRITER_N, kBufioWriter, "n", kClient, Need::kIfPresent},
    {UP_FIELD_GRPC_SERVER_REMOTE_ADDR, kGrpcHttp2Server, "remoteAddr", kGrpcServer,
     Need::kIfPresent},
    {UP_FIELD_GRPC_SERVER_PEER_ADDR, kGrpcHttp2Server, "peer.Addr", kGrpcServer, Need::kIfPresent},
    {UP_FIELD_GRPC_HANDLER_TRANSPORT_REQ,
     "google.golang.org/grpc/internal/transport.serverHandlerTransport", "req", kGrpcServer,
     Need::kIfPresent},
    {UP_FIELD_GRPC_ATTEMPT_T, kGrpcAttempt, "t", kGrpcClient, Need::kIfPresent},
    {UP_FIELD_GRPC_ATTEMPT_TRANSPORT, kGrpcAttempt, "transport", kGrpcClient, Need::kIfPresent},
    {UP_FIELD_GRPC_CLIENT_REMOTE_ADDR, "google.golang.org/grpc/internal/transport.http2Client",
     "remoteAddr", kGrpcClient, Need::kIfPresent},
    {UP_FIELD_SERVER_HANDLER, "net/http.Server", "Handler", kServer, Need::kIfPresent},
    {UP_FIELD_HTTP2_BUNDLED_SERVER_HS, "net/http.http2serverConn", "hs", kServer, Need::kIfPresent},
    {UP_FIELD_HTTP2_MODULE_SERVER_HS, "golang.org/x/net/http2.serverConn", "hs", kServer,
     Need::kIfPresent},
    {UP_FIELD_GIN_CONTEXT_HANDLERS, "github.com/gin-gonic/gin.Context", "handlers", kServer,
     Need::kIfPresent},
    {UP_FIELD_ECHO_CONTEXT_HANDLER, "github.com/labstack/echo/v4.context", "handler", kServer,
     Need::kIfPresent},
    {UP_FIELD_GORILLA_ROUTE_HANDLER, "github.com/gorilla/mux.Route", "handler", kServer,
     Need::kIfPresent},
}};

}  // namespace

std::span<const FieldSpec> AllFields() { return kFields; }

std::string FieldKey(const FieldSpec& field) {
  return std::string(field.struct_name) + "." + std::string(field.member);
}

bool IsNeeded(const FieldSpec& field, Instrumentation instrumentation) {
  if (field.need != Need::kAlways) return false;
  if (field.instrumentation == instrumentation) return true;
  if (instrumentation == kGrpcClient) return field.struct_name == kGrpcStatus;
  // The server's own response is the one struct under kHttpServer that the client has nothing of.
  return instrumentation == kClient && field.instrumentation == kServer &&
         field.struct_name != kServerResponse;
}

bool KnowsConnections(const std::map<std::string, FieldOffset>& fields) {
  constexpr up_field kOnTheWay[] = {UP_FIELD_PERSIST_CONN_CONN, UP_FIELD_PERSIST_CONN_TLS_STATE,
                                    UP_FIELD_POLL_FD_SYSFD, UP_FIELD_POLL_FD_PD};
  return std::all_of(std::begin(kOnTheWay), std::end(kOnTheWay), [&fields](up_field field) {
    return fields.contains(FieldKey(kFields[field]));
  });
}

}  // namespace uprobed::profile
