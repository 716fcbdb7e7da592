#ifndef UPROBED_SERVER_RPC_INTERVAL_H_
#define UPROBED_SERVER_RPC_INTERVAL_H_

#include <chrono>

#include "absl/status/statusor.h"
#include "google/protobuf/duration.pb.h"

namespace uprobed::rpc {

// The interval that a request asks for, `fallback` where it asks for none (nullptr).
// INVALID_ARGUMENT INTERVAL_TOO_SHORT below 100 ms, INTERVAL_TOO_LONG above a day.
absl::StatusOr<std::chrono::nanoseconds> ParseInterval(const google::protobuf::Duration* interval,
                                                       std::chrono::nanoseconds fallback);

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_INTERVAL_H_
