#include "client/target.h"

#include <filesystem>
#include <system_error>

#include "fmt/format.h"

namespace uprobed::client {
namespace {

bool LooksLikeProcess(const std::string& path) {
  if (path.find_first_not_of("0123456789") != std::string::npos) return false;
  std::error_code error;
  return !std::filesystem::exists(path, error);
}

}  // namespace

void AddTargetOptions(CLI::App& command, TargetOptions& target) {
  CLI::Option* path = command.add_option("PATH", target.path, "Path of the executable");
  command.add_option("--pid", target.pid, "A running process instead of a path")
      ->check(CLI::PositiveNumber)
      ->excludes(path);
}

absl::Status CheckTarget(const TargetOptions& target) {
  if (target.path.empty() && target.pid == 0) {
    return absl::InvalidArgumentError(
        "no program is named: write the path of its executable, or --pid with a process's number");
  }
  if (!target.path.empty() && LooksLikeProcess(target.path)) {
    return absl::InvalidArgumentError(fmt::format(
        "there is no file \"{0}\": write --pid {0} where a process is meant", target.path));
  }
  return absl::OkStatus();
}

}  // namespace uprobed::client
