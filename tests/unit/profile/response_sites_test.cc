#include "server/profile/response_sites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/profile/code.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

TEST(ResponseSites, AreRefusedWhereABodyHasOneEndOnly) {
  const std::filesystem::path path = NewestHello(false);
  if (path.empty()) GTEST_SKIP() << kNoTargets;
  const auto whole = ResolveTarget(path);
  ASSERT_TRUE(whole.ok()) << whole.status();
  ASSERT_TRUE(VerifyPath(*whole, path).ok());

  for (const SiteKind kind :
       {SiteKind::kClientBodyRead, SiteKind::kClientBodyCause, SiteKind::kClientBodyClose,
        SiteKind::kHttp2ClientBodyRead, SiteKind::kHttp2ClientBodyClose}) {
    Profile profile = *whole;
    ASSERT_GT(std::erase_if(profile.sites, [kind](const auto& site) { return site.kind == kind; }),
              0u);
    EXPECT_TRUE(ResponseFlaw(profile).has_value()) << Name(kind);
    EXPECT_FALSE(VerifyPath(profile, path).ok()) << Name(kind);
  }
}

// func(err error) error of a bodyEOFSignal, as compiled: a stack check, the question for a cause.
Code BodyRead(const std::string& question, bool tests_first_result) {
  Code code;
  code.Label("entry").JumpIfEqual("grow").Label("push").PushRbp().Mov();
  code.Call("runtime.chansend1").Call(question);
  if (tests_first_result) code.TestRax();
  code.Label("cause").JumpIfNotEqual("failed").Return().Label("failed").Return();
  code.Label("grow").Call("runtime.morestack").Jump("entry");
  return code;
}

TEST(PlanBodyRead, IsWhereReadingEndsAndWhereTheCauseIsKnown) {
  const Code code = BodyRead("net/http.(*persistConn).canceled", true);
  const auto flow = code.Build();
  ASSERT_TRUE(flow.ok()) << flow.status();

  const std::vector<SitePlan> plans = PlanBodyRead(*flow, kRegisters);

  ASSERT_EQ(plans.size(), 2u);
  EXPECT_EQ(plans[0].kind, SiteKind::kClientBodyRead);
  EXPECT_EQ(plans[0].node, code.At("push"));
  EXPECT_EQ(plans[1].kind, SiteKind::kClientBodyCause);
  EXPECT_EQ(plans[1].node, code.At("cause"));
}

TEST(PlanBodyRead, KnowsAComparisonOnTheStack) {
  for (const uint8_t offset : {uint8_t{8}, uint8_t{16}}) {
    Code code;
    code.Label("entry").JumpIfEqual("grow").Mov().Call("net/http.(*persistConn).canceled");
    code.Mov({"rcx"}).CompareOnStack(offset).Label("cause").JumpIfNotEqual("failed").Return();
    code.Label("failed").Return().Label("grow").Call("runtime.morestack").Jump("entry");
    const auto flow = code.Build();
    ASSERT_TRUE(flow.ok()) << flow.status();

    const std::vector<SitePlan> plans = PlanBodyRead(*flow, CallAbi::kAmd64Stack);

    EXPECT_EQ(plans.size(), offset == 8 ? 2u : 0u);
    if (plans.size() == 2) {
      EXPECT_EQ(plans[1].node, code.At("cause"));
    }
  }
}

TEST(PlanBodyRead, IsNothingInOtherFunctions) {
  const auto other = BodyRead("net/http.(*persistConn).close", true).Build();
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_THAT(PlanBodyRead(*other, kRegisters), ::testing::IsEmpty());
  const auto untested = BodyRead("net/http.(*persistConn).canceled", false).Build();
  ASSERT_TRUE(untested.ok()) << untested.status();
  EXPECT_THAT(PlanBodyRead(*untested, kRegisters), ::testing::IsEmpty());
}

TEST(ResponseSites, AreRefusedInOtherFunctions) {
  const std::filesystem::path path = NewestHello(false);
  if (path.empty()) GTEST_SKIP() << kNoTargets;
  const auto whole = ResolveTarget(path);
  ASSERT_TRUE(whole.ok()) << whole.status();
  size_t checked = 0;
  for (size_t i = 0; i < whole->sites.size(); ++i) {
    if (!IsResponseSite(whole->sites[i].kind)) continue;
    EXPECT_TRUE(ResponseSiteLiesIn(whole->sites[i].kind, whole->sites[i].function));
    Profile profile = *whole;
    profile.sites[i].function = "net/http.(*conn).serve";
    EXPECT_FALSE(VerifyPath(profile, path).ok()) << Name(whole->sites[i].kind);
    ++checked;
  }
  EXPECT_EQ(checked, 8u);
}

TEST(ResponseSites, LeaveAProfileWithoutThemWhole) {
  const std::filesystem::path path = NewestHello(false);
  if (path.empty()) GTEST_SKIP() << kNoTargets;
  auto profile = ResolveTarget(path);
  ASSERT_TRUE(profile.ok()) << profile.status();
  std::erase_if(profile->sites, [](const auto& site) { return IsResponseSite(site.kind); });

  EXPECT_TRUE(VerifyPath(*profile, path).ok());
  EXPECT_FALSE(KnowsFirstByte(*profile));
  EXPECT_FALSE(KnowsClientBodies(*profile));
}

}  // namespace
}  // namespace uprobed::profile
