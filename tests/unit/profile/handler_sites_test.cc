// Where net/http's ServeMux tells the handler that it has found: in each release of Go, and in code
// written by hand that is almost like it.
#include "server/profile/handler_sites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "bpf/abi/profile_slot.h"
#include "bpf/abi/site_cookie.h"
#include "server/profile/fields.h"
#include "tests/unit/profile/code.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kServe[] = "net/http.(*ServeMux).ServeHTTP";
constexpr char kLookup[] = "net/http.(*ServeMux).handler";
constexpr char kFindHandler[] = "net/http.(*ServeMux).findHandler";
constexpr char kFindHandler121[] = "net/http.(*serveMux121).findHandler";

std::vector<Site> SitesOf(const Profile& profile, SiteKind kind) {
  std::vector<Site> sites;
  std::copy_if(profile.sites.begin(), profile.sites.end(), std::back_inserter(sites),
               [kind](const Site& site) { return site.kind == kind; });
  return sites;
}

class HandlerSites : public ::testing::TestWithParam<elf::Architecture> {};

TEST_P(HandlerSites, AreEmulatedAndTellEachHandlerOfEachRelease) {
  const auto targets = SupportedTargets(GetParam());
  if (targets.empty()) GTEST_SKIP() << kNoTargets;
  for (const testing::TargetProgram& target : targets) {
    SCOPED_TRACE(target.path);
    const auto& profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << profile.status();

    EXPECT_TRUE(KnowsHandlers(*profile));
    EXPECT_EQ(HandlerFlaw(*profile), std::nullopt);
    EXPECT_TRUE(profile->fields.contains(FieldKey(AllFields()[UP_FIELD_SERVER_HANDLER])));
    EXPECT_EQ(SitesOf(*profile, SiteKind::kHandlerFunc).size(), 1u);
    const std::vector<Site> found = SitesOf(*profile, SiteKind::kServerHandler);
    // Two ways lead to a handler since ServeMux was rewritten: by its rules, and by the old ones.
    const bool rewritten = SitesOf(*profile, SiteKind::kServeMuxCall).empty();
    EXPECT_EQ(found.size(), rewritten ? 2u : 1u);
    EXPECT_EQ(SitesOf(*profile, SiteKind::kServerRedirect).size(), rewritten ? 0u : 3u);
    std::set<uint8_t> places;
    for (const Site& site : found) {
      EXPECT_EQ(site.cost, CostClass::kEmulated);
      ASSERT_TRUE(PlaceOf(site).has_value());
      places.insert(*PlaceOf(site));
      EXPECT_EQ(IsSaved(site.arguments.front()), !rewritten);
    }
    const uint8_t place = rewritten ? UP_PLACE_MUX_SERVE : UP_PLACE_MUX_LOOKUP;
    EXPECT_THAT(places, ElementsAre(place));
    EXPECT_TRUE(VerifyPath(*profile, target.path).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(Of, HandlerSites,
                         ::testing::Values(elf::Architecture::kAmd64, elf::Architecture::kArm64),
                         [](const auto& run) { return std::string(elf::Name(run.param)); });

TEST(HandlerSites, AreNotEnoughWhereOneKindIsMissing) {
  const std::filesystem::path path = testing::TargetsDir() / "hello-go1.15.15";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << kNoTargets;
  const auto& whole = ResolveTarget(path);
  ASSERT_TRUE(whole.ok()) << whole.status();
  for (const SiteKind kind : {SiteKind::kServerHandler, SiteKind::kServerRedirect,
                              SiteKind::kServeMuxCall, SiteKind::kHandlerFunc}) {
    Profile profile = *whole;
    std::erase_if(profile.sites, [kind](const Site& site) { return site.kind == kind; });
    EXPECT_FALSE(KnowsHandlers(profile)) << Name(kind);
  }
}

TEST(HandlerSites, AreRefusedWhereTheHandlerIsFurtherUpTheStackThanIsRead) {
  const std::filesystem::path path = testing::TargetsDir() / "hello-go1.21.13";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << kNoTargets;
  const auto& whole = ResolveTarget(path);
  ASSERT_TRUE(whole.ok()) << whole.status();
  Profile profile = *whole;
  for (Site& site : profile.sites) {
    if (site.kind == SiteKind::kServerHandler) site.arguments.front().stack_offset = 4096;
  }

  EXPECT_TRUE(HandlerFlaw(profile).has_value());
  EXPECT_FALSE(VerifyPath(profile, path).ok());
}

TEST(HandlerSites, AreRefusedWhereThatOfARequestOfHttp2IsFurtherUpTheStackThanIsRead) {
  Site start;
  start.kind = SiteKind::kHttp2ServerStart;
  start.arguments =
      Http2StartArguments("net/http.http2Handler.ServeHTTP", CallAbi::kAmd64Registers);
  Profile profile;
  profile.sites = {start};
  EXPECT_EQ(HandlerFlaw(profile), std::nullopt);
  profile.sites[0].arguments.back().stack_offset = 4096;
  EXPECT_TRUE(HandlerFlaw(profile).has_value());
}

// if use121 { h, _ = findHandler121(r) } else { h, _, r.pat, r.matches = findHandler(r) }
Code ServeMux(bool keeps_result) {
  Code code;
  code.JumpIfEqual("new").Call(kFindHandler121).Mov({"rdi"}).Label("old").Jump("serve");
  code.Label("new").Call(kFindHandler).Mov({keeps_result ? "rdx" : "rbx"});
  code.Label("barrier").JumpIfEqual("no barrier").Call("runtime.gcWriteBarrier4");
  code.Label("no barrier").Store().Label("serve").Mov({"rdx"}).CallInterface().Return();
  return code;
}

TEST(PlanFoundHandler, IsBehindEachCallThatFindsOne) {
  const Code code = ServeMux(true);
  const auto flow = code.Build(kServe);
  ASSERT_TRUE(flow.ok()) << flow.status();

  const std::vector<SitePlan> plans = PlanFoundHandler(*flow, kRegisters);

  ASSERT_EQ(plans.size(), 2u);
  EXPECT_EQ(plans[0].node, code.At("barrier"));
  EXPECT_EQ(plans[1].node, code.At("old"));
  EXPECT_EQ(plans[0].arguments.front().register_name, "rax");
}

TEST(PlanFoundHandler, IsNoneWhereTheHandlerIsLostOnOneWay) {
  const auto flow = ServeMux(false).Build(kServe);
  ASSERT_TRUE(flow.ok()) << flow.status();

  EXPECT_THAT(PlanFoundHandler(*flow, kRegisters), IsEmpty());
}

// if mux.hosts { h = match(host + path) }; if h == nil { h = match(path) };
// if h == nil { h = NotFoundHandler() }
Code Lookup(uint8_t first_place, uint8_t last_place, bool returns_early = false) {
  Code code;
  code.JumpIfEqual("no hosts").Call("net/http.(*ServeMux).match").Label("no hosts");
  if (returns_early) code.JumpIfEqual("early");
  code.CompareOnStack(first_place).JumpIfNotEqual("found");
  code.Call("net/http.(*ServeMux).match").Store().Label("found");
  code.CompareOnStack(last_place).Label("last").JumpIfNotEqual("unlock");
  code.Store().Label("unlock").CallInterface().Return();
  if (returns_early) code.Label("early").Return();
  return code;
}

TEST(PlanLookedUpHandler, IsTheLastTestOfTheResult) {
  const Code code = Lookup(0x60, 0x60);
  const auto flow = code.Build(kLookup);
  ASSERT_TRUE(flow.ok()) << flow.status();

  const std::vector<SitePlan> plans = PlanLookedUpHandler(*flow, kRegisters);

  ASSERT_EQ(plans.size(), 1u);
  EXPECT_EQ(plans[0].node, code.At("last"));
  ASSERT_EQ(plans[0].arguments.size(), 1u);
  EXPECT_EQ(plans[0].arguments[0].stack_offset, 0x60);
}

TEST(PlanLookedUpHandler, IsNoneWhereTheTestsAreOfDifferentWords) {
  const auto flow = Lookup(0x60, 0x68).Build(kLookup);
  ASSERT_TRUE(flow.ok()) << flow.status();

  EXPECT_THAT(PlanLookedUpHandler(*flow, kRegisters), IsEmpty());
}

TEST(PlanLookedUpHandler, IsNoneWhereAWayLeadsAroundIt) {
  const auto flow = Lookup(0x60, 0x60, true).Build(kLookup);
  ASSERT_TRUE(flow.ok()) << flow.status();

  EXPECT_THAT(PlanLookedUpHandler(*flow, kRegisters), IsEmpty());
}

}  // namespace
}  // namespace uprobed::profile
