#include "tests/bench/measurement.h"

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <optional>

#include "server/base/errors.h"
#include "tests/support/child_process.h"

namespace uprobed::bench {

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  // Between two values where it falls between them.
  const auto quantile = [&values](double of_one) {
    const double at = of_one * static_cast<double>(values.size() - 1);
    const auto below = static_cast<size_t>(at);
    const size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (values[above] - values[below]) * (at - static_cast<double>(below));
  };
  return {.median = quantile(0.5), .low = quantile(0.25), .high = quantile(0.75)};
}

absl::StatusOr<double> CpuNanoseconds(pid_t pid) {
  clockid_t clock{};
  if (const int error = clock_getcpuclockid(pid, &clock); error != 0) {
    return MakeErrnoError(error, "BENCH_FAILED", fmt::format("no CPU clock of process {}", pid));
  }
  timespec time{};
  if (clock_gettime(clock, &time) != 0) {
    return MakeErrnoError(errno, "BENCH_FAILED", fmt::format("no CPU time of process {}", pid));
  }
  constexpr double kNanosPerSecond = 1e9;
  return static_cast<double>(time.tv_sec) * kNanosPerSecond + static_cast<double>(time.tv_nsec);
}

double MillisecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

absl::StatusOr<Load> RunLoad(const std::vector<std::string>& command) {
  std::optional<testing::ChildProcess> generator = testing::ChildProcess::Start(command);
  if (!generator.has_value()) {
    return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED", "cannot start " + command[0]);
  }
  const std::string line = generator->ReadLine();
  const int exit_code = generator->Wait();
  google::protobuf::Struct fields;
  if (exit_code != 0 || !google::protobuf::util::JsonStringToMessage(line, &fields).ok()) {
    return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED",
                     fmt::format("{} ended with {}: {}", command[0], exit_code, line));
  }
  const auto number = [&fields](const char* key) {
    const auto found = fields.fields().find(key);
    return found == fields.fields().end() ? 0 : found->second.number_value();
  };
  return Load{.requests = number("requests"),
              .seconds = number("seconds"),
              .p50_us = number("p50_us"),
              .p99_us = number("p99_us")};
}

}  // namespace uprobed::bench
