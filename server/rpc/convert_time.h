#ifndef UPROBED_SERVER_RPC_CONVERT_TIME_H_
#define UPROBED_SERVER_RPC_CONVERT_TIME_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <cstdint>

namespace uprobed::rpc {

inline constexpr int64_t kNanosPerSecond = 1'000'000'000;

// Since the Unix epoch. Nanos of a Timestamp count forward, also before the epoch.
inline google::protobuf::Timestamp ToTimestamp(int64_t unix_ns) {
  int64_t seconds = unix_ns / kNanosPerSecond;
  int64_t nanos = unix_ns % kNanosPerSecond;
  if (nanos < 0) {
    nanos += kNanosPerSecond;
    --seconds;
  }
  google::protobuf::Timestamp result;
  result.set_seconds(seconds);
  result.set_nanos(static_cast<int32_t>(nanos));
  return result;
}

inline google::protobuf::Duration ToDuration(int64_t duration_ns) {
  google::protobuf::Duration result;
  result.set_seconds(duration_ns / kNanosPerSecond);
  result.set_nanos(static_cast<int32_t>(duration_ns % kNanosPerSecond));
  return result;
}

}  // namespace uprobed::rpc

#endif  // UPROBED_SERVER_RPC_CONVERT_TIME_H_
