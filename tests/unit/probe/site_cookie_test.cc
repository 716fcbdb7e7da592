#include "server/probe/site_cookie.h"

#include <gtest/gtest.h>

#include <string>

#include "bpf/abi/profile_slot.h"
#include "bpf/abi/site_cookie.h"
#include "server/profile/sites.h"
#include "tests/unit/probe/sites.h"

namespace uprobed::probe {
namespace {

using profile::Profile;
using profile::Site;
using profile::SiteKind;

uint64_t ErrorTypeWord(uint64_t cookie) {
  return cookie >> UP_COOKIE_ERROR_TYPE_SHIFT & UP_COOKIE_WORD_MASK;
}

TEST(MakeSiteCookie, OfAnErrorSaysWhereItsWordsAre) {
  Site site = MakeSite(SiteKind::kClientError, "nop", {"error", "error_data"});
  site.arguments[1] = {"error_data", profile::ArgumentLocation::Kind::kStack, "", 80};

  // rax is the eleventh register of amd64's struct pt_regs.
  EXPECT_EQ(MakeSiteCookie(site, 7),
            7 | uint64_t{11} << UP_COOKIE_ERROR_TYPE_SHIFT |
                uint64_t{UP_WORD_STACK + 10} << UP_COOKIE_ERROR_DATA_SHIFT);

  for (const auto& [name, word] : std::map<std::string, uint64_t>{
           {"r15", 1}, {"rbx", 6}, {"rdi", 15}, {"x0", 1}, {"x30", 31}, {"x31", 0}, {"rsp", 0}}) {
    site.arguments[0].register_name = name;
    EXPECT_EQ(ErrorTypeWord(MakeSiteCookie(site, 7)), word) << name;
  }
}

TEST(MakeSiteCookie, OfAnErrorOfTheExchangeSaysSo) {
  EXPECT_EQ(MakeSiteCookie(MakeSite(SiteKind::kClientExchangeError, "nop", {}), 7),
            7 | UP_COOKIE_EXCHANGE_ERROR);
  EXPECT_EQ(MakeSiteCookie(MakeSite(SiteKind::kClientError, "nop", {}), 7), 7U);
}

TEST(MakeSiteCookie, SaysHowFarTheSiteIsFromTheEntryOfItsFunction) {
  Site site = MakeSite(SiteKind::kClientError, "nop", {});
  site.function_offset = 0xffff;
  EXPECT_EQ(MakeSiteCookie(site, 0xffff), 0xffff'ffffU);
}

TEST(MakeSiteCookie, OfAResultSaysThatAnErrorMayBeRetried) {
  const Site site = MakeSite(SiteKind::kClientResult, "je 0x10", {"response", "error"});

  EXPECT_EQ(MakeSiteCookie(site, 7), 7 | UP_COOKIE_RESULT | UP_COOKIE_RETRIES);
}

TEST(MakeSiteCookie, OfWhatASelectReceivesSaysSo) {
  const Site direct = MakeSite(SiteKind::kChannelReceiveDirect, "call 0x10", {});
  const Site select = MakeSite(SiteKind::kSelectReceiveDirect, "call 0x10", {});

  EXPECT_EQ(MakeSiteCookie(direct, 7), 7U);
  EXPECT_EQ(MakeSiteCookie(select, 7), 7 | UP_COOKIE_SELECT);
}

TEST(MakeSiteCookie, OfAStreamOnTheStackSaysAtWhichWord) {
  Site finish = MakeSite(SiteKind::kGrpcClientFinish, "call 0x10", {"error_type", "error"});
  finish.arguments.push_back({.name = profile::kSavedStream,
                              .kind = profile::ArgumentLocation::Kind::kStack,
                              .register_name = "",
                              .stack_offset = 0x48});
  EXPECT_EQ(MakeSiteCookie(finish, 7),
            7 | UP_COOKIE_STREAM_ON_STACK | uint64_t{9} << UP_COOKIE_STREAM_WORD_SHIFT);

  finish.kind = SiteKind::kGrpcClientFailed;
  EXPECT_EQ(MakeSiteCookie(finish, 7), 7 | UP_COOKIE_STREAM_ON_STACK | UP_COOKIE_RETURNED_ERROR |
                                           uint64_t{9} << UP_COOKIE_STREAM_WORD_SHIFT);
}

TEST(MakeSiteCookie, TellsTheTransportOfServeHttp) {
  const std::string transport = "google.golang.org/grpc/internal/transport.";
  Site end = MakeSite(SiteKind::kGrpcServerEnd, "push rbp", {"stream", "status"});
  end.function = transport + "(*http2Server).writeStatus";
  EXPECT_EQ(MakeSiteCookie(end, 7), 7U);

  end.function = transport + "(*serverHandlerTransport).writeStatus";
  EXPECT_EQ(MakeSiteCookie(end, 7), 7 | UP_COOKIE_GRPC_HANDLER);
}

TEST(MakeSiteCookie, OfABranchCarriesItsCondition) {
  Site site = MakeSite(SiteKind::kClientBranch, "jne 0x10", {});
  site.condition = 5;
  site.ends_when_taken = true;

  const uint64_t cookie = MakeSiteCookie(site, 3);

  EXPECT_EQ(cookie & UP_COOKIE_SLOT_MASK, 3U);
  EXPECT_EQ(cookie >> UP_COOKIE_CONDITION_SHIFT & UP_COOKIE_CONDITION_MASK, 5U);
  EXPECT_TRUE(cookie & UP_COOKIE_BRANCH);
  EXPECT_TRUE(cookie & UP_COOKIE_ENDS_WHEN_TAKEN);
  EXPECT_FALSE(cookie & UP_COOKIE_RESULT);
}

TEST(MakeSiteCookie, OfARecoverSaysWhichWayAPanicTakes) {
  Site site = MakeSite(SiteKind::kServerRecover, "je 0x10", {"recovered"});
  site.condition = 4;

  EXPECT_EQ(MakeSiteCookie(site, 3),
            3 | UP_COOKIE_BRANCH | uint64_t{4} << UP_COOKIE_CONDITION_SHIFT);
}

TEST(MakeSiteCookie, OfABranchOnARegisterCarriesTheWholeCondition) {
  Site site = MakeSite(SiteKind::kClientBranch, "tbnz x30, #63, #0x10", {});
  site.condition = UP_CONDITION_ON_REGISTER | UP_CONDITION_NOT_ZERO | UP_CONDITION_ONE_BIT |
                   63 << UP_CONDITION_FIRST_BIT_SHIFT | 30;

  const uint64_t cookie = MakeSiteCookie(site, 3);

  EXPECT_EQ(cookie >> UP_COOKIE_CONDITION_SHIFT & UP_COOKIE_CONDITION_MASK, site.condition);
  EXPECT_EQ(cookie & ~(UP_COOKIE_CONDITION_MASK << UP_COOKIE_CONDITION_SHIFT),
            3 | UP_COOKIE_BRANCH);
}

TEST(MakeSiteCookie, OfAStackCheckSaysThatItMayRepeat) {
  Site start = MakeSite(SiteKind::kClientStart, "", {"request"});
  start.bytes = {0x76, 0x10};  // jbe
  EXPECT_TRUE(MakeSiteCookie(start, 0) & UP_COOKIE_MAY_REPEAT);
  start.bytes = {0x09, 0x08, 0x00, 0x54};  // b.ls
  EXPECT_TRUE(MakeSiteCookie(start, 0) & UP_COOKIE_MAY_REPEAT);
  start.bytes = {0x55};  // push rbp, behind the check
  EXPECT_FALSE(MakeSiteCookie(start, 0) & UP_COOKIE_MAY_REPEAT);
}

TEST(MakeSiteCookie, OfHttp2SaysWhichImplementationItIs) {
  Site end = MakeSite(SiteKind::kHttp2ServerEnd, "call 0x10", {"response"});
  end.function = "golang.org/x/net/http2.(*serverConn).runHandler.func1";
  EXPECT_EQ(MakeSiteCookie(end, 2), 2 | uint64_t{UP_HTTP2_MODULE} << UP_COOKIE_HTTP2_SHIFT);

  Site abort = MakeSite(SiteKind::kHttp2ServerAbort, "call 0x10", {"first", "second"});
  abort.function = "net/http/internal/http2.(*serverConn).runHandler.func1";
  EXPECT_EQ(MakeSiteCookie(abort, 2),
            2 | uint64_t{UP_HTTP2_INTERNAL} << UP_COOKIE_HTTP2_SHIFT | UP_COOKIE_COMPARES_ABORT);
}

TEST(MakeSiteCookie, OfResponsesSaysWhatTheHitMeans) {
  Site site = MakeSite(SiteKind::kClientBodyRead, "push rbp", {});
  EXPECT_EQ(MakeSiteCookie(site, 2), 2 | UP_COOKIE_BODY_READ);
  site.kind = SiteKind::kClientBodyCause;
  EXPECT_EQ(MakeSiteCookie(site, 2), 2 | UP_COOKIE_BODY_READ | UP_COOKIE_BODY_CAUSE);
  site.kind = SiteKind::kClientBodyClose;
  EXPECT_EQ(MakeSiteCookie(site, 2), 2U);
  const uint64_t internal = uint64_t{UP_HTTP2_INTERNAL} << UP_COOKIE_HTTP2_SHIFT;
  site.kind = SiteKind::kHttp2ClientBodyRead;
  site.function = "net/http/internal/http2.(*clientStream).copyTrailers-fm";
  EXPECT_EQ(MakeSiteCookie(site, 2), 2 | internal | UP_COOKIE_BODY_READ | UP_COOKIE_BODY_HTTP2);
  site.kind = SiteKind::kHttp2ClientBodyClose;
  site.function = "net/http/internal/http2.transportResponseBody.Close";
  EXPECT_EQ(MakeSiteCookie(site, 2), 2 | internal | UP_COOKIE_BODY_HTTP2);
  site.kind = SiteKind::kHttp2ServerFirstByte;
  site.function = "net/http/internal/http2.(*serverConn).writeHeaders";
  EXPECT_EQ(MakeSiteCookie(site, 2), 2 | internal | UP_COOKIE_FIRST_BYTE_HTTP2);
}

TEST(MakeSiteCookie, OfARequestThatIsMadeSaysWhereTheHandlerIs) {
  Site start = MakeSite(SiteKind::kHttp2ServerStart, "je 0x10", {"request"});
  start.bytes = {0x74, 0x10};
  start.function = "net/http.http2Handler.ServeHTTP";
  start.arguments.push_back({.name = profile::kSavedArguments,
                             .kind = profile::ArgumentLocation::Kind::kStack,
                             .register_name = "",
                             .stack_offset = 0x40});
  EXPECT_EQ(MakeSiteCookie(start, 3),
            3 | uint64_t{UP_HTTP2_INTERNAL} << UP_COOKIE_HTTP2_SHIFT |
                uint64_t{UP_PLACE_HTTP2 + UP_HTTP2_INTERNAL} << UP_COOKIE_PLACE_SHIFT |
                UP_COOKIE_HANDLER_ON_STACK | uint64_t{8} << UP_COOKIE_HANDLER_WORD_SHIFT);
}

TEST(MakeSiteCookie, OfARouterSaysWhichItIs) {
  Site route = MakeSite(SiteKind::kServerRoute, "call 0x10", {"route"});
  route.function = "github.com/labstack/echo/v4.(*Echo).ServeHTTP";
  EXPECT_EQ(MakeSiteCookie(route, 2),
            2 | uint64_t{UP_ROUTER_ECHO} << UP_COOKIE_ROUTER_SHIFT |
                uint64_t{UP_PLACE_ROUTER + UP_ROUTER_ECHO} << UP_COOKIE_PLACE_SHIFT);
  route.function = "github.com/gorilla/mux.(*Router).ServeHTTP";
  EXPECT_EQ(MakeSiteCookie(route, 2),
            2 | uint64_t{UP_ROUTER_GORILLA} << UP_COOKIE_ROUTER_SHIFT |
                uint64_t{UP_PLACE_ROUTER + UP_ROUTER_GORILLA} << UP_COOKIE_PLACE_SHIFT);
}

TEST(MakeSiteCookie, OfAHandlerSaysWhereItLiesAndWhereTheHandlerIs) {
  const Profile profile = WithHandlers();
  const auto place = [](uint64_t number) { return number << UP_COOKIE_PLACE_SHIFT; };

  EXPECT_EQ(MakeSiteCookie(profile.sites[1], 2),
            2 | uint64_t{0x20} << UP_COOKIE_FUNCTION_OFFSET_SHIFT | place(UP_PLACE_MUX_LOOKUP) |
                UP_COOKIE_HANDLER_ON_STACK | uint64_t{25} << UP_COOKIE_HANDLER_WORD_SHIFT);
  EXPECT_EQ(MakeSiteCookie(profile.sites[2], 2),
            2 | uint64_t{0x30} << UP_COOKIE_FUNCTION_OFFSET_SHIFT | place(UP_PLACE_MUX_FIND) |
                UP_COOKIE_HANDLER_REDIRECTS);
  EXPECT_EQ(MakeSiteCookie(profile.sites[0], 2) >> UP_COOKIE_PLACE_SHIFT & UP_COOKIE_PLACE_MASK,
            uint64_t{UP_PLACE_SERVER});
}

}  // namespace
}  // namespace uprobed::probe
