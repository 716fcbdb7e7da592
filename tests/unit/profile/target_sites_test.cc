#include <algorithm>
#include <map>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/elf/go_functions.h"
#include "server/profile/coverage.h"
#include "server/profile/fields.h"
#include "server/profile/go_version.h"
#include "server/profile/injection_sites.h"
#include "server/profile/response_sites.h"
#include "server/profile/sites.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

// What must hold of every build of the hello program, whatever the Go version and the architecture.
class Targets : public ::testing::TestWithParam<elf::Architecture> {
 protected:
  void SetUp() override {
    targets_ = SupportedTargets(GetParam());
    if (targets_.empty()) GTEST_SKIP() << kNoTargets;
  }

  std::vector<testing::TargetProgram> targets_;
};

size_t Count(const Profile& profile, SiteKind kind) {
  return static_cast<size_t>(std::count_if(profile.sites.begin(), profile.sites.end(),
                                           [kind](const Site& site) { return site.kind == kind; }));
}

const Site& First(const Profile& profile, SiteKind kind) {
  return *std::find_if(profile.sites.begin(), profile.sites.end(),
                       [kind](const Site& site) { return site.kind == kind; });
}

// The client's sites as places in the control flow, found again by their addresses.
std::vector<SitePlan> PlansOf(const Profile& profile, const ControlFlow& flow) {
  std::vector<SitePlan> plans;
  for (const Site& site : profile.sites) {
    if (site.function != kRoundTripFunction) continue;
    const std::optional<size_t> node = flow.NodeAt(site.virtual_address);
    EXPECT_TRUE(node.has_value()) << site.instruction;
    plans.push_back({site.kind, node.value_or(0), site.ends_when_taken, site.arguments});
  }
  return plans;
}

absl::StatusOr<ControlFlow> RoundTripOf(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const elf::ElfFile file, elf::ElfFile::Open(path.string()));
  ASSIGN_OR_RETURN(const elf::GoFunctions functions, elf::GoFunctions::Read(file));
  const elf::GoFunction function = functions.Find(kRoundTripFunction).front();
  ASSIGN_OR_RETURN(std::vector<elf::Instruction> instructions,
                   elf::Disassemble(file, function.address, function.size));
  return ControlFlow::Build(function.name, std::move(instructions), [&functions](uint64_t address) {
    return functions.NameAtEntry(address);
  });
}

TEST_P(Targets, HaveServerAndClientWithEverySiteEmulated) {
  for (const testing::TargetProgram& target : targets_) {
    SCOPED_TRACE(target.path);
    const auto profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << profile.status();

    EXPECT_THAT(profile->absences, ::testing::IsEmpty());
    EXPECT_EQ(Count(*profile, SiteKind::kServerStart), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kServerEnd), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kClientStart), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kClientResult), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kClientConnection), 1u);
    EXPECT_TRUE(KnowsConnections(profile->fields));
    EXPECT_EQ(Count(*profile, SiteKind::kClientHeaders), 1u);
    EXPECT_TRUE(KnowsInjection(*profile));
    EXPECT_TRUE(KnowsFirstByte(*profile));
    EXPECT_TRUE(KnowsClientBodies(*profile));
    EXPECT_EQ(Count(*profile, SiteKind::kHttp2ServerFirstByte), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kHttp2ClientBodyRead), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kHttp2ClientBodyClose), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kClientGzipBody), 1u);
    for (const Site& site : profile->sites) {
      EXPECT_EQ(site.cost, CostClass::kEmulated) << site.instruction;
    }
    // newproc1; AfterFunc, stopTimer; chansend; chanrecv; selectgo and its two closures.
    EXPECT_EQ(Count(*profile, SiteKind::kGoroutineStart), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kTimerStart), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kTimerStop), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kChannelSend), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kChannelSendDirect), 2u);
    EXPECT_EQ(Count(*profile, SiteKind::kChannelReceive), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kChannelReceiveDirect), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kSelectSend), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kSelectReceive), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kSelectReceiveDirect), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kSelectDone), 4u);
    EXPECT_EQ(Count(*profile, SiteKind::kChannelClose), 2u);
    const std::string call = GetParam() == elf::Architecture::kAmd64 ? "call" : "bl";
    EXPECT_EQ(First(*profile, SiteKind::kServerStart).instruction,
              call + " net/http.serverHandler.ServeHTTP");
    EXPECT_EQ(Count(*profile, SiteKind::kHttp2ServerStart), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kHttp2ServerEnd), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kHttp2ServerGoexit), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kHttp2ServerPanic), 1u);
    EXPECT_EQ(Count(*profile, SiteKind::kHttp2ServerAbort), 1u);
    EXPECT_EQ(First(*profile, SiteKind::kServerEnd).instruction,
              call + " net/http.(*response).finishRequest");
  }
}

TEST_P(Targets, SayWhatTheBuildWas) {
  for (const testing::TargetProgram& target : targets_) {
    SCOPED_TRACE(target.path);
    const auto profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << profile.status();

    EXPECT_EQ(profile->go_version.substr(0, target.go_version.size()), target.go_version);
    EXPECT_EQ(profile->architecture, elf::Name(GetParam()));
    EXPECT_EQ(profile->stripped, target.stripped);
    EXPECT_EQ(profile->symbol_source, target.stripped ? Source::kPclntab : Source::kSymtab);
    const bool swiss = ParseGoVersion(profile->go_version)->minor >= 24;
    EXPECT_EQ(profile->map_kind, swiss ? MapKind::kSwiss : MapKind::kBuckets);
    EXPECT_FALSE(profile->main_module.empty());
    for (const auto& [key, field] : profile->fields) {
      EXPECT_EQ(field.source, target.stripped ? Source::kTable : Source::kDwarf) << key;
    }
  }
}

TEST_P(Targets, StartTheClientOncePerCallWhereTheVersionAllows) {
  for (const testing::TargetProgram& target : targets_) {
    SCOPED_TRACE(target.path);
    const auto profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << profile.status();

    // Go 1.21 began to push the frame pointer behind the stack check; arm64 has no push.
    const bool pushes =
        GetParam() == elf::Architecture::kAmd64 && ParseGoVersion(profile->go_version)->minor >= 21;
    const Site& start = First(*profile, SiteKind::kClientStart);
    EXPECT_EQ(start.bytes == std::vector<uint8_t>{0x55}, pushes) << start.instruction;
  }
}

TEST_P(Targets, EndTheClientOnEveryPathAndNeedEachOfTheirEnds) {
  for (const testing::TargetProgram& target : targets_) {
    SCOPED_TRACE(target.path);
    const auto profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << profile.status();
    const auto flow = RoundTripOf(target.path);
    ASSERT_TRUE(flow.ok()) << flow.status();
    const std::vector<SitePlan> plans = PlansOf(*profile, *flow);

    EXPECT_GT(flow->Returns().size(), 5u);
    EXPECT_TRUE(EndsOnEveryPath(*flow, plans));
    EXPECT_TRUE(NeverEndsEarly(*flow, plans));
    for (size_t left_out = 0; left_out < plans.size(); ++left_out) {
      if (plans[left_out].kind == SiteKind::kClientStart) continue;
      std::vector<SitePlan> fewer = plans;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(left_out));
      EXPECT_FALSE(EndsOnEveryPath(*flow, fewer)) << flow->at(plans[left_out].node).text;
    }
  }
}

TEST_P(Targets, CostAPlainRequestTwoHits) {
  for (const testing::TargetProgram& target : targets_) {
    SCOPED_TRACE(target.path);
    const auto profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << profile.status();
    const auto flow = RoundTripOf(target.path);
    ASSERT_TRUE(flow.ok()) << flow.status();
    const std::vector<SitePlan> plans = PlansOf(*profile, *flow);
    std::set<size_t> others;
    std::vector<size_t> results;
    for (const SitePlan& plan : plans) {
      if (plan.kind == SiteKind::kClientResult) results.push_back(plan.node);
      if (plan.kind == SiteKind::kClientError || plan.kind == SiteKind::kClientExchangeError ||
          plan.kind == SiteKind::kClientBranch) {
        others.insert(plan.node);
      }
    }

    const NodeSet plain = flow->ReachableFrom(
        {0}, [&others](ControlFlow::Edge edge) { return others.contains(edge.to); });

    for (const size_t result : results) EXPECT_TRUE(plain[result]);
  }
}

TEST_P(Targets, HaveTheOffsetsOfTheTableInTheirDwarf) {
  std::map<std::string, std::map<bool, Profile>> by_version;
  for (const testing::TargetProgram& target : targets_) {
    const auto profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << target.path << profile.status();
    by_version[target.go_version][target.stripped] = *profile;
  }
  size_t compared = 0;
  for (const auto& [version, builds] : by_version) {
    SCOPED_TRACE(version);
    if (builds.size() < 2) continue;
    ++compared;
    std::map<std::string, uint32_t> dwarf;
    for (const auto& [key, field] : builds.at(false).fields) dwarf[key] = field.offset;
    std::map<std::string, uint32_t> table;
    for (const auto& [key, field] : builds.at(true).fields) table[key] = field.offset;
    EXPECT_EQ(dwarf, table);
  }
  if (compared == 0) GTEST_SKIP() << "no release has both a default and a stripped build";
}

TEST_P(Targets, AreVerifiedByTheirOwnProfile) {
  for (const testing::TargetProgram& target : targets_) {
    const auto profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << target.path << profile.status();

    EXPECT_TRUE(VerifyPath(*profile, target.path).ok()) << target.path;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Targets,
                         ::testing::Values(elf::Architecture::kAmd64, elf::Architecture::kArm64),
                         [](const auto& run) { return std::string(elf::Name(run.param)); });

}  // namespace
}  // namespace uprobed::profile
