#include "server/span/attributes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

namespace uprobed::span {
namespace {

using Value = std::optional<AttributeValue>;

template <std::string Span::*kMember>
Value Text(const Span& span) {
  const std::string& text = span.*kMember;
  return text.empty() ? Value() : Value(std::string_view(text));
}

// 0 stands for "not known".
template <uint32_t Span::*kMember>
Value Number(const Span& span) {
  return span.*kMember == 0 ? Value() : Value(int64_t{span.*kMember});
}

// -1 stands for "not known".
template <int64_t Span::*kMember>
Value Size(const Span& span) {
  return span.*kMember < 0 ? Value() : Value(span.*kMember);
}

Value Hijacked(const Span& span) { return span.hijacked ? Value(true) : Value(); }

struct Attribute {
  std::string_view key;
  AttributeGetter get;
  bool is_number = false;
};

// OpenTelemetry's semantic conventions for HTTP, which are stable, and for RPC.
constexpr Attribute kAttributes[] = {
    {"http.request.method", Text<&Span::method>},
    {"http.request.method_original", Text<&Span::method_original>},
    {"http.response.status_code", Number<&Span::status_code>, true},
    {"http.route", Text<&Span::route>},
    {"url.scheme", Text<&Span::scheme>},
    {"url.path", Text<&Span::path>},
    {"url.query", Text<&Span::query>},
    {"url.full", Text<&Span::url_full>},
    {"rpc.system", Text<&Span::rpc_system>},
    {"rpc.service", Text<&Span::rpc_service>},
    {"rpc.method", Text<&Span::rpc_method>},
    {"rpc.grpc.status_code", Size<&Span::rpc_status_code>, true},
    {"server.address", Text<&Span::server_address>},
    {"server.port", Number<&Span::server_port>, true},
    {"network.peer.address", Text<&Span::peer_address>},
    {"network.peer.port", Number<&Span::peer_port>, true},
    {"network.protocol.version", Text<&Span::protocol_version>},
    {"http.request.body.size", Size<&Span::request_body_size>, true},
    {"http.response.body.size", Size<&Span::response_body_size>, true},
    {"uprobed.response.body.end", Text<&Span::body_end>},
    {"error.type", Text<&Span::error_type>},
    {"uprobed.connection.hijacked", Hijacked},
    {"uprobed.http.route.derived", Text<&Span::derived_route>},
    {"code.function.name", Text<&Span::function>},
};

constexpr Attribute kResource[] = {
    {"service.name", Text<&Span::service_name>},
    {"process.pid", Number<&Span::pid>, true},
    {"process.executable.path", Text<&Span::binary_path>},
};

constexpr auto kInfos = [] {
  std::array<AttributeInfo, std::size(kAttributes) + std::size(kResource)> infos{};
  size_t count = 0;
  for (const Attribute& attribute : kAttributes) {
    infos[count++] = {attribute.key, attribute.is_number, false};
  }
  for (const Attribute& attribute : kResource) {
    infos[count++] = {attribute.key, attribute.is_number, true};
  }
  return infos;
}();
static_assert(kInfos.size() <= AttributeSet().size());

using Visitor = std::function<void(std::string_view key, AttributeValue value)>;

void Visit(std::span<const Attribute> attributes, const Span& span, const Visitor& visit) {
  for (const Attribute& attribute : attributes) {
    if (const Value value = attribute.get(span)) visit(attribute.key, *value);
  }
}

// `first`: the place of the first of them in `wanted`.
void VisitWanted(std::span<const Attribute> attributes, size_t first, const Span& span,
                 const AttributeSet& wanted, const Visitor& visit) {
  for (size_t i = 0; i < attributes.size(); ++i) {
    if (!wanted[first + i]) continue;
    if (const Value value = attributes[i].get(span)) visit(attributes[i].key, *value);
  }
}

template <size_t kSize>
std::string Hex(const std::array<uint8_t, kSize>& id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * kSize);
  for (const uint8_t byte : id) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xFU];
  }
  return text;
}

}  // namespace

void VisitAttributes(const Span& span, const Visitor& visit) { Visit(kAttributes, span, visit); }

void VisitResource(const Span& span, const Visitor& visit) { Visit(kResource, span, visit); }

void VisitAttributes(const Span& span, const AttributeSet& wanted, const Visitor& visit) {
  VisitWanted(kAttributes, 0, span, wanted, visit);
}

void VisitResource(const Span& span, const AttributeSet& wanted, const Visitor& visit) {
  VisitWanted(kResource, std::size(kAttributes), span, wanted, visit);
}

AttributeGetter FindAttributeGetter(std::string_view key) {
  for (const std::span<const Attribute> attributes :
       {std::span<const Attribute>(kAttributes), std::span<const Attribute>(kResource)}) {
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const Attribute& each) { return each.key == key; });
    if (found != attributes.end()) return found->get;
  }
  return nullptr;
}

std::span<const AttributeInfo> KnownAttributes() { return kInfos; }

std::optional<AttributeValue> FindAttribute(const Span& span, std::string_view key) {
  const AttributeGetter get = FindAttributeGetter(key);
  return get == nullptr ? std::nullopt : get(span);
}

bool IsKnownAttribute(std::string_view key) { return FindAttributeGetter(key) != nullptr; }

void AppendSpanName(const Span& span, std::string& to) {
  if (span.is_rpc()) {
    to.append(span.rpc_service).append("/").append(span.rpc_method);
    return;
  }
  const bool known = !span.method.empty() && span.method != "_OTHER";
  to += known ? std::string_view(span.method) : "HTTP";
  const std::string& route = span.route.empty() ? span.derived_route : span.route;
  if (span.kind == Kind::kServer && !route.empty()) to.append(" ").append(route);
}

std::string SpanName(const Span& span) {
  std::string name;
  AppendSpanName(span, name);
  return name;
}

std::string ToHex(const TraceId& id) { return Hex(id); }
std::string ToHex(const SpanId& id) { return Hex(id); }

}  // namespace uprobed::span
