#include "server/rpc/convert_span.h"

#include <string>
#include <string_view>
#include <variant>

#include "server/rpc/convert_time.h"
#include "server/rpc/utf8.h"
#include "server/span/attributes.h"

namespace uprobed::rpc {
namespace {

template <size_t kSize>
std::string Bytes(const std::array<uint8_t, kSize>& id) {
  return {id.begin(), id.end()};
}

v1::Span::ParentSource ParentSourceToProto(span::ParentSource source) {
  switch (source) {
    case span::ParentSource::kNone:
      return v1::Span::PARENT_SOURCE_UNSPECIFIED;
    case span::ParentSource::kTraceparent:
      return v1::Span::PARENT_SOURCE_TRACEPARENT;
    case span::ParentSource::kGoroutine:
      return v1::Span::PARENT_SOURCE_GOROUTINE;
    case span::ParentSource::kContext:
      return v1::Span::PARENT_SOURCE_CONTEXT;
    case span::ParentSource::kConnection:
      return v1::Span::PARENT_SOURCE_CONNECTION;
    case span::ParentSource::kGoroutineStart:
      return v1::Span::PARENT_SOURCE_GOROUTINE_START;
    case span::ParentSource::kChannel:
      return v1::Span::PARENT_SOURCE_CHANNEL;
  }
  return v1::Span::PARENT_SOURCE_UNSPECIFIED;
}

void FillAttribute(std::string_view key, const span::AttributeValue& value, v1::KeyValue& to) {
  to.set_key(std::string(key));
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    to.set_string_value(ToUtf8(*text));
  } else if (const auto* number = std::get_if<int64_t>(&value)) {
    to.set_int_value(*number);
  } else {
    to.set_bool_value(std::get<bool>(value));
  }
}

void FillTruncated(std::string_view names, v1::Span& to) {
  while (!names.empty()) {
    const size_t comma = names.find(',');
    to.add_truncated_attributes(ToUtf8(names.substr(0, comma)));
    names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
  }
}

}  // namespace

void FillSpan(const span::Span& from, v1::Span& to) {
  to.set_trace_id(Bytes(from.trace_id));
  to.set_span_id(Bytes(from.span_id));
  if (from.has_parent()) to.set_parent_span_id(Bytes(from.parent_span_id));
  to.set_parent_source(ParentSourceToProto(from.parent_source));
  to.set_trace_flags(from.trace_flags);
  to.set_trace_state(ToUtf8(from.trace_state));
  to.set_name(ToUtf8(span::SpanName(from)));
  to.set_kind(from.kind == span::Kind::kServer ? v1::Span::KIND_SERVER : v1::Span::KIND_CLIENT);
  *to.mutable_start_time() = ToTimestamp(from.start_unix_ns);
  *to.mutable_end_time() = ToTimestamp(from.end_unix_ns);
  if (from.first_byte_unix_ns != 0) {
    *to.mutable_first_byte_time() = ToTimestamp(from.first_byte_unix_ns);
  }
  span::VisitAttributes(from, [&to](std::string_view key, const span::AttributeValue& value) {
    FillAttribute(key, value, *to.add_attributes());
  });
  span::VisitResource(from, [&to](std::string_view key, const span::AttributeValue& value) {
    FillAttribute(key, value, *to.add_resource());
  });
  to.set_status(from.is_error() ? v1::Span::STATUS_ERROR : v1::Span::STATUS_UNSET);
  to.set_probe(ToUtf8(from.probe));
  FillTruncated(from.truncated, to);
}

void FillEdgeNames(const span::EdgeKey& from, v1::Topology::Edge& to) {
  to.set_caller(ToUtf8(from.caller));
  to.set_caller_function(ToUtf8(from.caller_function));
  to.set_callee(ToUtf8(from.callee));
  to.set_callee_function(ToUtf8(from.callee_function));
}

void FillEdge(const span::Edge& from, v1::Topology::Edge& to) {
  FillEdgeNames(from.key, to);
  to.set_count(from.count);
  to.set_errors(from.errors);
  const int64_t average =
      from.count == 0 ? 0 : from.latency_sum_ns / static_cast<int64_t>(from.count);
  *to.mutable_latency_average() = ToDuration(average);
  *to.mutable_latency_max() = ToDuration(from.latency_max_ns);
  *to.mutable_last_seen_time() = ToTimestamp(from.last_seen_unix_ns);
  *to.mutable_first_seen_time() = ToTimestamp(from.first_seen_unix_ns);
  to.set_caller_function_derived(from.caller_function_derived);
  to.set_callee_function_derived(from.callee_function_derived);
}

}  // namespace uprobed::rpc
