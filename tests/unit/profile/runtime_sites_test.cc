#include "server/profile/runtime_sites.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

class RuntimeSites : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = NewestHello(false);
    if (path_.empty()) GTEST_SKIP() << kNoTargets;
  }

  // What is planned in `function` of the newest program where `unknown` has no name.
  absl::StatusOr<std::vector<SitePlan>> Plan(const std::string& function,
                                             const std::string& unknown) {
    ASSIGN_OR_RETURN(const elf::ElfFile file, elf::ElfFile::Open(path_.string()));
    ASSIGN_OR_RETURN(const elf::GoFunctions functions, elf::GoFunctions::Read(file));
    const elf::GoFunction found = functions.Find(function).front();
    ASSIGN_OR_RETURN(std::vector<elf::Instruction> instructions,
                     elf::Disassemble(file, found.address, found.size));
    ASSIGN_OR_RETURN(const ControlFlow flow,
                     ControlFlow::Build(function, std::move(instructions), [&](uint64_t address) {
                       auto name = functions.NameAtEntry(address);
                       return name == unknown ? std::nullopt : name;
                     }));
    return PlanRuntimeSites(flow, elf::kHostArchitecture == elf::Architecture::kAmd64
                                      ? CallAbi::kAmd64Registers
                                      : CallAbi::kArm64Registers);
  }

  std::filesystem::path path_;
};

TEST_F(RuntimeSites, AreNotPlannedWhereACallIsMissing) {
  const struct {
    const char* function;
    const char* callee;
    size_t sites;
  } calls[] = {{"runtime.newproc1", "runtime.isSystemGoroutine", 1},
               {"runtime.chansend", "runtime.unlock2", 2},
               {"runtime.chansend", "runtime.typedmemmove", 2},
               {"runtime.chansend", "runtime.send", 2},
               {"runtime.chanrecv", "runtime.unlock2", 3},
               {"runtime.chanrecv", "runtime.typedmemclr", 3},
               {"runtime.chanrecv", "runtime.recv", 3},
               {"runtime.closechan", "runtime.lock2", 1},
               {"runtime.selectgo", "runtime.typedmemmove", 6},
               {"runtime.selectgo", "runtime.typedmemclr", 6},
               {"runtime.selectgo", "runtime.selunlock", 6},
               {"runtime.selectgo", "runtime.send", 6},
               {"runtime.selectgo", "runtime.recv", 6}};
  for (const auto& call : calls) {
    SCOPED_TRACE(std::string(call.function) + " " + call.callee);
    const auto complete = Plan(call.function, "");
    ASSERT_TRUE(complete.ok()) << complete.status();
    EXPECT_EQ(complete->size(), call.sites);
    EXPECT_EQ(ReasonOf(Plan(call.function, call.callee).status()), "SITE_NOT_FOUND");
  }
}

TEST_F(RuntimeSites, AreRefusedWhereSomeAreMissing) {
  const auto profile = ResolveTarget(path_);
  ASSERT_TRUE(profile.ok()) << profile.status();
  for (const SiteKind kind :
       {SiteKind::kGoroutineStart, SiteKind::kChannelSend, SiteKind::kChannelReceive,
        SiteKind::kChannelSendDirect, SiteKind::kChannelReceiveDirect, SiteKind::kSelectSend,
        SiteKind::kSelectReceive, SiteKind::kSelectReceiveDirect, SiteKind::kSelectDone,
        SiteKind::kChannelClose}) {
    Profile spoiled = *profile;
    std::erase_if(spoiled.sites, [kind](const Site& site) { return site.kind == kind; });
    EXPECT_EQ(ReasonOf(CheckConsistency(spoiled)), "PROFILE_INVALID") << Name(kind);
  }
}

TEST_F(RuntimeSites, AreRefusedInOtherFunctions) {
  const auto profile = ResolveTarget(path_);
  ASSERT_TRUE(profile.ok()) << profile.status();
  for (size_t i = 0; i < profile->sites.size(); ++i) {
    if (!IsRuntimeSite(profile->sites[i].kind)) continue;
    Profile spoiled = *profile;
    spoiled.sites[i].function = "runtime.gopark";
    EXPECT_EQ(ReasonOf(CheckConsistency(spoiled)), "PROFILE_INVALID") << i;
  }
}

TEST_F(RuntimeSites, OfTimersMayBeMissing) {
  auto profile = ResolveTarget(path_);
  ASSERT_TRUE(profile.ok()) << profile.status();
  std::erase_if(profile->sites, [](const Site& site) {
    return site.kind == SiteKind::kTimerStart || site.kind == SiteKind::kTimerStop;
  });
  EXPECT_TRUE(CheckConsistency(*profile).ok()) << CheckConsistency(*profile);
}

}  // namespace
}  // namespace uprobed::profile
