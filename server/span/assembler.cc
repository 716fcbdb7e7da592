#include "server/span/assembler.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "fmt/format.h"
#include "server/span/grpc_parts.h"
#include "server/span/handler_function.h"
#include "server/span/http_parts.h"
#include "server/span/text.h"

namespace uprobed::span {
namespace {

constexpr const char* kOther = "_OTHER";

void AppendNumber(uint32_t number, std::string& to) {
  const fmt::format_int digits(number);
  to.append(digits.data(), digits.size());
}

// The strings of one event, and what the kernel side says about each.
class EventStrings {
 public:
  explicit EventStrings(const up_http_event& event) : event_(event) {}

  std::string_view method() const { return View(event_.method, UP_STRING_METHOD); }
  std::string_view scheme() const { return View(event_.scheme, UP_STRING_SCHEME); }
  std::string_view host() const { return View(event_.host, UP_STRING_HOST); }
  std::string_view target() const { return View(event_.target, UP_STRING_TARGET); }
  std::string_view query() const { return View(event_.query, UP_STRING_QUERY); }
  std::string_view route() const { return View(event_.route, UP_STRING_ROUTE); }
  // Of a client, which has no route.
  std::string_view error_text() const { return View(event_.route, UP_STRING_ROUTE); }
  std::string_view peer() const { return View(event_.peer, UP_STRING_PEER); }

  bool truncated(unsigned index) const { return (event_.truncated >> index & 1U) != 0; }
  bool unread(unsigned index) const { return (event_.unread >> index & 1U) != 0; }

 private:
  template <size_t kSize>
  std::string_view View(const char (&array)[kSize], unsigned index) const {
    const std::string_view text(array, std::min<size_t>(event_.lengths[index], kSize));
    return truncated(index) ? DropCutSequence(text) : text;
  }

  const up_http_event& event_;
};

void AddTruncated(Span& span, bool truncated, std::string_view attribute) {
  if (!truncated) return;
  if (!span.truncated.empty()) span.truncated += ',';
  span.truncated += attribute;
}

void SetMethod(Span& span, const EventStrings& strings) {
  if (strings.unread(UP_STRING_METHOD)) return;
  const std::string_view method = strings.method();
  if (method.empty()) {
    span.method = "GET";  // net/http: "For client requests, an empty string means GET"
  } else if (IsKnownMethod(method)) {
    span.method = method;
  } else {
    span.method = kOther;
    AppendSanitized(method, span.method_original);
  }
  AddTruncated(span, strings.truncated(UP_STRING_METHOD), "http.request.method_original");
}

void SetRoute(Span& span, const up_http_event& event, const EventStrings& strings) {
  if ((event.flags & UP_FLAG_ROUTER_ROUTE) != 0) {
    AppendSanitized(RouteOfTemplate(strings.route()), span.route);
  } else {
    AppendSanitized(RouteOfPattern(strings.route()), span.route);
  }
  AddTruncated(span, strings.truncated(UP_STRING_ROUTE), "http.route");
}

void SetServerUrl(Span& span, const up_http_event& event, const EventStrings& strings,
                  bool capture_query) {
  span.scheme = (event.flags & UP_FLAG_TLS) != 0 ? "https" : "http";
  const RequestTarget target = ParseRequestTarget(strings.target());
  AppendSanitized(target.path, span.path);
  if (capture_query) AppendSanitized(target.query, span.query);
  // A cut target whose "?" is still there has its whole path.
  const bool truncated = strings.truncated(UP_STRING_TARGET);
  AddTruncated(span, truncated && !target.has_query, "url.path");
  AddTruncated(span, truncated && target.has_query && capture_query, "url.query");
}

void SetClientUrl(Span& span, const EventStrings& strings, bool capture_query) {
  AppendSanitized(strings.scheme(), span.scheme);
  if (!strings.unread(UP_STRING_TARGET) && span.method != "CONNECT") {
    AppendEscapedPath(strings.target(), span.path);
    if (span.path.empty()) span.path = "/";
  }
  if (capture_query) AppendSanitized(strings.query(), span.query);
  if (!span.scheme.empty() && !strings.host().empty()) {
    span.url_full.append(span.scheme).append("://");
    AppendSanitized(strings.host(), span.url_full);
    span.url_full += span.path;
  }
  const bool scheme_truncated = strings.truncated(UP_STRING_SCHEME);
  const bool path_truncated = strings.truncated(UP_STRING_TARGET);
  AddTruncated(span, scheme_truncated, "url.scheme");
  AddTruncated(span, path_truncated, "url.path");
  AddTruncated(span, capture_query && strings.truncated(UP_STRING_QUERY), "url.query");
  AddTruncated(span, scheme_truncated || path_truncated || strings.truncated(UP_STRING_HOST),
               "url.full");
}

void SetServerAddress(Span& span, const EventStrings& strings) {
  const Authority authority = ParseAuthority(strings.host());
  const bool truncated = strings.truncated(UP_STRING_HOST);
  AppendSanitized(authority.host, span.server_address);
  // The digits at a cut may be the start of another port.
  if (!truncated && !span.server_address.empty()) {
    span.server_port = authority.has_port ? authority.port : DefaultPort(span.scheme);
  }
  AddTruncated(span, truncated, "server.address");
}

void SetPeer(Span& span, const EventStrings& strings) {
  // net/http's RemoteAddr of a unix socket whose other end has no name.
  if (strings.peer() == "@") return;
  const Authority peer = ParseAuthority(strings.peer());
  const bool truncated = strings.truncated(UP_STRING_PEER);
  AppendSanitized(peer.host, span.peer_address);
  if (!truncated) span.peer_port = peer.port;
  AddTruncated(span, truncated, "network.peer.address");
}

// In the order of the attributes, which is the order of Span::truncated.
void SetRequest(Span& span, const up_http_event& event, const EventStrings& strings,
                bool capture_query) {
  SetMethod(span, strings);
  if (span.kind == Kind::kServer) {
    SetRoute(span, event, strings);
    SetServerUrl(span, event, strings, capture_query);
  } else {
    SetClientUrl(span, strings, capture_query);
  }
  SetServerAddress(span, strings);
  if (span.kind == Kind::kServer) SetPeer(span, strings);
  if (event.protocol_major == 0) return;
  AppendNumber(event.protocol_major, span.protocol_version);
  if (event.protocol_major >= 2) return;
  span.protocol_version += '.';
  AppendNumber(event.protocol_minor, span.protocol_version);
}

uint32_t StatusOf(const up_http_event& event) {
  // net/http panics for a status outside of these, so anything else is not one.
  constexpr uint32_t kLowest = 100;
  constexpr uint32_t kHighest = 999;
  constexpr uint32_t kUnknowable = UP_FLAG_ERROR | UP_FLAG_READ_FAULT | UP_FLAG_UNFINISHED;
  if (event.status == 0 && event.kind == UP_EVENT_HTTP_SERVER && (event.flags & kUnknowable) == 0) {
    return 200;  // finishRequest writes it when the handler wrote no header
  }
  return event.status >= kLowest && event.status <= kHighest ? event.status : 0;
}

// Why net/http did not finish a response; empty where nothing is wrong.
std::string_view UnfinishedType(uint32_t flags) {
  if ((flags & UP_FLAG_ABORTED) != 0) return "net/http.ErrAbortHandler";
  if ((flags & UP_FLAG_PANIC) != 0) return "panic";
  if ((flags & UP_FLAG_GOEXIT) != 0) return "runtime.Goexit";
  return (flags & UP_FLAG_HIJACKED) != 0 ? "" : kOther;
}

// What the error of a client is, of which the kernel side tells no more than an address.
std::string GoErrorTypeOf(const up_http_event& event, const EventStrings& strings,
                          const ErrorMethods* methods) {
  GoError error{.method = {},
                .pointer = (event.flags & UP_FLAG_ERROR_POINTER) != 0,
                .value = event.error_value,
                .text = strings.error_text()};
  if (methods != nullptr) {
    const auto found = methods->find(event.error_method);
    if (found != methods->end()) error.method = found->second;
  }
  return SanitizeText(ErrorType(error));
}

std::string ErrorTypeOf(const Span& span, const up_http_event& event, const EventStrings& strings,
                        const ErrorMethods* methods) {
  const uint32_t flags = event.flags;
  if ((flags & UP_FLAG_UNFINISHED) != 0) return std::string(UnfinishedType(flags));
  const uint32_t first_error = span.kind == Kind::kServer ? 500 : 400;
  if (span.status_code >= first_error) return std::to_string(span.status_code);
  if ((flags & UP_FLAG_WRITE_ERROR) != 0) return "response_not_written";
  return (flags & UP_FLAG_ERROR) != 0 ? GoErrorTypeOf(event, strings, methods) : "";
}

bool IsGrpc(const up_http_event& event) {
  return event.kind == UP_EVENT_GRPC_SERVER || event.kind == UP_EVENT_GRPC_CLIENT;
}

void SetRpcPeer(Span& span, const up_http_event& event, const EventStrings& strings) {
  if ((event.flags & UP_FLAG_PEER_ADDRESS) == 0) {
    SetPeer(span, strings);
    return;
  }
  const Peer peer = ReadTcpPeer(event);
  AppendSanitized(peer.address, span.peer_address);
  span.peer_port = peer.port;
  AddTruncated(span, strings.truncated(UP_STRING_PEER), "network.peer.address");
}

void SetRpc(Span& span, const up_http_event& event, const EventStrings& strings) {
  span.rpc_system = "grpc";
  const FullMethod method = ParseFullMethod(strings.target());
  AppendSanitized(method.service, span.rpc_service);
  AppendSanitized(method.method, span.rpc_method);
  span.rpc_status_code = event.status;
  span.error_type = GrpcErrorType(span.kind, event.status);
  if (strings.truncated(UP_STRING_TARGET)) AddTruncated(span, true, "rpc.method");
  if (span.kind == Kind::kClient) SetServerAddress(span, strings);
  SetRpcPeer(span, event, strings);
}

ParentSource ParentSourceOf(uint32_t flags) {
  if ((flags & UP_FLAG_LOCAL_PARENT) != 0) return ParentSource::kGoroutine;
  if ((flags & UP_FLAG_CONTEXT_PARENT) != 0) return ParentSource::kContext;
  if ((flags & UP_FLAG_CONNECTION_PARENT) != 0) return ParentSource::kConnection;
  if ((flags & UP_FLAG_GOROUTINE_PARENT) != 0) return ParentSource::kGoroutineStart;
  if ((flags & UP_FLAG_CHANNEL_PARENT) != 0) return ParentSource::kChannel;
  return (flags & UP_FLAG_REMOTE_PARENT) != 0 ? ParentSource::kTraceparent : ParentSource::kNone;
}

// How the body of a client's response ended; a failure is an error of the request.
std::string BodyEndOf(uint32_t flags) {
  if ((flags & UP_FLAG_ERROR) != 0) return "";
  if ((flags & UP_FLAG_BODY_READ) != 0) return "read";
  return (flags & UP_FLAG_BODY_CLOSED) != 0 ? "closed" : "";
}

void SetIdentity(Span& span, const up_http_event& event) {
  static_assert(sizeof(span.trace_id) == sizeof(event.trace_id));
  static_assert(sizeof(span.span_id) == sizeof(event.span_id));
  std::memcpy(span.trace_id.data(), event.trace_id, sizeof(event.trace_id));
  std::memcpy(span.span_id.data(), event.span_id, sizeof(event.span_id));
  span.trace_flags = event.trace_flags;
  const ParentSource source = ParentSourceOf(event.flags);
  if (source == ParentSource::kNone) return;
  std::memcpy(span.parent_span_id.data(), event.parent_span_id, sizeof(event.parent_span_id));
  if (!span.has_parent()) return;
  span.parent_source = source;
}

void SetSource(Span& span, const up_http_event& event, const EventSource& source) {
  span.probe.append("probes/").append(source.probe);
  AppendSanitized(source.service_name, span.service_name);
  AppendSanitized(source.binary_path, span.binary_path);
  span.network_namespace = source.network_namespace;
  span.pid = event.tgid;
  span.goroutine = event.goroutine;
}

// Not of what the program has no handler for: such paths are anybody's choice.
bool MayDeriveRoute(const Span& span) {
  constexpr uint32_t kNotFound = 404;
  constexpr uint32_t kMethodNotAllowed = 405;
  return span.kind == Kind::kServer && span.route.empty() && span.path.starts_with('/') &&
         span.status_code != kNotFound && span.status_code != kMethodNotAllowed &&
         span.truncated.find("url.path") == std::string::npos;
}

}  // namespace

void Assemble(const up_http_event& event, const EventSource& source, const WallClock& clock,
              Span& span) {
  const EventStrings strings(event);
  span.Clear();
  span.kind = event.kind == UP_EVENT_HTTP_SERVER || event.kind == UP_EVENT_GRPC_SERVER
                  ? Kind::kServer
                  : Kind::kClient;
  span.start_unix_ns = clock.ToUnixNanos(event.start_ns);
  span.end_unix_ns = clock.ToUnixNanos(event.end_ns);
  if (event.first_byte_ns != 0) span.first_byte_unix_ns = clock.ToUnixNanos(event.first_byte_ns);
  span.unstreamed = (event.flags & UP_FLAG_UNSTREAMED) != 0;
  SetIdentity(span, event);
  SetSource(span, event, source);
  if (IsGrpc(event)) {
    SetRpc(span, event, strings);
    return;
  }

  span.refused = (event.flags & UP_FLAG_REFUSED) != 0;
  if (span.refused) {
    span.method = kOther;  // of what was no request, nothing else is known
  } else {
    SetRequest(span, event, strings, source.capture_query);
  }
  span.status_code = StatusOf(event);
  if (source.derived_routes && MayDeriveRoute(span)) {
    span.derived_route += source.derived_routes->Of(span.path);
  }
  span.request_body_size = std::max<int64_t>(event.request_size, -1);
  span.response_body_size = std::max<int64_t>(event.response_size, -1);
  span.error_type = ErrorTypeOf(span, event, strings, source.error_methods.get());
  SetHandlerFunction(span, event, source.function_names.get());
  span.hijacked = (event.flags & UP_FLAG_HIJACKED) != 0;
  span.body_end = BodyEndOf(event.flags);
}

Span Assemble(const up_http_event& event, const EventSource& source, const WallClock& clock) {
  Span span;
  Assemble(event, source, clock, span);
  return span;
}

}  // namespace uprobed::span
