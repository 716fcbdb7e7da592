// The whole table, also what no probe reads, against the DWARF of a program of each release.
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/elf/dwarf_structs.h"
#include "server/profile/known_offsets.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

std::vector<elf::StructMember> MembersOfTheTable() {
  std::vector<elf::StructMember> members;
  for (const std::string_view field : KnownFields()) {
    // "net/http.Request.URL": behind the last slash, the package ends at a dot, and so does the
    // type.
    const size_t package = field.find('.', field.rfind('/') + 1);
    const size_t type = field.find('.', package + 1);
    members.push_back({std::string(field.substr(0, type)), std::string(field.substr(type + 1))});
  }
  return members;
}

// In the table because some builds have it, and not in this one.
bool MayBeMissing(const std::string& key, const GoVersion& version) {
  return version.minor >= 24 && key.starts_with("runtime.hmap.");
}

TEST(KnownOffsetsOfTargets, AreThoseOfDwarf) {
  const std::vector<elf::StructMember> members = MembersOfTheTable();
  int compared = 0;
  for (const testing::TargetProgram& target : testing::AvailableTargets("hello")) {
    const auto version = ParseGoVersion(target.go_version);
    if (target.stripped || !version || !TableCovers(*version)) continue;
    const auto file = elf::ElfFile::Open(target.path.string());
    ASSERT_TRUE(file.ok()) << file.status();
    const auto dwarf = elf::ReadStructOffsets(*file, members);
    ASSERT_TRUE(dwarf.ok()) << dwarf.status();
    ++compared;
    for (const elf::StructMember& member : members) {
      const std::string key = member.struct_name + "." + member.member;
      std::optional<uint32_t> found;
      if (const auto in = dwarf->find(key); in != dwarf->end()) found = in->second;
      if (!found && MayBeMissing(key, *version)) continue;
      EXPECT_EQ(KnownOffset(*version, key), found) << key << " of " << target.go_version;
    }
  }
  if (compared == 0) GTEST_SKIP() << kNoTargets;
}

}  // namespace
}  // namespace uprobed::profile
