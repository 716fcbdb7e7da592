#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/profile/sites.h"
#include "tests/unit/profile/code.h"

namespace uprobed::profile {
namespace {

constexpr char kHandler[] = "net/http.serverHandler.ServeHTTP";
constexpr char kFinish[] = "net/http.(*response).finishRequest";

absl::StatusOr<std::vector<SitePlan>> Plan(const Code& code) {
  ASSIGN_OR_RETURN(const ControlFlow flow, code.Build(std::string(kServeFunction)));
  return PlanServerSites(flow, CallAbi::kAmd64Registers);
}

TEST(ServerSites, AreTheCallsOfHandlerAndFinish) {
  const auto plans = Plan(Code().Mov().Call(kHandler).Mov().Call(kFinish).Return());

  ASSERT_TRUE(plans.ok()) << plans.status();
  ASSERT_EQ(plans->size(), 2u);
  EXPECT_EQ((*plans)[0], (SitePlan{SiteKind::kServerStart, 1, false,
                                   ArgumentsOf(SiteKind::kServerStart, CallAbi::kAmd64Registers)}));
  EXPECT_EQ((*plans)[1], (SitePlan{SiteKind::kServerEnd, 3, false,
                                   ArgumentsOf(SiteKind::kServerEnd, CallAbi::kAmd64Registers)}));
}

TEST(ServerSites, AreRefusedWhereTheHandlerIsInlined) {
  EXPECT_EQ(ReasonOf(Plan(Code().Call(kFinish).Return()).status()), "SITE_NOT_FOUND");
}

TEST(ServerSites, AreRefusedWhereFinishIsInlined) {
  EXPECT_EQ(ReasonOf(Plan(Code().Call(kHandler).Return()).status()), "SITE_NOT_FOUND");
}

}  // namespace
}  // namespace uprobed::profile
