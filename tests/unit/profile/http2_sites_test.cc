#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/profile/http2_names.h"
#include "server/profile/sites.h"
#include "tests/unit/profile/code.h"

namespace uprobed::profile {
namespace {

constexpr char kRun[] = "net/http.(*http2serverConn).runHandler";
constexpr char kDone[] = "net/http.(*http2responseWriter).handlerDone";
constexpr char kMore[] = "runtime.morestack_noctxt";
constexpr CallAbi kAbi = CallAbi::kAmd64Registers;
// Where Code::Store() puts rax.
constexpr uint8_t kStored = 0x18;

absl::StatusOr<std::vector<SitePlan>> PlanEnds(const Code& code, CallAbi abi = kAbi) {
  ASSIGN_OR_RETURN(const ControlFlow flow, code.Build(std::string(kRun) + ".func1"));
  return PlanHttp2Ends(flow, kDone, abi);
}

// What runHandler defers: `test` is what stands behind recover() and leads to its jump.
Code Deferred(const std::function<void(Code&)>& test) {
  Code code;
  code.JumpIfEqual("returned").Call("runtime.gorecover");
  test(code);
  return code.JumpIfEqual("goexit")
      .JumpIfEqual("same type")
      .Label("log")
      .Call("runtime.Stack")
      .Label("goexit")
      .Return()
      .Label("same type")
      .Call("runtime.efaceeq")
      .JumpIfEqual("log")
      .Return()
      .Label("returned")
      .Call(kDone)
      .Return();
}

TEST(Http2Sites, AreTheCallsThatTellHowARequestEnds) {
  const auto plans = PlanEnds(Deferred([](Code& code) {
    code.Store().Call("runtime.convT32").LoadRcxFromStack(kStored).TestRcx();
  }));

  ASSERT_TRUE(plans.ok()) << plans.status();
  using Kind = SiteKind;
  EXPECT_THAT(*plans, ::testing::ElementsAre(SitePlan{Kind::kHttp2ServerEnd, 13, false,
                                                      ArgumentsOf(Kind::kHttp2ServerEnd, kAbi)},
                                             SitePlan{Kind::kHttp2ServerGoexit, 6, true, {}},
                                             SitePlan{Kind::kHttp2ServerPanic, 8, false, {}},
                                             SitePlan{Kind::kHttp2ServerAbort, 10, false,
                                                      ArgumentsOf(Kind::kHttp2ServerAbort, kAbi)}));
}

TEST(Http2Sites, AreRefusedWhereAnotherValueIsTested) {
  const auto other_place = PlanEnds(Deferred([](Code& code) {
    code.Store().Call("runtime.convT32").LoadRcxFromStack(kStored + 8).TestRcx();
  }));
  const auto not_saved = PlanEnds(Deferred(
      [](Code& code) { code.Call("runtime.convT32").LoadRcxFromStack(kStored).TestRcx(); }));
  const auto overwritten = PlanEnds(Deferred(
      [](Code& code) { code.Store().Mov({"rax"}).Store().LoadRcxFromStack(kStored).TestRcx(); }));

  EXPECT_EQ(ReasonOf(other_place.status()), "SITE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(not_saved.status()), "SITE_NOT_FOUND");
  EXPECT_EQ(ReasonOf(overwritten.status()), "SITE_NOT_FOUND");
}

TEST(Http2Sites, FindTheRecoveredValueOnTheStack) {
  const auto test = [](uint8_t result) {
    return [result](Code& code) { code.LoadRcxFromStack(result).TestRcx(); };
  };

  EXPECT_TRUE(PlanEnds(Deferred(test(8)), CallAbi::kAmd64Stack).ok());
  EXPECT_EQ(ReasonOf(PlanEnds(Deferred(test(16)), CallAbi::kAmd64Stack).status()),
            "SITE_NOT_FOUND");
}

TEST(Http2Sites, AreRefusedWhereAnEndIsMissing) {
  const auto plans = PlanEnds(Code().Call(kDone).Return());

  EXPECT_EQ(ReasonOf(plans.status()), "SITE_NOT_FOUND");
}

absl::StatusOr<SitePlan> PlanStart(const Code& code, uint8_t implementation, CallAbi abi = kAbi) {
  const Http2Names& names = AllHttp2Names()[implementation];
  ASSIGN_OR_RETURN(const ControlFlow flow, code.Build(std::string(names.start_function)));
  return PlanHttp2Start(flow, names, abi);
}

TEST(Http2Sites, BeginInThePrologueWhereTheRequestIsInItsRegister) {
  const auto prologue = [](const std::string& written) {
    Code code;
    code.Label("entry").Mov({written}).JumpIfEqual("grow").PushRbp().Return();
    return code.Label("grow").Call(kMore).Jump("entry");
  };

  const auto start = PlanStart(prologue("r12"), UP_HTTP2_BUNDLED);
  ASSERT_TRUE(start.ok()) << start.status();
  EXPECT_EQ(*start,
            (SitePlan{SiteKind::kHttp2ServerStart, 2, false, Http2StartArguments(kRun, kAbi)}));
  for (const Code& code : {prologue("rcx"), prologue("rdi"), Code().Mov().Return()}) {
    EXPECT_EQ(ReasonOf(PlanStart(code, UP_HTTP2_BUNDLED).status()), "SITE_NOT_FOUND");
  }
}

// What makes a request and hands it on; `between` is what lies between the two writes to it.
Code Maker(
    const std::function<void(Code&)>& between,
    const std::function<void(Code&)>& handing_on = [](Code& code) { code.MovRdiRax(); }) {
  Code code;
  code.Label("entry").JumpIfEqual("grow").PushRbp();
  code.PutAwayRax(0x40).PutAwayRbx(0x48).PutAwayRcx(0x50);
  code.Call("runtime.newobject");
  code.Label("first").JumpIfEqual("written").Call("runtime.gcWriteBarrier1").Label("written").Nop();
  between(code);
  code.Label("last").JumpIfEqual("done").Call("runtime.gcWriteBarrier2").Label("done").Nop();
  handing_on(code);
  code.CallInterface().Return();
  return code.Label("grow").Call(kMore).Jump("entry");
}

TEST(Http2Sites, BeginWhereTheRequestIsMade) {
  const Code code = Maker([](Code& between) { between.Mov({"rdx"}); });
  const auto start = PlanStart(code, UP_HTTP2_INTERNAL);
  ASSERT_TRUE(start.ok()) << start.status();
  EXPECT_EQ(start->kind, SiteKind::kHttp2ServerStart);
  EXPECT_EQ(start->node, code.At("last"));
  std::vector<ArgumentLocation> arguments =
      Http2StartArguments(AllHttp2Names()[UP_HTTP2_INTERNAL].start_function, kAbi);
  EXPECT_EQ(arguments.at(0).register_name, "rax");
  EXPECT_EQ(arguments.at(1).name, kSavedArguments);
  arguments.at(1).stack_offset = 0x40;
  EXPECT_EQ(start->arguments, arguments);
}

TEST(Http2Sites, AreNotWhereSomeRequestsDoNotPass) {
  const Code code = Maker([](Code&) {},
                          [](Code& handing_on) {
                            handing_on.Label("chosen").JumpIfEqual("around");
                            handing_on.Nop().JumpIfEqual("around").Nop();
                            handing_on.Label("around").MovRdiRax();
                          });
  const auto start = PlanStart(code, UP_HTTP2_INTERNAL);
  ASSERT_TRUE(start.ok()) << start.status();
  EXPECT_EQ(start->node, code.At("chosen"));
}

TEST(Http2Sites, AreRefusedWhereTheMadeRequestIsNotFollowed) {
  const auto nothing = [](Code&) {};
  const Code refused[] = {
      Maker([](Code& code) { code.Mov({"rax"}); }),           // another value in its register
      Maker([](Code& code) { code.Call("strings.Clone"); }),  // which may use it
      Maker([](Code& code) { code.Call("runtime.newobject"); }),
      Maker([](Code& code) { code.CallInterface(); }),
      Maker(nothing, nothing),  // something else is handed on
      Code().Call("runtime.newobject").MovRdiRax().CallInterface().Return(),
  };
  for (const Code& code : refused) {
    EXPECT_EQ(ReasonOf(PlanStart(code, UP_HTTP2_INTERNAL).status()), "SITE_NOT_FOUND");
  }
  EXPECT_TRUE(PlanStart(Maker(nothing), UP_HTTP2_INTERNAL).ok());
  EXPECT_FALSE(PlanStart(Maker(nothing), UP_HTTP2_INTERNAL, CallAbi::kAmd64Stack).ok());
}

TEST(Http2Sites, AreRefusedWhereTheArgumentsAreNotSavedSideBySide) {
  for (const uint8_t offset : {uint8_t{0x48}, uint8_t{0x58}}) {
    Code code;
    code.Label("entry").JumpIfEqual("grow").PushRbp();
    code.PutAwayRax(0x40).PutAwayRbx(0x48).PutAwayRcx(offset).Call("runtime.newobject");
    code.JumpIfEqual("done").Call("runtime.gcWriteBarrier1").Label("done").MovRdiRax();
    code.CallInterface().Return().Label("grow").Call(kMore).Jump("entry");
    EXPECT_EQ(ReasonOf(PlanStart(code, UP_HTTP2_INTERNAL).status()), "SITE_NOT_FOUND");
  }
}

TEST(Http2Names, TellTheImplementationsApart) {
  const auto implementation = [](std::string_view function) {
    const Http2Names* names = FindHttp2Names(function);
    return names == nullptr ? -1 : int{names->implementation};
  };

  EXPECT_EQ(implementation(kRun), UP_HTTP2_BUNDLED);
  EXPECT_EQ(implementation("net/http/internal/http2.(*serverConn).runHandler.func1"),
            UP_HTTP2_INTERNAL);
  EXPECT_EQ(implementation("net/http.http2Handler.ServeHTTP"), UP_HTTP2_INTERNAL);
  EXPECT_EQ(implementation("golang.org/x/net/http2.(*serverConn).runHandler.func2"),
            UP_HTTP2_MODULE);
  EXPECT_EQ(implementation(std::string(kRun) + "Later"), -1);
  EXPECT_EQ(implementation("net/http.(*conn).serve"), -1);
}

TEST(Http2Names, KnowWhichFieldsBelongTogether) {
  for (const Http2Names& names : AllHttp2Names()) {
    EXPECT_EQ(int{names.first_field},
              UP_FIELD_HTTP2_BUNDLED_RWS + names.implementation * UP_HTTP2_FIELDS);
    const auto group = AllFields().subspan(names.first_field, UP_HTTP2_FIELDS);
    EXPECT_EQ(group[0].member, "rws");
    EXPECT_EQ(group[1].member, "status");
    EXPECT_EQ(group[2].member, "wroteBytes");
    std::map<std::string, FieldOffset> fields;
    for (const FieldSpec& field : group) {
      EXPECT_EQ(field.need, Need::kHttp2);
      EXPECT_FALSE(KnowsFieldsOf(names, fields));
      fields[FieldKey(field)] = {};
    }
    // This one alone has a request of its own.
    if (names.implementation == UP_HTTP2_INTERNAL) {
      for (int index = UP_FIELD_HTTP2_REQUEST_METHOD; index <= UP_FIELD_HTTP2_REQUEST_TLS;
           ++index) {
        EXPECT_FALSE(KnowsFieldsOf(names, fields));
        fields[FieldKey(AllFields()[static_cast<size_t>(index)])] = {};
      }
    }
    EXPECT_TRUE(KnowsFieldsOf(names, fields));
  }
}

}  // namespace
}  // namespace uprobed::profile
