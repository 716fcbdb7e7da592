#ifndef UPROBED_SERVER_SPAN_SPAN_H_
#define UPROBED_SERVER_SPAN_SPAN_H_

#include <array>
#include <cstdint>
#include <string>

namespace uprobed::span {

using TraceId = std::array<uint8_t, 16>;
using SpanId = std::array<uint8_t, 8>;

enum class Kind : uint8_t { kServer, kClient };

// What the span's parent is known from.
enum class ParentSource : uint8_t {
  kNone,            // a root, as far as can be known
  kTraceparent,     // the request's traceparent header
  kGoroutine,       // the server span that the same goroutine was serving
  kContext,         // the server span that the request's context.Context was derived from
  kConnection,      // the client span that was made on the other end of the connection
  kGoroutineStart,  // the server span for which the goroutine was started, by whatever ancestor
  kChannel,         // the server span that what the goroutine received belongs to
};

// One request of HTTP or gRPC, as OpenTelemetry's semantic conventions see it. Owns its strings.
// Empty strings and -1 sizes mean "not known" and become no attribute.
struct Span {
  Kind kind = Kind::kServer;
  TraceId trace_id{};
  SpanId span_id{};
  SpanId parent_span_id{};  // all zero: none
  ParentSource parent_source = ParentSource::kNone;
  uint8_t trace_flags = 0;
  std::string trace_state;  // of the tracestate beside an adopted traceparent
  int64_t start_unix_ns = 0;
  int64_t end_unix_ns = 0;
  int64_t first_byte_unix_ns = 0;  // of the response; 0: not known

  // Resource
  std::string probe;  // "probes/shop"
  std::string service_name;
  std::string binary_path;  // process.executable.path
  uint32_t pid = 0;
  uint64_t goroutine = 0;          // address of runtime.g: tells requests of one process apart
  uint64_t network_namespace = 0;  // inode of the process's network namespace; 0: not known

  // HTTP
  std::string method;           // "GET"; "_OTHER" where it is none that OpenTelemetry knows
  std::string method_original;  // only where method is "_OTHER"
  std::string scheme;           // "http", "https"
  std::string path;
  std::string query;     // only where the probe captures it
  std::string url_full;  // client: "http://stock:8080/reserve", without the query
  // server: "/items/{id}", of ServeMux (Go >= 1.22) without method and host, or of a router
  std::string route;
  // server, where no route is known: made of the path, and few (DerivedRoutes)
  std::string derived_route;
  std::string server_address;  // host without port
  uint32_t server_port = 0;    // 0: not known
  std::string peer_address;    // server, and RPC: network.peer.address
  // server, where the probe asks for it: the function that has served, "main.(*server).orders"
  std::string function;
  bool function_of_server = false;  // that of http.Server.Handler, which may have called another
  uint32_t peer_port = 0;
  std::string protocol_version;  // "1.1"
  uint32_t status_code = 0;      // 0: no response
  int64_t request_body_size = -1;
  int64_t response_body_size = -1;
  std::string error_type;  // "500", "panic", "NOT_FOUND", "_OTHER"; empty: no error
  std::string body_end;    // client: "read", "closed"; empty: the span ends with the header
  bool hijacked = false;   // server: the handler took the connection over
  bool refused = false;    // server: no request of anybody's, answered by net/http itself
  // server: it ended while nobody streamed spans, and so has no address of server and peer
  bool unstreamed = false;

  // RPC: of these, and of HTTP's only the addresses of the server and of the peer
  std::string rpc_system;   // "grpc"; empty: HTTP
  std::string rpc_service;  // "shop.v1.Stock"
  std::string rpc_method;   // "Reserve"
  int64_t rpc_status_code = -1;

  // Names of attributes that were cut at their bound, in attribute order: "url.path".
  std::string truncated;  // comma separated; empty: nothing was cut

  // As new, but that strings keep their memory for what comes next.
  void Clear();
  int64_t duration_ns() const { return end_unix_ns - start_unix_ns; }
  bool has_parent() const { return parent_span_id != SpanId{}; }
  bool is_error() const { return !error_type.empty(); }
  bool is_rpc() const { return !rpc_system.empty(); }
  // "/shop.v1.Stock/Reserve"
  std::string rpc_full_method() const {
    std::string full_method;
    AppendRpcFullMethod(full_method);
    return full_method;
  }
  void AppendRpcFullMethod(std::string& to) const {
    to.append("/").append(rpc_service).append("/").append(rpc_method);
  }
};

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_SPAN_H_
