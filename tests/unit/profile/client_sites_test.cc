#include <algorithm>
#include <functional>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/profile/coverage.h"
#include "server/profile/sites.h"
#include "tests/unit/profile/code.h"

namespace uprobed::profile {
namespace {

constexpr char kExchange[] = "net/http.(*persistConn).roundTrip";

using Piece = std::function<void(Code&)>;

// Transport.roundTrip in small; a test replaces the piece it is about.
struct RoundTrip {
  Piece prologue = [](Code& code) { code.Mov().JumpIfEqual("grow").Label("push").PushRbp(); };
  // Leaves for `bad`, the end of a request that cannot be sent.
  Piece check = [](Code& code) { code.Mov().Label("check").JumpIfNotEqual("bad"); };
  Piece bad = [](Code& code) { code.Mov().Label("bad nop").Nop().Return(); };
  // Gets a connection and exchanges; HTTP/2 by the interface.
  Piece exchange = [](Code& code) {
    code.JumpIfEqual("http2").Call(kExchange).Label("joined").TestRbx();
    code.Label("result").JumpIfEqual("ok");
  };
  Piece http2 = [](Code& code) { code.CallInterface().Mov({"rdx"}).Jump("joined"); };
  Piece ok = [](Code& code) { code.Mov().Return(); };
  Piece retry = [](Code& code) {
    code.Call("net/http.(*persistConn).shouldRetryRequest").JumpIfNotEqual("again");
    code.Mov().Label("fail nop").Nop().Return();
  };

  Code Write() const {
    Code code;
    code.Label("entry");
    prologue(code);
    check(code);
    code.Label("again");
    exchange(code);
    retry(code);
    code.Label("http2");
    http2(code);
    code.Label("ok");
    ok(code);
    code.Label("bad");
    bad(code);
    code.Label("grow").Mov().Call("runtime.morestack_noctxt.abi0").Jump("entry");
    return code;
  }
};

absl::StatusOr<std::vector<SitePlan>> Plan(const Code& code) {
  ASSIGN_OR_RETURN(const ControlFlow flow, code.Build(std::string(kRoundTripFunction)));
  return PlanClientSites(flow, NetHttpClientFunction(), CallAbi::kAmd64Registers);
}

std::string ReasonFor(const RoundTrip& round_trip) {
  return ReasonOf(Plan(round_trip.Write()).status());
}

std::optional<SitePlan> PlanAt(const std::vector<SitePlan>& plans, size_t node) {
  for (const SitePlan& plan : plans) {
    if (plan.node == node) return plan;
  }
  return std::nullopt;
}

std::vector<size_t> NodesOf(const std::vector<SitePlan>& plans, SiteKind kind) {
  std::vector<size_t> nodes;
  for (const SitePlan& plan : plans) {
    if (plan.kind == kind) nodes.push_back(plan.node);
  }
  return nodes;
}

TEST(ClientSites, AreStartResultAndTheErrorsThatEnd) {
  const Code code = RoundTrip().Write();

  const auto plans = Plan(code);

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_EQ(plans->size(), 4u);
  EXPECT_EQ(PlanAt(*plans, code.At("push")),
            (SitePlan{SiteKind::kClientStart, code.At("push"), false,
                      ArgumentsOf(SiteKind::kClientStart, CallAbi::kAmd64Registers)}));
  EXPECT_EQ(PlanAt(*plans, code.At("result")),
            (SitePlan{SiteKind::kClientResult, code.At("result"), false,
                      ArgumentsOf(SiteKind::kClientResult, CallAbi::kAmd64Registers)}));
  EXPECT_THAT(NodesOf(*plans, SiteKind::kClientError), ::testing::ElementsAre(code.At("bad nop")));
  EXPECT_THAT(NodesOf(*plans, SiteKind::kClientExchangeError),
              ::testing::ElementsAre(code.At("fail nop")));
}

TEST(ClientSites, StartAtTheStackCheckWhereNoPushFollows) {
  RoundTrip round_trip;
  round_trip.prologue = [](Code& code) {
    code.Mov().Label("check stack").JumpIfEqual("grow").Mov();
  };
  const Code code = round_trip.Write();

  const auto plans = Plan(code);

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_THAT(NodesOf(*plans, SiteKind::kClientStart),
              ::testing::ElementsAre(code.At("check stack")));
}

TEST(ClientSites, AreRefusedWithoutAStackCheck) {
  RoundTrip round_trip;
  round_trip.prologue = [](Code& code) { code.PushRbp(); };
  EXPECT_EQ(ReasonFor(round_trip), "SITE_NOT_FOUND");
}

TEST(ClientSites, AreRefusedWhereTheRequestLeavesItsRegisterBeforeTheStart) {
  RoundTrip round_trip;
  round_trip.prologue = [](Code& code) { code.Mov({"rbx"}).JumpIfEqual("grow").PushRbp(); };
  EXPECT_EQ(ReasonFor(round_trip), "SITE_NOT_FOUND");
}

TEST(ClientSites, AreRefusedWithoutADirectExchange) {
  RoundTrip round_trip;
  round_trip.exchange = [](Code& code) {
    code.JumpIfEqual("http2").CallInterface().Label("joined").TestRbx().JumpIfEqual("ok");
  };
  EXPECT_EQ(ReasonFor(round_trip), "SITE_NOT_FOUND");
}

TEST(ClientSites, AreRefusedWhereTheErrorIsOverwrittenBeforeItsTest) {
  RoundTrip round_trip;
  round_trip.exchange = [](Code& code) {
    code.JumpIfEqual("http2").Call(kExchange).Mov({"rbx"}).Label("joined").TestRbx();
    code.JumpIfEqual("ok");
  };
  EXPECT_EQ(ReasonFor(round_trip), "SITE_NOT_FOUND");
}

TEST(ClientSites, AreRefusedWhereSomethingElseIsTested) {
  RoundTrip round_trip;
  round_trip.exchange = [](Code& code) {
    code.JumpIfEqual("http2").Call(kExchange).Label("joined").TestRbx().Mov().JumpIfEqual("ok");
  };
  EXPECT_EQ(ReasonFor(round_trip), "SITE_NOT_FOUND");
}

TEST(ClientSites, AreRefusedWhereHttp2HasATestOfItsOwn) {
  RoundTrip round_trip;
  round_trip.http2 = [](Code& code) {
    code.CallInterface().TestRbx().JumpIfNotEqual("bad").Mov().Nop().Return().Jump("joined");
  };
  EXPECT_EQ(ReasonFor(round_trip), "SITE_NOT_FOUND");
}

TEST(ClientSites, AreFoundWhereTheTestIsTheOtherWayRound) {
  RoundTrip round_trip;
  round_trip.exchange = [](Code& code) {
    code.JumpIfEqual("http2").Call(kExchange).Label("joined").TestRbx();
    code.Label("result").JumpIfNotEqual("failed").Mov().Return().Label("failed");
  };
  const auto plans = Plan(round_trip.Write());

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_EQ(NodesOf(*plans, SiteKind::kClientError).size(), 1u);
  EXPECT_EQ(NodesOf(*plans, SiteKind::kClientExchangeError).size(), 1u);
}

// The way out of an alternate protocol: nothing the kernel emulates before its return.
RoundTrip WithAlternateProtocol(const Piece& between) {
  RoundTrip round_trip;
  round_trip.check = [between](Code& code) {
    code.JumpIfEqual("plain");
    between(code);
    code.Label("branch").JumpIfNotEqual("bad").Label("plain");
  };
  round_trip.bad = [](Code& code) { code.Mov().Mov().Label("bare return").Return(); };
  return round_trip;
}

TEST(ClientSites, TakeTheBranchToAReturnWithoutAnEmulatedInstruction) {
  const Code code = WithAlternateProtocol([](Code& c) { c.CallInterface().Mov({"rdx"}); }).Write();

  const auto plans = Plan(code);

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_EQ(PlanAt(*plans, code.At("branch")),
            (SitePlan{SiteKind::kClientBranch, code.At("branch"), true,
                      ArgumentsOf(SiteKind::kClientBranch, CallAbi::kAmd64Registers)}));
  EXPECT_EQ(PlanAt(*plans, code.At("bare return")), std::nullopt);
}

TEST(ClientSites, ReadTheResultOfTheCallBeforeAnotherTry) {
  const Code code =
      WithAlternateProtocol([](Code& c) { c.CallInterface().Call("net/http.rewindBody"); }).Write();

  const auto plans = Plan(code);

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_EQ(PlanAt(*plans, code.At("branch")),
            (SitePlan{SiteKind::kClientBranch, code.At("branch"), true,
                      ArgumentsOf(SiteKind::kClientBranch, CallAbi::kAmd64Registers)}));
}

TEST(ClientSites, ReadNoResultAtABranchBehindAnotherCall) {
  const Code code = WithAlternateProtocol([](Code& c) {
                      c.CallInterface().Call("net/http.(*Transport).other");
                    }).Write();

  const auto plans = Plan(code);

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_EQ(PlanAt(*plans, code.At("branch")),
            (SitePlan{SiteKind::kClientBranch, code.At("branch"), true, {}}));
}

TEST(ClientSites, ReadNoResultAtABranchThatOverwroteIt) {
  const Code code = WithAlternateProtocol([](Code& c) { c.CallInterface().Mov({"rax"}); }).Write();

  const auto plans = Plan(code);

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_TRUE(PlanAt(*plans, code.At("branch"))->arguments.empty());
}

TEST(ClientSites, PreferASingleSteppedReturnToABranchOfEveryRequest) {
  RoundTrip round_trip;
  round_trip.bad = [](Code& code) { code.Mov().Label("bare return").Return(); };
  const Code code = round_trip.Write();

  const auto plans = Plan(code);

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_EQ(PlanAt(*plans, code.At("bare return"))->kind, SiteKind::kClientError);
  EXPECT_EQ(PlanAt(*plans, code.At("check")), std::nullopt);
}

TEST(ClientSites, NeverLieOnCodeThatASuccessSharesWithAnError) {
  RoundTrip round_trip;
  round_trip.ok = [](Code& code) { code.Mov().Label("shared").Nop().Return(); };
  round_trip.bad = [](Code& code) { code.Mov().Label("own").Jump("shared"); };
  const Code code = round_trip.Write();

  const auto plans = Plan(code);

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_EQ(PlanAt(*plans, code.At("shared")), std::nullopt);
  EXPECT_TRUE(PlanAt(*plans, code.At("own")).has_value());
}

TEST(ClientSites, AreRefusedWhereAnErrorHasNothingOfItsOwn) {
  RoundTrip round_trip;
  round_trip.ok = [](Code& code) { code.Mov().Label("bad").Nop().Return(); };
  round_trip.bad = [](Code& code) { code.Label("never reached").Return(); };
  Code code;
  code.Label("entry");
  round_trip.prologue(code);
  code.Mov().JumpIfNotEqual("shared").Label("again");
  round_trip.exchange(code);
  round_trip.retry(code);
  code.Label("http2");
  round_trip.http2(code);
  code.Label("ok").Mov().Label("shared").Nop().Return();
  code.Label("grow").Call("runtime.morestack").Jump("entry");

  EXPECT_EQ(ReasonOf(Plan(code).status()), "SITE_NOT_FOUND");
}

TEST(ClientSites, NeedNoEndWhereTheProgramPanics) {
  RoundTrip round_trip;
  round_trip.bad = [](Code& code) { code.Nop().Call("runtime.panicIndex").Nop(); };

  const auto plans = Plan(round_trip.Write());

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_TRUE(NodesOf(*plans, SiteKind::kClientError).empty());
  EXPECT_EQ(NodesOf(*plans, SiteKind::kClientExchangeError).size(), 1u);
}

// An error of its own may come behind the exchange: a body that cannot be read again.
TEST(ClientSites, TakeNoErrorForThatOfTheExchangeWhereARewindMayHaveFailed) {
  RoundTrip round_trip;
  round_trip.retry = [](Code& code) {
    code.Call("net/http.(*persistConn).shouldRetryRequest").JumpIfEqual("fail");
    code.Call("net/http.rewindBody").JumpIfEqual("again");
    code.Label("fail").Mov().Label("fail nop").Nop().Return();
  };
  const Code code = round_trip.Write();

  const auto plans = Plan(code);

  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_THAT(NodesOf(*plans, SiteKind::kClientError),
              ::testing::UnorderedElementsAre(code.At("bad nop"), code.At("fail nop")));
  EXPECT_TRUE(NodesOf(*plans, SiteKind::kClientExchangeError).empty());
}

TEST(Coverage, NoticesAnyEndThatIsMissing) {
  const Code code = WithAlternateProtocol([](Code& c) { c.CallInterface(); }).Write();
  const auto flow = code.Build();
  ASSERT_TRUE(flow.ok()) << flow.status();
  const auto plans = PlanClientSites(*flow, NetHttpClientFunction(), CallAbi::kAmd64Registers);
  ASSERT_TRUE(plans.ok()) << plans.status();
  ASSERT_TRUE(EndsOnEveryPath(*flow, *plans));

  for (size_t left_out = 0; left_out < plans->size(); ++left_out) {
    std::vector<SitePlan> fewer = *plans;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(left_out));
    const bool is_start = (*plans)[left_out].kind == SiteKind::kClientStart;
    EXPECT_EQ(EndsOnEveryPath(*flow, fewer), is_start) << Name((*plans)[left_out].kind);
  }
}

TEST(Coverage, NoticesABranchThatEndsOnTheWrongSide) {
  const Code code = WithAlternateProtocol([](Code& c) { c.CallInterface(); }).Write();
  const auto flow = code.Build();
  ASSERT_TRUE(flow.ok()) << flow.status();
  auto plans = PlanClientSites(*flow, NetHttpClientFunction(), CallAbi::kAmd64Registers);
  ASSERT_TRUE(plans.ok()) << plans.status();
  ASSERT_TRUE(NeverEndsEarly(*flow, *plans));

  for (SitePlan& plan : *plans) plan.ends_when_taken = !plan.ends_when_taken;

  EXPECT_FALSE(EndsOnEveryPath(*flow, *plans));
  EXPECT_FALSE(NeverEndsEarly(*flow, *plans));
}

TEST(Coverage, NoticesAnErrorOnTheWayToAResult) {
  const Code code = RoundTrip().Write();
  const auto flow = code.Build();
  ASSERT_TRUE(flow.ok()) << flow.status();
  auto plans = PlanClientSites(*flow, NetHttpClientFunction(), CallAbi::kAmd64Registers);
  ASSERT_TRUE(plans.ok()) << plans.status();

  plans->push_back({SiteKind::kClientError, code.At("check"), false, {}});

  EXPECT_FALSE(NeverEndsEarly(*flow, *plans));
}

TEST(Coverage, NoticesAnErrorBehindASuccess) {
  const Code code = RoundTrip().Write();
  const auto flow = code.Build();
  ASSERT_TRUE(flow.ok()) << flow.status();
  auto plans = PlanClientSites(*flow, NetHttpClientFunction(), CallAbi::kAmd64Registers);
  ASSERT_TRUE(plans.ok()) << plans.status();

  plans->push_back({SiteKind::kClientError, code.At("ok"), false, {}});

  EXPECT_FALSE(NeverEndsEarly(*flow, *plans));
}

}  // namespace
}  // namespace uprobed::profile
