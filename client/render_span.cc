#include "client/render_span.h"

#include <algorithm>

#include "client/escape.h"
#include "client/format.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

constexpr size_t kServiceWidth = 12;
constexpr size_t kMethodWidth = 6;
constexpr size_t kPathWidth = 32;
// Enough of the 16 bytes to tell the traces on one screen apart.
constexpr size_t kTraceBytes = 4;

// Pads by characters; fmt would count the bytes of an escaped route right, but not those of UTF-8.
std::string Pad(std::string text, size_t width) {
  const size_t length = CountCharacters(text);
  if (length < width) text.append(width - length, ' ');
  return text;
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

std::string KindName(v1::Span::Kind kind) {
  switch (kind) {
    case v1::Span::KIND_SERVER:
      return "SERVER";
    case v1::Span::KIND_CLIENT:
      return "CLIENT";
    default:
      return "-";
  }
}

// Whom a client span called: "stock:8081".
std::string ServerOf(const v1::Span& span) {
  const std::string address = AttributeText(span.attributes(), "server.address");
  const std::string port = AttributeText(span.attributes(), "server.port");
  return port.empty() ? address : fmt::format("{}:{}", address, port);
}

bool IsTruncated(const v1::Span& span, std::string_view key) {
  return std::any_of(span.truncated_attributes().begin(), span.truncated_attributes().end(),
                     [&](const std::string& truncated) { return truncated == key; });
}

// gRPC names a method of a service where HTTP has a path.
bool IsRpc(const v1::Span& span) { return !AttributeText(span.attributes(), "rpc.system").empty(); }

std::string PathOf(const v1::Span& span) {
  if (IsRpc(span)) {
    std::string path = "/" + EscapeUntrusted(AttributeText(span.attributes(), "rpc.service")) +
                       "/" + EscapeUntrusted(AttributeText(span.attributes(), "rpc.method"));
    if (IsTruncated(span, "rpc.method")) path += "[cut]";
    if (span.kind() != v1::Span::KIND_CLIENT) return path;
    return EscapeUntrusted(ServerOf(span)) + path;
  }
  const std::string route = AttributeText(span.attributes(), "http.route");
  if (!route.empty()) return EscapeUntrusted(route);
  std::string path = EscapeUntrusted(AttributeText(span.attributes(), "url.path"));
  if (IsTruncated(span, "url.path")) path += "[cut]";
  const std::string query = AttributeText(span.attributes(), "url.query");
  if (!query.empty()) path += "?" + EscapeUntrusted(query);
  if (span.kind() != v1::Span::KIND_CLIENT) return path;
  return EscapeUntrusted(ServerOf(span)) + path;
}

// The status code, else why there is none.
std::string StatusOf(const v1::Span& span) {
  if (IsRpc(span)) return AttributeText(span.attributes(), "rpc.grpc.status_code");
  std::string code = AttributeText(span.attributes(), "http.response.status_code");
  if (!code.empty()) return code;
  return span.status() == v1::Span::STATUS_ERROR ? "ERR" : "-";
}

Colour StatusColour(const v1::Span& span, const std::string& status) {
  if (IsRpc(span) && span.status() != v1::Span::STATUS_ERROR) {
    return status == "0" ? Colour::kGreen : Colour::kYellow;
  }
  if (span.status() == v1::Span::STATUS_ERROR || status.front() == '5') return Colour::kRed;
  if (status.front() == '4') return Colour::kYellow;
  if (status.front() == '2') return Colour::kGreen;
  return Colour::kNone;
}

std::string HexPrefix(const std::string& bytes, size_t count) {
  std::string hex;
  for (size_t i = 0; i < std::min(count, bytes.size()); ++i) {
    hex += fmt::format("{:02x}", static_cast<uint8_t>(bytes[i]));
  }
  return hex;
}

std::string ParentMark(const v1::Span& span) {
  if (span.parent_span_id().empty()) return "root";
  return span.parent_source() == v1::Span::PARENT_SOURCE_TRACEPARENT ? "remote" : "child";
}

}  // namespace

std::string AttributeText(const google::protobuf::RepeatedPtrField<v1::KeyValue>& attributes,
                          std::string_view key) {
  for (const v1::KeyValue& attribute : attributes) {
    if (attribute.key() != key) continue;
    switch (attribute.value_case()) {
      case v1::KeyValue::kStringValue:
        return attribute.string_value();
      case v1::KeyValue::kIntValue:
        return fmt::format("{}", attribute.int_value());
      case v1::KeyValue::kBoolValue:
        return attribute.bool_value() ? "true" : "false";
      case v1::KeyValue::VALUE_NOT_SET:
        return "";
    }
  }
  return "";
}

std::string SpanHeader() {
  return fmt::format("{:<12} {:<{}} {:<6} {:<{}} {:<{}} {:<3} {:>8} {:<8} {}", "TIME", "SERVICE",
                     kServiceWidth, "KIND", "METHOD", kMethodWidth, "ROUTE OR PATH", kPathWidth,
                     "STA", "DURATION", "TRACE", "PARENT");
}

std::string FormatSpan(const Terminal& terminal, const v1::Span& span) {
  const std::string service =
      OrDash(EscapeUntrusted(AttributeText(span.resource(), "service.name")));
  const std::string method = OrDash(EscapeUntrusted(
      AttributeText(span.attributes(), IsRpc(span) ? "rpc.system" : "http.request.method")));
  const std::string status = EscapeUntrusted(StatusOf(span));
  const Colour kind_colour = span.kind() == v1::Span::KIND_SERVER ? Colour::kBlue : Colour::kDim;
  return fmt::format(
      "{} {} {} {} {} {} {:>8} {} {}", FormatClock(span.end_time()), Pad(service, kServiceWidth),
      terminal.Paint(kind_colour, Pad(KindName(span.kind()), 6)), Pad(method, kMethodWidth),
      Pad(OrDash(PathOf(span)), kPathWidth),
      terminal.Paint(StatusColour(span, status), Pad(status, 3)),
      FormatDuration(Between(span.start_time(), span.end_time())),
      terminal.Paint(Colour::kDim, Pad(HexPrefix(span.trace_id(), kTraceBytes), 2 * kTraceBytes)),
      ParentMark(span));
}

}  // namespace uprobed::client
