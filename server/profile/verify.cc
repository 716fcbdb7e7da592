#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "fmt/format.h"
#include "server/base/errors.h"
#include "server/elf/go_functions.h"
#include "server/elf/instructions.h"
#include "server/profile/resolver.h"
#include "server/profile/site_checks.h"

namespace uprobed::profile {
namespace {

absl::Status Mismatch(const elf::ElfFile& file, std::string_view what) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "PROFILE_BYTES_MISMATCH",
                   fmt::format("{} is not the binary that the profile was made from: {}; resolve "
                               "it anew",
                               file.name(), what),
                   {{"path", file.name()}});
}

absl::Status CheckBytes(const Site& site, const elf::ElfFile& file) {
  if (file.FileOffset(site.virtual_address) != site.file_offset) {
    return Mismatch(file, fmt::format("address {:#x} is not at file offset {:#x}",
                                      site.virtual_address, site.file_offset));
  }
  const std::span<const std::byte> found =
      file.bytes().subspan(site.file_offset, site.bytes.size());
  const bool equal = std::equal(site.bytes.begin(), site.bytes.end(), found.begin(),
                                [](uint8_t a, std::byte b) { return std::byte{a} == b; });
  if (equal) return absl::OkStatus();
  return Mismatch(file, fmt::format("the bytes at file offset {:#x} in {} are others",
                                    site.file_offset, site.function));
}

// A breakpoint in the middle of an instruction would change what the program does, so that the
// bytes alone are not enough: the site must be an instruction of its function.
absl::Status CheckBoundaries(const Profile& profile, const elf::ElfFile& file) {
  ASSIGN_OR_RETURN(const elf::GoFunctions functions, elf::GoFunctions::Read(file));
  std::map<std::string_view, std::vector<const Site*>> by_function;
  for (const Site& site : profile.sites) by_function[site.function].push_back(&site);
  for (const auto& [name, sites] : by_function) {
    const std::vector<elf::GoFunction> found = functions.Find(name);
    if (found.empty()) return Mismatch(file, fmt::format("it has no {}", name));
    const elf::GoFunction& function = found.front();
    ASSIGN_OR_RETURN(const std::vector<elf::Instruction> instructions,
                     elf::Disassemble(file, function.address, function.size));
    for (const Site* site : sites) {
      const bool begins = std::any_of(
          instructions.begin(), instructions.end(), [site](const elf::Instruction& instruction) {
            return instruction.address == site->virtual_address && instruction.bytes == site->bytes;
          });
      if (!begins || site->virtual_address - site->function_offset != function.address) {
        return InvalidSite(*site, "is not an instruction of that function");
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Verify(const Profile& profile, const elf::ElfFile& file) {
  RETURN_IF_ERROR(CheckConsistency(profile));
  if (profile.identity.size != file.size()) {
    return Mismatch(file, fmt::format("it has {} bytes, the profile's has {}", file.size(),
                                      profile.identity.size));
  }
  if (profile.architecture != elf::Name(file.architecture())) {
    return Mismatch(file, fmt::format("it is built for {}", elf::Name(file.architecture())));
  }
  for (const Site& site : profile.sites) RETURN_IF_ERROR(CheckBytes(site, file));
  return CheckBoundaries(profile, file);
}

}  // namespace uprobed::profile
