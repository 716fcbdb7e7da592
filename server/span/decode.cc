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

}  // namespace

absl::StatusOr<up_http_event> DecodeHttpEvent(std::span<const std::byte> record) {
  up_http_event event;
  // The ring buffer rounds each record up to 8 bytes, and the event is a multiple of that, so its
  // size is exact.
  static_assert(sizeof(event) % 8 == 0);
  if (record.size() < sizeof(event)) {
    return Malformed(fmt::format("a record has {} bytes where an HTTP event has {}", record.size(),
                                 sizeof(event)));
  }
  std::memcpy(&event, record.data(), sizeof(event));
  if (record.size() != RecordSize(event.flags)) {
    return Malformed(fmt::format("a record has {} bytes where one of its flags has {}",
                                 record.size(), RecordSize(event.flags)));
  }
  if (event.kind < UP_EVENT_HTTP_SERVER || event.kind > UP_EVENT_GRPC_CLIENT) {
    return Malformed(fmt::format("a record is of unknown kind {}", event.kind));
  }
  for (size_t i = 0; i < kBounds.size(); ++i) {
    if (event.lengths[i] > kBounds[i].size) {
      return Malformed(fmt::format("the {} of a record has {} bytes where at most {} fit",
                                   kBounds[i].name, event.lengths[i], kBounds[i].size));
    }
  }
  if (event.end_ns < event.start_ns) {
    return Malformed(
        fmt::format("a record ends {} ns before it starts", event.start_ns - event.end_ns));
  }
  if (event.first_byte_ns != 0 &&
      (event.first_byte_ns < event.start_ns || event.first_byte_ns > event.end_ns)) {
    return Malformed("the first byte of a record's response is outside of the request");
  }
  if (event.end_ns > kLatestNs) {
    return Malformed(fmt::format("a record ends {} ns after boot", event.end_ns));
  }
  return event;
}

}  // namespace uprobed::span
