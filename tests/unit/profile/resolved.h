#ifndef UPROBED_TESTS_UNIT_PROFILE_RESOLVED_H_
#define UPROBED_TESTS_UNIT_PROFILE_RESOLVED_H_

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/errors.h"
#include "server/elf/architecture.h"
#include "server/profile/resolver.h"
#include "tests/support/targets.h"

namespace uprobed::profile {

inline constexpr char kNoTargets[] = "no target programs; run scripts/build_targets";

inline absl::StatusOr<Profile> ResolvePath(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const elf::ElfFile file, elf::ElfFile::Open(path.string()));
  ASSIGN_OR_RETURN(const BinaryIdentity identity, ReadIdentity(file));
  return Resolve(file, identity);
}

// The profile of a program that no test changes, resolved once for all tests of this process.
inline const absl::StatusOr<Profile>& ResolveTarget(const std::filesystem::path& path) {
  static std::map<std::filesystem::path, absl::StatusOr<Profile>> resolved;
  const auto found = resolved.find(path);
  return found != resolved.end() ? found->second
                                 : resolved.emplace(path, ResolvePath(path)).first->second;
}

inline absl::Status VerifyPath(const Profile& profile, const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const elf::ElfFile file, elf::ElfFile::Open(path.string()));
  return Verify(profile, file);
}

inline std::string ReadWhole(const std::filesystem::path& path) {
  std::string content(std::filesystem::file_size(path), '\0');
  std::ifstream(path, std::ios::binary)
      .read(content.data(), static_cast<std::streamsize>(content.size()));
  return content;
}

// Every build of the hello program for `architecture` that can be resolved, as AvailableTargets has
// them: on arm64 those that pass arguments in registers.
inline std::vector<testing::TargetProgram> SupportedTargets(elf::Architecture architecture) {
  if (architecture == elf::Architecture::kAmd64) return testing::AvailableTargets("hello");
  auto targets = testing::AvailableTargets("hello", testing::Arm64TargetsDir());
  std::erase_if(targets, [](const testing::TargetProgram& target) {
    return target.go_version.starts_with("go1.17.");
  });
  return targets;
}

// The newest hello program, with or without symbols; empty where there is none.
inline std::filesystem::path NewestHello(bool stripped) {
  std::filesystem::path newest;
  for (const testing::TargetProgram& target : testing::AvailableTargets("hello")) {
    if (target.stripped == stripped) newest = target.path;
  }
  return newest;
}

}  // namespace uprobed::profile

#endif  // UPROBED_TESTS_UNIT_PROFILE_RESOLVED_H_
