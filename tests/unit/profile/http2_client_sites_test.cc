#include "server/profile/http2_client_sites.h"

#include <map>
#include <string>
#include <string_view>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/profile/client_functions.h"
#include "tests/unit/profile/code.h"

namespace uprobed::profile {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kShouldRetry[] = "golang.org/x/net/http2.shouldRetryRequest";
constexpr char kViaPool[] = "golang.org/x/net/http2.(*Transport).roundTripViaPool";

// (*Transport).roundTripViaPool in small: tries again a few times, with what shouldRetryRequest
// makes of the request.
Code ViaPool(const char* exchange) {
  Code code;
  code.Label("entry").Mov().JumpIfEqual("grow").Label("start").PushRbp();
  code.Label("again").CallInterface().TestRbx().JumpIfNotEqual("no connection");
  code.Call(exchange).TestRbx().Label("result").JumpIfEqual("failed or not");
  code.Mov().Label("tries").JumpIfNotEqual("failed or not");
  code.Call(kShouldRetry).TestRbx().Label("retry").JumpIfEqual("again");
  code.Label("failed or not").TestRbx().JumpIfEqual("ok").Mov().Return();
  code.Label("ok").Mov().Return();
  code.Label("no connection").Label("error nop").Nop().Mov().Return();
  code.Label("grow").Mov().Call("runtime.morestack_noctxt.abi0").Jump("entry");
  return code;
}

TEST(Http2ClientSites, LieInTheFunctionsOfEachImplementation) {
  for (const char* function :
       {"net/http.(*http2ClientConn).RoundTrip", "net/http.(*http2ClientConn).roundTrip",
        "net/http/internal/http2.(*ClientConn).roundTrip",
        "golang.org/x/net/http2.(*ClientConn).internalRoundTrip"}) {
    EXPECT_TRUE(LiesIn(SiteKind::kHttp2ClientAttempt, function)) << function;
    EXPECT_FALSE(LiesIn(SiteKind::kHttp2ClientStream, function)) << function;
  }
  for (const char* function : {"net/http.(*http2clientStream).encodeAndWriteHeaders",
                               "net/http/internal/http2.(*clientStream).encodeAndWriteHeaders",
                               "golang.org/x/net/http2.(*clientStream).encodeAndWriteHeaders"}) {
    EXPECT_TRUE(LiesIn(SiteKind::kHttp2ClientStream, function)) << function;
    EXPECT_FALSE(LiesIn(SiteKind::kHttp2ClientAttempt, function)) << function;
  }
  EXPECT_FALSE(LiesIn(SiteKind::kHttp2ClientAttempt, "net/http.(*http2ClientConn).closeConn"));
  EXPECT_FALSE(LiesIn(SiteKind::kHttp2ClientAttempt, "main.(*ClientConn).roundTrip"));
}

TEST(ModuleClientSites, EndWhereTheTransportGivesUp) {
  for (const std::string_view exchange : ModuleClientFunctions()[0].exchanges) {
    const Code code = ViaPool(std::string(exchange).c_str());
    const auto flow = code.Build(kViaPool);
    ASSERT_TRUE(flow.ok()) << flow.status();

    const auto plans = PlanClientSites(*flow, ModuleClientFunctions()[1], CallAbi::kAmd64Registers);

    ASSERT_TRUE(plans.ok()) << plans.status();
    std::map<size_t, std::string> found;
    for (const SitePlan& plan : *plans) {
      found[plan.node] =
          fmt::format("{}{}{}", Name(plan.kind), plan.ends_when_taken ? " taken" : "",
                      plan.arguments.empty() ? "" : " words");
    }
    EXPECT_THAT(found, UnorderedElementsAre(Pair(code.At("start"), "client_start words"),
                                            Pair(code.At("result"), "client_result words"),
                                            Pair(code.At("tries"), "client_branch taken"),
                                            Pair(code.At("retry"), "client_branch words"),
                                            Pair(code.At("error nop"), "client_error")))
        << exchange;
  }
}

TEST(ModuleClientSites, AreNotWhereNothingIsExchanged) {
  const auto flow = ViaPool("golang.org/x/net/http2.(*ClientConn).Ping").Build(kViaPool);
  ASSERT_TRUE(flow.ok()) << flow.status();
  EXPECT_FALSE(PlanClientSites(*flow, ModuleClientFunctions()[1], CallAbi::kAmd64Registers).ok());
}

}  // namespace
}  // namespace uprobed::profile
