#include "server/rpc/interval.h"

#include <cstdint>

#include "server/rpc/status.h"

namespace uprobed::rpc {
namespace {

constexpr std::chrono::nanoseconds kMinInterval = std::chrono::milliseconds(100);
constexpr int64_t kMaxIntervalSeconds = 86400;

}  // namespace

absl::StatusOr<std::chrono::nanoseconds> ParseInterval(const google::protobuf::Duration* interval,
                                                       std::chrono::nanoseconds fallback) {
  if (interval == nullptr) return fallback;
  if (interval->seconds() > kMaxIntervalSeconds) {
    return FieldError("INTERVAL_TOO_LONG", "interval", "an interval is at most a day");
  }
  // Sums no more than a day and the range of int32 nanoseconds, so that it cannot overflow.
  const auto result = interval->seconds() < 0 ? std::chrono::nanoseconds(-1)
                                              : std::chrono::seconds(interval->seconds()) +
                                                    std::chrono::nanoseconds(interval->nanos());
  if (interval->nanos() < 0 || result < kMinInterval) {
    return FieldError("INTERVAL_TOO_SHORT", "interval", "an interval is at least 100 ms");
  }
  return result;
}

}  // namespace uprobed::rpc
