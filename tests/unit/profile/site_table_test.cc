// The sites of each Go release are kept as text, so that a change of the resolver shows what it
// changes. UPROBED_WRITE_SITE_TABLES=1 writes them anew.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "tests/support/targets.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

std::string Where(const ArgumentLocation& argument) {
  return argument.kind == ArgumentLocation::Kind::kRegister
             ? fmt::format("{}={}", argument.name, argument.register_name)
             : fmt::format("{}=[rsp+{}]", argument.name, argument.stack_offset);
}

// Without addresses, which depend on the rest of the program.
std::string Table(const Profile& profile) {
  std::string table;
  for (const Site& site : profile.sites) {
    const std::string mnemonic = site.instruction.substr(0, site.instruction.find(' '));
    const bool names_callee = mnemonic == "call" || mnemonic == "bl";
    table +=
        fmt::format("{:<14} {:<14} {}+{:#x} {}", Name(site.kind), Name(site.cost), site.function,
                    site.function_offset, names_callee ? site.instruction : mnemonic);
    for (const ArgumentLocation& argument : site.arguments) table += " " + Where(argument);
    table += "\n";
  }
  return table;
}

class SiteTables : public ::testing::TestWithParam<elf::Architecture> {};

std::filesystem::path TableOf(elf::Architecture architecture, const std::string& go_version) {
  std::filesystem::path folder = UPROBED_SITE_TABLES_DIR;
  if (architecture == elf::Architecture::kArm64) folder /= "arm64";
  return folder / (go_version + ".txt");
}

TEST_P(SiteTables, AreWhatTheResolverFinds) {
  const auto targets = SupportedTargets(GetParam());
  if (targets.empty()) GTEST_SKIP() << "no Go programs; run scripts/build_targets";
  const bool write = std::getenv("UPROBED_WRITE_SITE_TABLES") != nullptr;
  for (const testing::TargetProgram& target : targets) {
    SCOPED_TRACE(target.path);
    const auto profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << profile.status();
    const std::filesystem::path kept = TableOf(GetParam(), target.go_version);
    if (write) std::ofstream(kept) << Table(*profile);
    if (!std::filesystem::exists(kept)) {
      // The installed go may be any; of the releases that are always built there is a table.
      EXPECT_EQ(("\n" + ReadWhole(UPROBED_GO_VERSIONS_FILE))
                    .find("\n" + target.go_version.substr(2) + "\n"),
                std::string::npos)
          << "no " << kept;
      fmt::print("no site table is kept of {}:\n{}", target.go_version, Table(*profile));
      continue;
    }
    std::stringstream text;
    text << std::ifstream(kept).rdbuf();
    EXPECT_EQ(Table(*profile), text.str());
  }
}

INSTANTIATE_TEST_SUITE_P(Of, SiteTables,
                         ::testing::Values(elf::Architecture::kAmd64, elf::Architecture::kArm64),
                         [](const auto& run) { return std::string(elf::Name(run.param)); });

}  // namespace
}  // namespace uprobed::profile
