#include "server/base/clock.h"

#include <ctime>

namespace uprobed {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

int64_t Read(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<int64_t>(now.tv_sec) * kNanosPerSecond + now.tv_nsec;
}

}  // namespace

int64_t UnixNanosNow() { return Read(CLOCK_REALTIME); }

uint64_t MonotonicNanosNow() { return static_cast<uint64_t>(Read(CLOCK_MONOTONIC)); }

void WallClock::Refresh() { offset_ns_ = Read(CLOCK_REALTIME) - Read(CLOCK_MONOTONIC); }

}  // namespace uprobed
