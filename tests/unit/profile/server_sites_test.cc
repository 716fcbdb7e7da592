#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/profile/sites.h"
#include "tests/unit/profile/code.h"

namespace uprobed::profile {
namespace {

using ::testing::IsEmpty;

constexpr char kHandler[] = "net/http.serverHandler.ServeHTTP";
constexpr char kFinish[] = "net/http.(*response).finishRequest";

absl::StatusOr<std::vector<SitePlan>> PlanServe(const Code& code) {
  ASSIGN_OR_RETURN(const ControlFlow flow, code.Build(std::string(kServeFunction)));
  return PlanServerSites(flow, CallAbi::kAmd64Registers);
}

TEST(ServerSites, AreTheCallsOfHandlerAndFinish) {
  const auto plans = PlanServe(Code().Mov().Call(kHandler).Mov().Call(kFinish).Return());

  ASSERT_TRUE(plans.ok()) << plans.status();
  ASSERT_EQ(plans->size(), 2u);
  EXPECT_EQ((*plans)[0], (SitePlan{SiteKind::kServerStart, 1, false,
                                   ArgumentsOf(SiteKind::kServerStart, CallAbi::kAmd64Registers)}));
  EXPECT_EQ((*plans)[1], (SitePlan{SiteKind::kServerEnd, 3, false,
                                   ArgumentsOf(SiteKind::kServerEnd, CallAbi::kAmd64Registers)}));
}

TEST(ServerSites, AreRefusedWhereTheHandlerIsInlined) {
  EXPECT_EQ(ReasonOf(PlanServe(Code().Call(kFinish).Return()).status()), "SITE_NOT_FOUND");
}

TEST(ServerSites, AreRefusedWhereFinishIsInlined) {
  EXPECT_EQ(ReasonOf(PlanServe(Code().Call(kHandler).Return()).status()), "SITE_NOT_FOUND");
}

TEST(ServerSites, AreTheAnswersOfTheServerItselfToo) {
  const auto plans = PlanServe(Code()
                                   .Call("io.WriteString")
                                   .Call(kHandler)
                                   .Call(kFinish)
                                   .Call("fmt.Fprintf")
                                   .Call("fmt.Fprintf")
                                   .Return());

  ASSERT_TRUE(plans.ok()) << plans.status();
  std::vector<size_t> refused;
  for (const SitePlan& plan : *plans) {
    if (plan.kind == SiteKind::kServerRefused) refused.push_back(plan.node);
  }
  EXPECT_THAT(refused, ::testing::UnorderedElementsAre(0, 3, 4));
}

constexpr char kRecover[] = "runtime.gorecover";

std::vector<SitePlan> PlanRecover(const Code& code, CallAbi abi) {
  const auto flow = code.Build("net/http.(*conn).serve.func1");
  EXPECT_TRUE(flow.ok()) << flow.status();
  return PlanRecoverSites(*flow, abi);
}

TEST(RecoverSites, AreTheTestsOfWhatWasRecovered) {
  const CallAbi abi = CallAbi::kAmd64Registers;
  const std::vector<ArgumentLocation> arguments = ArgumentsOf(SiteKind::kServerRecover, abi);

  const auto none = PlanRecover(
      Code().Call(kRecover).Store().TestRax().JumpIfEqual("none").Mov().Label("none").Return(),
      abi);
  EXPECT_THAT(none,
              ::testing::ElementsAre(SitePlan{SiteKind::kServerRecover, 3, false, arguments}));
  const auto some = PlanRecover(
      Code().Call(kRecover).TestRax().JumpIfNotEqual("some").Mov().Label("some").Return(), abi);
  EXPECT_THAT(some, ::testing::ElementsAre(SitePlan{SiteKind::kServerRecover, 2, true, arguments}));
}

TEST(RecoverSites, FollowTheResultFromTheStack) {
  const CallAbi abi = CallAbi::kAmd64Stack;
  const auto plans = PlanRecover(Code()
                                     .Call(kRecover)
                                     .LoadRcxFromStack(8)
                                     .Store()
                                     .TestRcx()
                                     .JumpIfEqual("none")
                                     .Mov()
                                     .Label("none")
                                     .Return(),
                                 abi);
  ASSERT_EQ(plans.size(), 1U);
  EXPECT_EQ(plans[0].node, 4U);
}

TEST(RecoverSites, AreNoneWhereAnotherWordIsTested) {
  const CallAbi registers = CallAbi::kAmd64Registers;
  const auto behind = [](Code code) {
    return code.JumpIfEqual("none").Mov().Label("none").Return();
  };
  EXPECT_THAT(PlanRecover(behind(Code().Call(kRecover).TestRbx()), registers), IsEmpty());
  EXPECT_THAT(PlanRecover(behind(Code().Call(kRecover).Mov({"rax"}).TestRax()), registers),
              IsEmpty());
  EXPECT_THAT(PlanRecover(behind(Code().Call(kRecover).TestRax().Mov()), registers), IsEmpty());
  EXPECT_THAT(PlanRecover(behind(Code().Call(kRecover).LoadRcxFromStack(16).TestRcx()),
                          CallAbi::kAmd64Stack),
              IsEmpty());
  EXPECT_THAT(PlanRecover(behind(Code().Call("runtime.other").TestRax()), registers), IsEmpty());
  EXPECT_THAT(PlanRecover(Code().Call(kRecover).TestRax().Return(), registers), IsEmpty());
}

}  // namespace
}  // namespace uprobed::profile
