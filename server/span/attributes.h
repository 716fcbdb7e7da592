#ifndef UPROBED_SERVER_SPAN_ATTRIBUTES_H_
#define UPROBED_SERVER_SPAN_ATTRIBUTES_H_

#include <bitset>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "server/span/span.h"

namespace uprobed::span {

// The span as OpenTelemetry attributes. One list, used by the API, the filter and the metrics.
using AttributeValue = std::variant<std::string_view, int64_t, bool>;

// Calls `visit` for each attribute that `span` has (http.request.method, url.path, ...), in a fixed
// order. Views live as long as `span`.
void VisitAttributes(const Span& span,
                     const std::function<void(std::string_view key, AttributeValue value)>& visit);
// service.name, process.pid, process.executable.path.
void VisitResource(const Span& span,
                   const std::function<void(std::string_view key, AttributeValue value)>& visit);

// Some of KnownAttributes(): each by its place there.
using AttributeSet = std::bitset<64>;
// The same as above, of `wanted` only.
void VisitAttributes(const Span& span, const AttributeSet& wanted,
                     const std::function<void(std::string_view key, AttributeValue value)>& visit);
void VisitResource(const Span& span, const AttributeSet& wanted,
                   const std::function<void(std::string_view key, AttributeValue value)>& visit);

// One attribute or resource attribute by key; nullopt where the span has none.
std::optional<AttributeValue> FindAttribute(const Span& span, std::string_view key);
// How to get one attribute, for callers that ask many spans for the same key. nullptr for a key
// that no span could ever have.
using AttributeGetter = std::optional<AttributeValue> (*)(const Span& span);
AttributeGetter FindAttributeGetter(std::string_view key);
// Every attribute and resource attribute there is, and whether its values are text or numbers.
struct AttributeInfo {
  std::string_view key;
  bool is_number = false;
  bool of_resource = false;
};
std::span<const AttributeInfo> KnownAttributes();
// Whether any span could ever have this key: tells a typing error in a filter from an absent value.
bool IsKnownAttribute(std::string_view key);

// The span's name after OpenTelemetry: "{method} {route}" for a server with a route, derived or
// not, else "{method}", where the method is "HTTP" if OpenTelemetry does not know it.
std::string SpanName(const Span& span);
// The same, appended to `to`.
void AppendSpanName(const Span& span, std::string& to);

std::string ToHex(const TraceId& id);
std::string ToHex(const SpanId& id);

}  // namespace uprobed::span

#endif  // UPROBED_SERVER_SPAN_ATTRIBUTES_H_
