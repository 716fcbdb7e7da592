#include "client/format.h"

#include <array>
#include <cmath>
#include <ctime>

#include "fmt/chrono.h"
#include "fmt/format.h"

namespace uprobed::client {
namespace {

using std::chrono::nanoseconds;

// Three digits: "1.23", "12.3", "123".
std::string ThreeDigits(double value) {
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}", value, decimals);
}

std::tm LocalTime(const google::protobuf::Timestamp& time) {
  const auto seconds = static_cast<std::time_t>(time.seconds());
  std::tm local{};
  localtime_r(&seconds, &local);
  return local;
}

bool IsSet(const google::protobuf::Timestamp& time) {
  return time.seconds() != 0 || time.nanos() != 0;
}

}  // namespace

std::string FormatDuration(nanoseconds duration) {
  const auto count = duration.count();
  if (count < 0) return "-" + FormatDuration(nanoseconds(-count));
  const auto value = static_cast<double>(count);
  if (count < 1000) return fmt::format("{}ns", count);
  if (value < 999.5e3) return ThreeDigits(value / 1e3) + "us";
  if (value < 999.5e6) return ThreeDigits(value / 1e6) + "ms";
  const int64_t seconds = std::llround(value / 1e9);
  if (seconds < 60) return ThreeDigits(value / 1e9) + "s";
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  return fmt::format("{}h{:02}m", seconds / 3600, seconds % 3600 / 60);
}

std::string FormatDuration(const google::protobuf::Duration& duration) {
  return FormatDuration(std::chrono::seconds(duration.seconds()) + nanoseconds(duration.nanos()));
}

std::string FormatAge(const google::protobuf::Timestamp& time,
                      std::chrono::system_clock::time_point now) {
  if (!IsSet(time)) return "";
  const int64_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count() -
      time.seconds();
  // The clocks of two machines differ.
  if (seconds < 0) return "0s";
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  if (seconds < 2 * kMinute) return fmt::format("{}s", seconds);
  if (seconds < 2 * kHour) return fmt::format("{}m", seconds / kMinute);
  if (seconds < 2 * kDay) return fmt::format("{}h", seconds / kHour);
  return fmt::format("{}d", seconds / kDay);
}

std::string FormatClock(const google::protobuf::Timestamp& time) {
  return fmt::format("{:%H:%M:%S}.{:03}", LocalTime(time), time.nanos() / 1'000'000);
}

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (!IsSet(time)) return "";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", LocalTime(time));
}

std::string FormatBytes(int64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

nanoseconds Between(const google::protobuf::Timestamp& start,
                    const google::protobuf::Timestamp& end) {
  return std::chrono::seconds(end.seconds() - start.seconds()) +
         nanoseconds(end.nanos() - start.nanos());
}

}  // namespace uprobed::client
