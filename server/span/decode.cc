#include "server/span/decode.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/span/trace_state.h"

namespace uprobed::span {
namespace {

// In the order of UP_STRING_*.
struct StringBound {
  const char* name;
  uint16_t size;
};
constexpr std::array<StringBound, UP_STRING_COUNT> kBounds = {{{"method", UP_METHOD_MAX},
                                                               {"scheme", UP_SCHEME_MAX},
                                                               {"host", UP_HOST_MAX},
                                                               {"target", UP_TARGET_MAX},
                                                               {"query", UP_QUERY_MAX},
                                                               {"route", UP_ROUTE_MAX},
                                                               {"peer", UP_PEER_MAX}}};

// 146 years after boot. Up to it, wall-clock times and durations fit into 64 bits with a sign.
constexpr uint64_t kLatestNs = uint64_t{1} << 62U;

absl::Status Malformed(const std::string& what) {
  return MakeError(absl::StatusCode::kDataLoss, "RECORD_MALFORMED",
                   fmt::format("{}; the daemon and its BPF programs are not of one build, or the "
                               "ring buffer is damaged: restart the daemon",
                               what));
}

// Where each string of an event is.
std::array<char*, UP_STRING_COUNT> PlacesIn(up_http_event& event) {
  return {event.method, event.scheme, event.host, event.target,
          event.query,  event.route,  event.peer};
}

// All but the strings, which the event has apart.
void CopyNumbers(const up_http_record& from, up_http_event& to) {
  to.kind = from.kind;
  to.slot = from.slot;
  to.start_ns = from.start_ns;
  to.end_ns = from.end_ns;
  to.goroutine = from.goroutine;
  to.request_size = from.request_size;
  to.response_size = from.response_size;
  to.tgid = from.tgid;
  to.tid = from.tid;
  to.status = from.status;
  to.protocol_major = from.protocol_major;
  to.protocol_minor = from.protocol_minor;
  to.flags = from.flags;
  to.truncated = from.truncated;
  to.unread = from.unread;
  to.trace_flags = from.trace_flags;
  to.http2 = from.http2;
  std::memcpy(to.lengths, from.lengths, sizeof(to.lengths));
  std::memcpy(to.trace_id, from.trace_id, sizeof(to.trace_id));
  std::memcpy(to.span_id, from.span_id, sizeof(to.span_id));
  std::memcpy(to.parent_span_id, from.parent_span_id, sizeof(to.parent_span_id));
  to.error_method = from.error_method;
  to.error_value = from.error_value;
  to.first_byte_ns = from.first_byte_ns;
}

absl::Status CopyStrings(std::span<const std::byte> record, const up_http_record& from,
                         up_http_event& to) {
  const std::array<char*, UP_STRING_COUNT> places = PlacesIn(to);
  for (size_t i = 0; i < kBounds.size(); ++i) {
    const size_t length = from.lengths[i];
    const size_t begin = from.begins[i];
    if (length > kBounds[i].size) {
      return Malformed(fmt::format("the {} of a record has {} bytes where at most {} fit",
                                   kBounds[i].name, length, kBounds[i].size));
    }
    if (length == 0) continue;
    if (begin < HeadSize(from.flags) || begin + length > record.size()) {
      return Malformed(fmt::format("the {} of a record of {} bytes is at {} to {}", kBounds[i].name,
                                   record.size(), begin, begin + length));
    }
    std::memcpy(places[i], record.data() + begin, length);
  }
  return absl::OkStatus();
}

absl::Status CheckTimes(const up_http_record& record) {
  if (record.end_ns < record.start_ns) {
    return Malformed(
        fmt::format("a record ends {} ns before it starts", record.start_ns - record.end_ns));
  }
  if (record.first_byte_ns != 0 &&
      (record.first_byte_ns < record.start_ns || record.first_byte_ns > record.end_ns)) {
    return Malformed("the first byte of a record's response is outside of the request");
  }
  if (record.end_ns > kLatestNs) {
    return Malformed(fmt::format("a record ends {} ns after boot", record.end_ns));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<up_http_event> DecodeHttpEvent(std::span<const std::byte> record) {
  up_http_record head;
  if (record.size() < sizeof(head)) {
    return Malformed(
        fmt::format("a record has {} bytes where the least has {}", record.size(), sizeof(head)));
  }
  std::memcpy(&head, record.data(), sizeof(head));
  const size_t head_size = HeadSize(head.flags);
  if (record.size() < head_size || record.size() > head_size + UP_TEXT_MAX) {
    return Malformed(fmt::format("a record has {} bytes where one of its flags has {} to {}",
                                 record.size(), head_size, head_size + UP_TEXT_MAX));
  }
  if (head.kind < UP_EVENT_HTTP_SERVER || head.kind > UP_EVENT_GRPC_CLIENT) {
    return Malformed(fmt::format("a record is of unknown kind {}", head.kind));
  }
  RETURN_IF_ERROR(CheckTimes(head));
  up_http_event event;
  CopyNumbers(head, event);
  RETURN_IF_ERROR(CopyStrings(record, head, event));
  return event;
}

}  // namespace uprobed::span
