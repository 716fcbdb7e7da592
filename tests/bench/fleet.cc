#include "tests/bench/fleet.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "server/base/errors.h"
#include "tests/support/targets.h"

namespace uprobed::bench {
namespace {

std::string StrippedHello() {
  std::string newest;
  for (const testing::TargetProgram& target : testing::AvailableTargets("hello")) {
    if (target.stripped) newest = target.path.string();
  }
  return newest;
}

absl::Status Copy(const std::string& from, const std::string& to, int number) {
  std::error_code error;
  std::filesystem::copy_file(from, to, error);
  std::ofstream file(to, std::ios::binary | std::ios::app);
  file << fmt::format("{:08}", number);
  file.close();
  if (!error && !file.fail()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED",
                   fmt::format("cannot copy {} to {}: {}", from, to, error.message()));
}

}  // namespace

absl::StatusOr<Fleet> Fleet::Start(const std::string& folder, int size) {
  const std::string original = StrippedHello();
  if (original.empty()) {
    return MakeError(absl::StatusCode::kNotFound, "BENCH_FAILED",
                     "no stripped hello: run scripts/build_targets");
  }
  Fleet fleet;
  for (int number = 0; number < size; ++number) {
    fleet.paths_.push_back(fmt::format("{}/hello-{:03}", folder, number));
    RETURN_IF_ERROR(Copy(original, fleet.paths_.back(), number));
    std::optional<testing::RunningTarget> target =
        testing::RunningTarget::Start(fleet.paths_.back());
    if (!target.has_value()) {
      return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED",
                       "cannot start " + fleet.paths_.back());
    }
    fleet.running_.push_back(std::move(*target));
  }
  return fleet;
}

std::string Fleet::UrlOf(size_t program) const {
  return "http://" + running_[program].address + "/hello";
}

absl::StatusOr<testing::ChildProcess> StartLoad(const std::string& url, int connections,
                                                const std::string& interval) {
  std::optional<testing::ChildProcess> load = testing::ChildProcess::Start(
      {testing::HelperProgram("loadgen").string(), "-raw", "-url", url, "-n", "0", "-c",
       std::to_string(connections), "-interval", interval});
  if (!load.has_value()) {
    return MakeError(absl::StatusCode::kInternal, "BENCH_FAILED",
                     "cannot start loadgen: run scripts/build_targets");
  }
  return *std::move(load);
}

}  // namespace uprobed::bench
