#include "server/base/clock.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace uprobed {
namespace {

TEST(WallClock, AddsItsOffset) {
  const WallClock clock(1'700'000'000'000'000'000);

  EXPECT_EQ(clock.ToUnixNanos(0), 1'700'000'000'000'000'000);
  EXPECT_EQ(clock.ToUnixNanos(42), 1'700'000'000'000'000'042);
}

TEST(WallClock, TakesANegativeOffset) {
  const WallClock clock(-5);

  EXPECT_EQ(clock.ToUnixNanos(7), 2);
}

TEST(WallClock, TellsTheTimeOfTheSystemAfterARefresh) {
  // An hour: whatever the machine does in between, only a wrong offset is that far away.
  constexpr int64_t kHour = 3'600'000'000'000;
  WallClock clock(0);

  clock.Refresh();

  EXPECT_NEAR(static_cast<double>(clock.ToUnixNanos(MonotonicNanosNow())),
              static_cast<double>(UnixNanosNow()), static_cast<double>(kHour));
}

TEST(MonotonicNanosNow, NeverGoesBack) {
  const uint64_t first = MonotonicNanosNow();

  EXPECT_GE(MonotonicNanosNow(), first);
}

}  // namespace
}  // namespace uprobed
