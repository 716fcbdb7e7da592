// Go 1.15 and 1.16 pass arguments and results on the stack.
#include <algorithm>
#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/profile/sites.h"
#include "tests/unit/profile/code.h"

namespace uprobed::profile {
namespace {

using ::testing::ElementsAre;

constexpr uint8_t kErrorOffset = 24;

// Transport.roundTrip in small; `results` is what stands between each call and the common test.
Code RoundTripOnStack(const std::function<void(Code&)>& results) {
  Code code;
  code.Label("entry").Mov({"rcx"}).Label("stack check").JumpIfEqual("grow");
  code.Mov({"rsp"}).Store().Label("again").JumpIfEqual("http2");
  code.Call("net/http.(*persistConn).roundTrip");
  results(code);
  code.Label("test").TestRcx().Label("result").JumpIfEqual("ok");
  code.Call("net/http.(*persistConn).shouldRetryRequest").JumpIfNotEqual("again");
  code.Mov().Label("fail nop").Nop().Return();
  code.Label("http2").CallInterface();
  results(code);
  code.Jump("test").Label("ok").Mov().Return();
  code.Label("grow").Call("runtime.morestack_noctxt").Jump("entry");
  return code;
}

absl::StatusOr<std::vector<SitePlan>> PlanOnStack(const Code& code) {
  ASSIGN_OR_RETURN(const ControlFlow flow, code.Build(std::string(kRoundTripFunction)));
  return PlanClientSites(flow, NetHttpClientFunction(), CallAbi::kAmd64Stack);
}

TEST(StackAbiSites, AreStackCheckAndTestOfTheLoadedError) {
  const Code code = RoundTripOnStack([](Code& c) { c.LoadRcxFromStack(kErrorOffset); });

  const auto plans = PlanOnStack(code);

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_THAT(
      *plans,
      ElementsAre(SitePlan{SiteKind::kClientStart, code.At("stack check"), false,
                           ArgumentsOf(SiteKind::kClientStart, CallAbi::kAmd64Stack)},
                  SitePlan{SiteKind::kClientResult, code.At("result"), false,
                           ArgumentsOf(SiteKind::kClientResult, CallAbi::kAmd64Stack)},
                  SitePlan{SiteKind::kClientExchangeError, code.At("fail nop"), false, {}}));
}

TEST(StackAbiSites, AreRefusedWhereAnotherWordIsTested) {
  const Code code = RoundTripOnStack([](Code& c) { c.LoadRcxFromStack(16); });
  EXPECT_EQ(ReasonOf(PlanOnStack(code).status()), "SITE_NOT_FOUND");
}

TEST(StackAbiSites, AreRefusedWhereTheResultsMayBeOverwritten) {
  const Code code = RoundTripOnStack([](Code& c) { c.LoadRcxFromStack(kErrorOffset).Store(); });
  EXPECT_EQ(ReasonOf(PlanOnStack(code).status()), "SITE_NOT_FOUND");
}

TEST(StackAbiSites, AreRefusedWhereTheStackPointerMoves) {
  const Code code =
      RoundTripOnStack([](Code& c) { c.LoadRcxFromStack(kErrorOffset).Mov({"rsp"}); });
  EXPECT_EQ(ReasonOf(PlanOnStack(code).status()), "SITE_NOT_FOUND");
}

TEST(StackAbiSites, FindArgumentsBehindTheReturnAddressInTheCallee) {
  const auto start = ArgumentsOf(SiteKind::kClientStart, CallAbi::kAmd64Stack);
  ASSERT_EQ(start.size(), 1U);
  EXPECT_EQ(start[0].stack_offset, 16);  // return address, receiver, request
  const auto serve = ArgumentsOf(SiteKind::kServerStart, CallAbi::kAmd64Stack);
  EXPECT_EQ(serve[0].stack_offset, 24);  // sh.srv, rw (two words), req
}

}  // namespace
}  // namespace uprobed::profile
