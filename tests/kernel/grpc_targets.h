#ifndef UPROBED_TESTS_KERNEL_GRPC_TARGETS_H_
#define UPROBED_TESTS_KERNEL_GRPC_TARGETS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "tests/support/targets.h"

namespace uprobed::testing {

// The programs that serve and make requests of google.golang.org/grpc.
inline std::vector<std::filesystem::path> GrpcTargets() {
  std::vector<std::filesystem::path> targets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(TargetsDir(), error)) {
    if (entry.path().filename().string().starts_with("grpc-") && entry.path().extension() != ".new")
      targets.push_back(entry.path());
  }
  std::sort(targets.begin(), targets.end());
  // How offsets are found without DWARF, the newest version alone shows: the unit tests compare.
  const std::string newest = targets.empty() ? "" : targets.back().string();
  std::erase_if(targets, [&newest](const std::filesystem::path& target) {
    return target.string().ends_with("-stripped") && target.string() != newest;
  });
  return targets;
}

inline std::string GrpcTestName(const ::testing::TestParamInfo<std::filesystem::path>& target) {
  std::string name = target.param.filename().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return name;
}

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_KERNEL_GRPC_TARGETS_H_
