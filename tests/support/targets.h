#ifndef UPROBED_TESTS_SUPPORT_TARGETS_H_
#define UPROBED_TESTS_SUPPORT_TARGETS_H_

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#ifndef UPROBED_TARGETS_DIR
#define UPROBED_TARGETS_DIR "build/targets"
#endif

namespace uprobed::testing {

// A Go program built by scripts/build_targets.
struct TargetProgram {
  std::filesystem::path path;
  std::string go_version;  // "go1.24.12", as the binary's build information has it
  bool stripped = false;   // linked with -s -w: neither symbol table nor DWARF
};

// Where scripts/build_targets puts its programs. The environment wins, so that one test binary can
// be pointed at other builds.
inline std::filesystem::path TargetsDir() {
  const char* from_environment = std::getenv("UPROBED_TARGETS_DIR");
  return from_environment != nullptr ? from_environment : UPROBED_TARGETS_DIR;
}

namespace internal {

// The part of "go1.9.3" that orders releases; text order would put go1.9 after go1.10.
inline std::vector<int> ReleaseNumbers(std::string_view go_version) {
  std::vector<int> numbers;
  bool in_number = false;
  for (const char c : go_version) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && !in_number) numbers.push_back(0);
    if (digit) numbers.back() = numbers.back() * 10 + (c - '0');
    in_number = digit;
  }
  return numbers;
}

}  // namespace internal

// Where those are that are built for arm64: in the same layout, and never where this machine's are
// looked for, because they cannot run here.
inline std::filesystem::path Arm64TargetsDir() { return TargetsDir() / "arm64"; }

// Every build of `program` ("hello") there is in `folder`, oldest Go first, each release's stripped
// build second. Empty when nothing was built: tests then skip and name scripts/build_targets.
inline std::vector<TargetProgram> AvailableTargets(
    const std::string& program, const std::filesystem::path& folder = TargetsDir()) {
  const std::string prefix = program + "-go";
  const std::string_view stripped_suffix = "-stripped";
  std::vector<TargetProgram> found;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.compare(0, prefix.size(), prefix) != 0) continue;
    TargetProgram target;
    target.path = entry->path();
    target.go_version = name.substr(program.size() + 1);
    if (const size_t cut = target.go_version.rfind(stripped_suffix);
        cut != std::string::npos && cut + stripped_suffix.size() == target.go_version.size()) {
      target.stripped = true;
      target.go_version.resize(cut);
    }
    found.push_back(target);
  }
  std::sort(found.begin(), found.end(), [](const TargetProgram& a, const TargetProgram& b) {
    const std::vector<int> release_a = internal::ReleaseNumbers(a.go_version);
    const std::vector<int> release_b = internal::ReleaseNumbers(b.go_version);
    return release_a != release_b ? release_a < release_b : a.stripped < b.stripped;
  });
  return found;
}

// What AvailableTargets has of `program` in `folder` and its further builds, by release and by how
// it was built: "default", "stripped", "trimpath", "pie", "cgo".
inline std::map<std::string, std::map<std::string, std::filesystem::path>> BuildMatrix(
    const std::string& program, const std::filesystem::path& folder = TargetsDir()) {
  std::map<std::string, std::map<std::string, std::filesystem::path>> matrix;
  for (const TargetProgram& target : AvailableTargets(program, folder)) {
    matrix[target.go_version][target.stripped ? "stripped" : "default"] = target.path;
  }
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder / "matrix", error), end;
       !error && entry != end; entry.increment(error)) {
    // hello-go1.24.12-pie
    const std::string name = entry->path().filename().string();
    const size_t cut = name.rfind('-');
    if (!name.starts_with(program + "-go") || cut <= program.size()) continue;
    matrix[name.substr(program.size() + 1, cut - program.size() - 1)][name.substr(cut + 1)] =
        entry->path();
  }
  return matrix;
}

// One helper program without a version in its name ("loadgen", "shop"); empty when it is not built.
inline std::filesystem::path HelperProgram(const std::string& name) {
  const std::filesystem::path path = TargetsDir() / name;
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) ? path : std::filesystem::path();
}

}  // namespace uprobed::testing

#endif  // UPROBED_TESTS_SUPPORT_TARGETS_H_
