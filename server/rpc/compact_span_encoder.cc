#include "server/rpc/compact_span_encoder.h"

#include <algorithm>
#include <bitset>
#include <optional>
#include <utility>
#include <variant>

#include "absl/hash/hash.h"
#include "server/rpc/encode_span.h"
#include "server/rpc/wire_writer.h"
#include "uprobed/v1/telemetry.pb.h"

namespace uprobed::rpc {
namespace {

// What is sent with each span.
constexpr int kOwnFields[] = {
    v1::Span::kTraceIdFieldNumber,       v1::Span::kSpanIdFieldNumber,
    v1::Span::kParentSpanIdFieldNumber,  v1::Span::kStartTimeFieldNumber,
    v1::Span::kEndTimeFieldNumber,       v1::Span::kAttributesFieldNumber,
    v1::Span::kFirstByteTimeFieldNumber, v1::Span::kTraceStateFieldNumber,
};
constexpr std::string_view kOwnAttributes[] = {
    "url.path",
    "url.query",
    "url.full",
    "network.peer.port",
    "http.request.body.size",
    "http.response.body.size",
};

// The strings that decide what spans have in common: all that are in no own field or attribute.
constexpr std::string span::Span::*kCommonStrings[] = {
    &span::Span::probe,        &span::Span::service_name,    &span::Span::binary_path,
    &span::Span::method,       &span::Span::method_original, &span::Span::scheme,
    &span::Span::route,        &span::Span::derived_route,   &span::Span::server_address,
    &span::Span::peer_address, &span::Span::function,        &span::Span::protocol_version,
    &span::Span::error_type,   &span::Span::body_end,        &span::Span::rpc_system,
    &span::Span::rpc_service,  &span::Span::rpc_method,      &span::Span::truncated,
};

template <typename Value>
void AppendBytes(const Value& value, std::string& to) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Two spans have the same in common where this is the same. With lengths, so that no string is
// taken for the begin of the next one.
void AssignCommonValue(const span::Span& span, std::string& to) {
  to.clear();
  AppendBytes(span.kind, to);
  AppendBytes(span.parent_source, to);
  AppendBytes(span.trace_flags, to);
  AppendBytes(span.hijacked, to);
  AppendBytes(span.pid, to);
  AppendBytes(span.server_port, to);
  AppendBytes(span.status_code, to);
  AppendBytes(span.rpc_status_code, to);
  for (std::string span::Span::*const member : kCommonStrings) {
    const std::string& text = span.*member;
    AppendBytes(static_cast<uint32_t>(text.size()), to);
    to += text;
  }
}

void AssignAttributeValue(size_t number, const span::AttributeValue& value, std::string& to) {
  to.clear();
  AppendBytes(number, to);
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    to += *text;
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    AppendBytes(*integer, to);
  } else {
    AppendBytes(std::get<bool>(value), to);
  }
}

}  // namespace

CompactSpanEncoder::CompactSpanEncoder(const stream::SpanMask& mask)
    : mask_(mask), common_mask_(mask), own_mask_(mask) {
  std::bitset<stream::SpanMask::kMaxFields> own_fields;
  for (const int field : kOwnFields) own_fields[static_cast<size_t>(field)] = true;
  own_mask_.fields &= own_fields;
  common_mask_.fields &= ~own_fields;
  // Some of them are common.
  const bool has_attributes = mask.fields[v1::Span::kAttributesFieldNumber];
  common_mask_.fields[v1::Span::kAttributesFieldNumber] = has_attributes;
  const auto known = span::KnownAttributes();
  for (const std::string_view key : kOwnAttributes) {
    const auto found =
        std::find_if(known.begin(), known.end(),
                     [key](const span::AttributeInfo& attribute) { return attribute.key == key; });
    const auto number = static_cast<size_t>(found - known.begin());
    common_mask_.attributes[number] = false;
    if (has_attributes && mask.attributes[number]) {
      own_attributes_.push_back(
          {.key = key, .get = span::FindAttributeGetter(key), .number = number});
    }
  }
}

void CompactSpanEncoder::Encode(const span::Span& span, bool begins_batch, std::string& to) {
  if (begins_batch) ++batch_;
  ForgetTooMany();
  AssignCommonValue(span, value_);
  Entry* const common = Find(commons_, value_);
  if (common == nullptr) {
    WireWriter wire(to);
    wire.Message(v1::StreamSpansResponse::kCompactSpansFieldNumber, [&] {
      wire.Message(v1::CompactSpan::kOwnFieldNumber, [&] { EncodeSpanFields(span, mask_, to); });
    });
    return;
  }
  if (!MarkWritten(*common)) WriteCommon(span, common->id, to);
  const span::AttributeSet in_full = WriteAttributes(span, to);
  WriteSpan(span, common->id, in_full, to);
}

CompactSpanEncoder::Entry* CompactSpanEncoder::Find(Entries& entries, absl::string_view value) {
  const auto found = entries.find(value);
  if (found != entries.end()) return &found->second;
  const size_t hash = absl::HashOf(value);
  size_t& seen = seen_[hash % kSeen];
  if (seen != hash) {
    seen = hash;
    return nullptr;
  }
  bytes_ += value.size();
  return &entries.emplace(value, Entry{.id = ++last_id_}).first->second;
}

bool CompactSpanEncoder::MarkWritten(Entry& entry) const {
  return std::exchange(entry.batch, batch_) == batch_;
}

void CompactSpanEncoder::WriteCommon(const span::Span& span, uint64_t id, std::string& to) const {
  WireWriter wire(to);
  wire.Message(v1::StreamSpansResponse::kDictionaryFieldNumber, [&] {
    wire.Varint(v1::DictionaryEntry::kIdFieldNumber, id);
    wire.Message(v1::DictionaryEntry::kCommonFieldNumber,
                 [&] { EncodeSpanFields(span, common_mask_, to); });
  });
}

span::AttributeSet CompactSpanEncoder::WriteAttributes(const span::Span& span, std::string& to) {
  attribute_ids_.clear();
  span::AttributeSet in_full;
  for (const OwnAttribute& attribute : own_attributes_) {
    const std::optional<span::AttributeValue> value = attribute.get(span);
    if (!value.has_value()) continue;
    AssignAttributeValue(attribute.number, *value, value_);
    Entry* const entry = Find(attributes_, value_);
    if (entry == nullptr) {
      in_full[attribute.number] = true;
      continue;
    }
    attribute_ids_.push_back(entry->id);
    if (MarkWritten(*entry)) continue;
    WireWriter wire(to);
    wire.Message(v1::StreamSpansResponse::kDictionaryFieldNumber, [&] {
      wire.Varint(v1::DictionaryEntry::kIdFieldNumber, entry->id);
      EncodeAttribute(v1::DictionaryEntry::kAttributeFieldNumber, attribute.key, *value, to);
    });
  }
  return in_full;
}

void CompactSpanEncoder::WriteSpan(const span::Span& span, uint64_t common_id,
                                   const span::AttributeSet& in_full, std::string& to) const {
  stream::SpanMask own = own_mask_;
  own.attributes = in_full;
  own.fields[v1::Span::kAttributesFieldNumber] = in_full.any();
  WireWriter wire(to);
  wire.Message(v1::StreamSpansResponse::kCompactSpansFieldNumber, [&] {
    wire.Message(v1::CompactSpan::kOwnFieldNumber, [&] { EncodeSpanFields(span, own, to); });
    wire.Varint(v1::CompactSpan::kCommonIdFieldNumber, common_id);
    if (!attribute_ids_.empty()) {
      wire.Packed(v1::CompactSpan::kAttributeIdsFieldNumber, attribute_ids_);
    }
  });
}

void CompactSpanEncoder::ForgetTooMany() {
  if (commons_.size() + attributes_.size() < kMaxEntries && bytes_ < kMaxBytes) return;
  commons_.clear();
  attributes_.clear();
  bytes_ = 0;
}

}  // namespace uprobed::rpc
