#ifndef UPROBED_CLIENT_FORMAT_H_
#define UPROBED_CLIENT_FORMAT_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace uprobed::client {

// Numbers for people. All results are trusted text.

// "850ns", "12.3us", "1.23ms", "2.50s", "1m30s"
std::string FormatDuration(std::chrono::nanoseconds duration);
std::string FormatDuration(const google::protobuf::Duration& duration);
// "42s", "3m", "5h", "12d" between `time` and `now`; empty where `time` is not set.
std::string FormatAge(const google::protobuf::Timestamp& time,
                      std::chrono::system_clock::time_point now);
// "14:03:59.120" in the local time zone.
std::string FormatClock(const google::protobuf::Timestamp& time);
// "2026-01-31 14:03:59" in the local time zone; empty where `time` is not set.
std::string FormatTime(const google::protobuf::Timestamp& time);
// "1.5 MiB"
std::string FormatBytes(int64_t bytes);

// Nanoseconds between two times.
std::chrono::nanoseconds Between(const google::protobuf::Timestamp& start,
                                 const google::protobuf::Timestamp& end);

}  // namespace uprobed::client

#endif  // UPROBED_CLIENT_FORMAT_H_
