#include "client/format.h"

#include <cstdlib>
#include <ctime>

#include "gtest/gtest.h"

namespace uprobed::client {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(FormatDuration, ShowsThreeDigits) {
  EXPECT_EQ(FormatDuration(nanoseconds(0)), "0ns");
  EXPECT_EQ(FormatDuration(nanoseconds(850)), "850ns");
  EXPECT_EQ(FormatDuration(nanoseconds(12'345)), "12.3us");
  EXPECT_EQ(FormatDuration(nanoseconds(1'234'000)), "1.23ms");
  EXPECT_EQ(FormatDuration(nanoseconds(123'456'000)), "123ms");
  EXPECT_EQ(FormatDuration(nanoseconds(2'500'000'000)), "2.50s");
  EXPECT_EQ(FormatDuration(seconds(90)), "1m30s");
  EXPECT_EQ(FormatDuration(seconds(3 * 3600 + 120)), "3h02m");
  EXPECT_EQ(FormatDuration(nanoseconds(-850)), "-850ns");
}

TEST(FormatDuration, RoundsIntoTheNextUnit) {
  EXPECT_EQ(FormatDuration(nanoseconds(999'600)), "1.00ms");
  EXPECT_EQ(FormatDuration(nanoseconds(9'999'999)), "10.0ms");
  EXPECT_EQ(FormatDuration(nanoseconds(59'700'000'000)), "1m00s");
}

TEST(FormatAge, ShowsOneUnit) {
  const auto now = std::chrono::system_clock::from_time_t(1'000'000);
  google::protobuf::Timestamp time;
  EXPECT_EQ(FormatAge(time, now), "");
  time.set_seconds(1'000'000 - 42);
  EXPECT_EQ(FormatAge(time, now), "42s");
  time.set_seconds(1'000'000 - 600);
  EXPECT_EQ(FormatAge(time, now), "10m");
  time.set_seconds(1'000'000 - 5 * 3600);
  EXPECT_EQ(FormatAge(time, now), "5h");
  time.set_seconds(1'000'000 - 3 * 86'400);
  EXPECT_EQ(FormatAge(time, now), "3d");
  time.set_seconds(1'000'100);
  EXPECT_EQ(FormatAge(time, now), "0s");
}

TEST(FormatBytes, UsesBinaryUnits) {
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(7'340'032), "7.0 MiB");
}

TEST(FormatTime, IsLocal) {
  setenv("TZ", "UTC", 1);
  tzset();
  google::protobuf::Timestamp time;
  EXPECT_EQ(FormatTime(time), "");
  time.set_seconds(1'700'000'000);
  time.set_nanos(120'999'999);
  EXPECT_EQ(FormatTime(time), "2023-11-14 22:13:20");
  EXPECT_EQ(FormatClock(time), "22:13:20.120");
}

TEST(Between, CountsAcrossSeconds) {
  google::protobuf::Timestamp start;
  google::protobuf::Timestamp end;
  start.set_seconds(1);
  start.set_nanos(900'000'000);
  end.set_seconds(2);
  end.set_nanos(100'000'000);
  EXPECT_EQ(Between(start, end), nanoseconds(200'000'000));
}

}  // namespace
}  // namespace uprobed::client
