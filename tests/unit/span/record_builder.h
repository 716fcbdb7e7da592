#ifndef UPROBED_TESTS_UNIT_SPAN_RECORD_BUILDER_H_
#define UPROBED_TESTS_UNIT_SPAN_RECORD_BUILDER_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "bpf/abi/http_event.h"

namespace uprobed::span {

inline up_http_record HeadOf(const up_http_event& event) {
  up_http_record head{};
  head.kind = event.kind;
  head.slot = event.slot;
  head.start_ns = event.start_ns;
  head.end_ns = event.end_ns;
  head.goroutine = event.goroutine;
  head.request_size = event.request_size;
  head.response_size = event.response_size;
  head.tgid = event.tgid;
  head.tid = event.tid;
  head.status = event.status;
  head.protocol_major = event.protocol_major;
  head.protocol_minor = event.protocol_minor;
  head.flags = event.flags;
  head.truncated = event.truncated;
  head.unread = event.unread;
  head.trace_flags = event.trace_flags;
  head.http2 = event.http2;
  std::memcpy(head.lengths, event.lengths, sizeof(head.lengths));
  std::memcpy(head.trace_id, event.trace_id, sizeof(head.trace_id));
  std::memcpy(head.span_id, event.span_id, sizeof(head.span_id));
  std::memcpy(head.parent_span_id, event.parent_span_id, sizeof(head.parent_span_id));
  head.error_method = event.error_method;
  head.error_value = event.error_value;
  head.first_byte_ns = event.first_byte_ns;
  return head;
}

// The record that the BPF programs would make of the event. A length beyond its array stands in it
// as it is, with so many bytes as the array has.
inline std::vector<std::byte> RecordOf(const up_http_event& event,
                                       const std::optional<up_trace_state>& state = std::nullopt) {
  up_http_record head = HeadOf(event);
  std::vector<std::byte> text;
  const auto append = [&text](std::span<const std::byte> bytes) {
    text.insert(text.end(), bytes.begin(), bytes.end());
  };
  if (state.has_value()) append(std::as_bytes(std::span(&*state, 1)));
  const std::array<std::span<const char>, UP_STRING_COUNT> strings = {
      event.method, event.scheme, event.host, event.target, event.query, event.route, event.peer};
  for (size_t i = 0; i < strings.size(); ++i) {
    head.begins[i] = static_cast<uint16_t>(sizeof(head) + text.size());
    append(std::as_bytes(strings[i].first(std::min<size_t>(strings[i].size(), event.lengths[i]))));
  }
  std::vector<std::byte> record(sizeof(head) + text.size());
  std::memcpy(record.data(), &head, sizeof(head));
  std::copy(text.begin(), text.end(), record.begin() + sizeof(head));
  return record;
}

}  // namespace uprobed::span

#endif  // UPROBED_TESTS_UNIT_SPAN_RECORD_BUILDER_H_
