#include "server/rpc/encode_span.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "server/rpc/convert_time.h"
#include "server/rpc/utf8.h"
#include "server/rpc/wire_writer.h"
#include "server/span/attributes.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::rpc {
namespace {

using google::protobuf::Timestamp;

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

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char character) { return static_cast<uint8_t>(character) < 0x80; });
}

template <size_t kSize>
std::string_view Bytes(const std::array<uint8_t, kSize>& id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

// A proto3 string must be valid UTF-8, or the receiver refuses the whole message.
void WriteOneofText(WireWriter& wire, int field, std::string_view text) {
  if (IsAscii(text)) {
    wire.OneofText(field, text);
  } else {
    wire.OneofText(field, ToUtf8(text));
  }
}

// Two answers to what of a span is wanted. This one is known to the compiler, so that a span that
// is wanted whole pays for no mask.
struct Everything {
  static constexpr bool Has(int /*field*/) { return true; }
  template <typename Visit>
  static void VisitAttributes(const span::Span& span, const Visit& visit) {
    span::VisitAttributes(span, visit);
  }
  template <typename Visit>
  static void VisitResource(const span::Span& span, const Visit& visit) {
    span::VisitResource(span, visit);
  }
};

struct Masked {
  const stream::SpanMask& mask;

  bool Has(int field) const { return mask.fields[static_cast<size_t>(field)]; }
  template <typename Visit>
  void VisitAttributes(const span::Span& span, const Visit& visit) const {
    span::VisitAttributes(span, mask.attributes, visit);
  }
  template <typename Visit>
  void VisitResource(const span::Span& span, const Visit& visit) const {
    span::VisitResource(span, mask.attributes, visit);
  }
};

// The fields of one span.
class SpanWriter {
 public:
  SpanWriter(const span::Span& span, std::string& to) : span_(span), wire_(to), to_(to) {}

  // In the order of their numbers.
  template <typename Wanted>
  void Write(const Wanted& wanted) {
    WriteIdentity(wanted);
    if (wanted.Has(v1::Span::kNameFieldNumber)) WriteName();
    if (wanted.Has(v1::Span::kKindFieldNumber)) {
      wire_.Varint(v1::Span::kKindFieldNumber, span_.kind == span::Kind::kServer
                                                   ? v1::Span::KIND_SERVER
                                                   : v1::Span::KIND_CLIENT);
    }
    if (wanted.Has(v1::Span::kStartTimeFieldNumber)) {
      Time(v1::Span::kStartTimeFieldNumber, span_.start_unix_ns);
    }
    if (wanted.Has(v1::Span::kEndTimeFieldNumber)) {
      Time(v1::Span::kEndTimeFieldNumber, span_.end_unix_ns);
    }
    WriteAttributes(wanted);
    WriteRest(wanted);
  }

 private:
  template <typename Wanted>
  void WriteIdentity(const Wanted& wanted) {
    if (wanted.Has(v1::Span::kTraceIdFieldNumber)) {
      wire_.Text(v1::Span::kTraceIdFieldNumber, Bytes(span_.trace_id));
    }
    if (wanted.Has(v1::Span::kSpanIdFieldNumber)) {
      wire_.Text(v1::Span::kSpanIdFieldNumber, Bytes(span_.span_id));
    }
    if (wanted.Has(v1::Span::kParentSpanIdFieldNumber) && span_.has_parent()) {
      wire_.Text(v1::Span::kParentSpanIdFieldNumber, Bytes(span_.parent_span_id));
    }
    if (wanted.Has(v1::Span::kParentSourceFieldNumber)) {
      wire_.Varint(v1::Span::kParentSourceFieldNumber,
                   static_cast<uint64_t>(ParentSourceToProto(span_.parent_source)));
    }
    if (wanted.Has(v1::Span::kTraceFlagsFieldNumber)) {
      wire_.Varint(v1::Span::kTraceFlagsFieldNumber, span_.trace_flags);
    }
  }
  template <typename Wanted>
  void WriteAttributes(const Wanted& wanted) {
    if (wanted.Has(v1::Span::kAttributesFieldNumber)) {
      wanted.VisitAttributes(span_,
                             [this](std::string_view key, const span::AttributeValue& value) {
                               EncodeAttribute(v1::Span::kAttributesFieldNumber, key, value, to_);
                             });
    }
    if (wanted.Has(v1::Span::kResourceFieldNumber)) {
      wanted.VisitResource(span_, [this](std::string_view key, const span::AttributeValue& value) {
        EncodeAttribute(v1::Span::kResourceFieldNumber, key, value, to_);
      });
    }
  }
  template <typename Wanted>
  void WriteRest(const Wanted& wanted) {
    if (wanted.Has(v1::Span::kStatusFieldNumber)) {
      wire_.Varint(v1::Span::kStatusFieldNumber,
                   span_.is_error() ? v1::Span::STATUS_ERROR : v1::Span::STATUS_UNSET);
    }
    if (wanted.Has(v1::Span::kProbeFieldNumber)) Text(v1::Span::kProbeFieldNumber, span_.probe);
    if (wanted.Has(v1::Span::kTruncatedAttributesFieldNumber)) Truncated(span_.truncated);
    if (wanted.Has(v1::Span::kFirstByteTimeFieldNumber) && span_.first_byte_unix_ns != 0) {
      Time(v1::Span::kFirstByteTimeFieldNumber, span_.first_byte_unix_ns);
    }
    if (wanted.Has(v1::Span::kTraceStateFieldNumber)) {
      Text(v1::Span::kTraceStateFieldNumber, span_.trace_state);
    }
  }
  void Text(int field, std::string_view text) {
    if (!text.empty()) WriteOneofText(wire_, field, text);
  }
  void WriteName() {
    wire_.Message(v1::Span::kNameFieldNumber, [this] {
      const size_t begin = to_.size();
      span::AppendSpanName(span_, to_);
      const std::string_view name = std::string_view(to_).substr(begin);
      if (!IsAscii(name)) to_.replace(begin, name.size(), ToUtf8(name));
    });
  }
  void Time(int field, int64_t unix_ns) {
    const Timestamp time = ToTimestamp(unix_ns);
    wire_.Message(field, [&] {
      wire_.Varint(Timestamp::kSecondsFieldNumber, static_cast<uint64_t>(time.seconds()));
      wire_.Varint(Timestamp::kNanosFieldNumber, static_cast<uint64_t>(time.nanos()));
    });
  }
  void Truncated(std::string_view names) {
    while (!names.empty()) {
      const size_t comma = names.find(',');
      Text(v1::Span::kTruncatedAttributesFieldNumber, names.substr(0, comma));
      names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
    }
  }

  const span::Span& span_;
  WireWriter wire_;
  std::string& to_;
};

}  // namespace

void EncodeAttribute(int field, std::string_view key, const span::AttributeValue& value,
                     std::string& to) {
  WireWriter wire(to);
  wire.Message(field, [&] {
    wire.Text(v1::KeyValue::kKeyFieldNumber, key);
    if (const auto* text = std::get_if<std::string_view>(&value)) {
      WriteOneofText(wire, v1::KeyValue::kStringValueFieldNumber, *text);
    } else if (const auto* number = std::get_if<int64_t>(&value)) {
      wire.OneofVarint(v1::KeyValue::kIntValueFieldNumber, static_cast<uint64_t>(*number));
    } else {
      wire.OneofVarint(v1::KeyValue::kBoolValueFieldNumber, std::get<bool>(value) ? 1 : 0);
    }
  });
}

void EncodeSpanFields(const span::Span& span, const stream::SpanMask& mask, std::string& to) {
  SpanWriter writer(span, to);
  if (mask.TakesAll()) {
    writer.Write(Everything());
  } else {
    writer.Write(Masked{mask});
  }
}

void EncodeSpan(const span::Span& span, const stream::SpanMask& mask, std::string& to) {
  WireWriter(to).Message(v1::StreamSpansResponse::kSpansFieldNumber,
                         [&] { EncodeSpanFields(span, mask, to); });
}

}  // namespace uprobed::rpc
