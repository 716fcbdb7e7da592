#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/elf/dwarf_structs.h"
#include "server/elf/go_build_info.h"
#include "server/elf/go_functions.h"
#include "server/profile/fields.h"
#include "server/profile/known_offsets.h"
#include "server/profile/machine_code.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

// What each source says of one program.
struct Told {
  std::string name;
  CodeOffsets dwarf;
  CodeOffsets table;
  CodeOffsets code;
};

std::optional<Told> Ask(const std::filesystem::path& path) {
  const auto file = elf::ElfFile::Open(path.string());
  if (!file.ok()) return std::nullopt;
  const auto functions = elf::GoFunctions::Read(*file);
  const auto info = elf::ReadGoBuildInfo(*file);
  if (!functions.ok() || !info.ok()) return std::nullopt;
  const auto version = ParseGoVersion(info->go_version);
  if (!version) return std::nullopt;
  Told told;
  told.name = path.filename().string();
  if (told.name.starts_with("hello-go")) told.name.erase(0, 8);
  std::vector<elf::StructMember> members;
  for (const FieldSpec& field : AllFields()) {
    members.push_back({std::string(field.struct_name), std::string(field.member)});
    const std::string key = FieldKey(field);
    if (const auto known = KnownOffset(*version, key)) told.table[key] = *known;
  }
  if (auto dwarf = elf::ReadStructOffsets(*file, members); dwarf.ok()) told.dwarf = *dwarf;
  told.code = ReadMachineCode(*file, *functions,
                              version->minor < 17 ? Passing::kOnStack : Passing::kInRegisters);
  return told;
}

std::string Show(const CodeOffsets& offsets, const std::string& key) {
  const auto found = offsets.find(key);
  return found == offsets.end() ? "-" : std::to_string(found->second);
}

std::vector<Told> AskEveryTarget() {
  std::vector<Told> all;
  for (const testing::TargetProgram& target : testing::AvailableTargets("hello")) {
    if (auto told = Ask(target.path)) all.push_back(*std::move(told));
  }
  for (const char* name : {"loadgen", "stock", "visitors", "shop"}) {
    const std::filesystem::path path = testing::HelperProgram(name);
    if (path.empty()) continue;
    if (auto told = Ask(path)) all.push_back(*std::move(told));
  }
  return all;
}

// A line for each field, a column for each program: DWARF/table/machine code, "-" where a source is
// silent.
void Print(const std::vector<Told>& all) {
  std::string text = fmt::format("{:<46}", "DWARF/table/machine code");
  for (const Told& told : all) text += fmt::format("{:>20}", told.name);
  for (const FieldSpec& field : AllFields()) {
    const std::string key = FieldKey(field);
    text += fmt::format("\n{:<46}", key);
    for (const Told& told : all) {
      text += fmt::format("{:>20}", fmt::format("{}/{}/{}", Show(told.dwarf, key),
                                                Show(told.table, key), Show(told.code, key)));
    }
  }
  fmt::print("{}\n", text);
}

TEST(MachineCodeOfTargets, AgreesWithDwarfAndTheTable) {
  const std::vector<Told> all = AskEveryTarget();
  if (all.empty()) GTEST_SKIP() << kNoTargets;

  Print(all);

  for (const Told& told : all) {
    for (const auto& [field, offset] : told.code) {
      if (told.dwarf.contains(field)) {
        EXPECT_EQ(offset, told.dwarf.at(field)) << field << " of " << told.name;
      }
      if (told.table.contains(field)) {
        EXPECT_EQ(offset, told.table.at(field)) << field << " of " << told.name;
      }
    }
  }
}

TEST(MachineCodeOfTargets, TellsEveryNeededFieldOfAServer) {
  const auto targets = testing::AvailableTargets("hello");
  if (targets.empty()) GTEST_SKIP() << kNoTargets;

  for (const testing::TargetProgram& target : targets) {
    const auto told = Ask(target.path);
    ASSERT_TRUE(told.has_value()) << target.path;
    for (const FieldSpec& field : AllFields()) {
      // Of the fields of the runtime, DWARF and the table alone tell.
      if (field.need != Need::kAlways || field.struct_name.starts_with("runtime.") ||
          field.struct_name.starts_with("google.golang.org/")) {
        continue;
      }
      EXPECT_TRUE(told->code.contains(FieldKey(field))) << FieldKey(field) << " of " << told->name;
    }
  }
}

}  // namespace
}  // namespace uprobed::profile
