#include "server/profile/injection_sites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/profile/code.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

constexpr char kLine[] = "fmt.Fprintf";
constexpr char kBodyHeaders[] = "net/http.(*transferWriter).writeHeader";
constexpr char kHeaders[] = "net/http.Header.writeSubset";
constexpr char kEmptyLine[] = "io.WriteString";

// (*Request).write, as compiled: a request line, Host, and User-Agent, which some requests lack.
Code Write() {
  Code code;
  code.Call(kLine).TestRax().JumpIfNotEqual("fail").Call(kLine).TestRax().JumpIfEqual("agent");
  code.Call(kLine).Label("agent").Label("site").Call(kBodyHeaders).TestRax();
  code.JumpIfNotEqual("fail").Call(kHeaders).Call(kEmptyLine).Return();
  code.Label("fail").Return();
  return code;
}

std::optional<SitePlan> PlanOf(const Code& code) {
  const auto flow = code.Build();
  EXPECT_TRUE(flow.ok()) << flow.status();
  return flow.ok() ? PlanClientHeaders(*flow, kRegisters) : std::nullopt;
}

TEST(PlanClientHeaders, IsBetweenTheFirstLinesAndTheHeaders) {
  const Code code = Write();

  const std::optional<SitePlan> plan = PlanOf(code);

  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->kind, SiteKind::kClientHeaders);
  EXPECT_EQ(plan->node, code.At("site"));
  ASSERT_EQ(plan->arguments.size(), 1u);
  EXPECT_EQ(plan->arguments[0].register_name, "rcx");
}

TEST(PlanClientHeaders, IsNowhereElse) {
  struct Case {
    const char* what;
    Code code;
  };
  std::vector<Case> cases(7);
  cases[0].what = "no request line on one of the ways";
  cases[0].code.TestRax().JumpIfEqual("site").Call(kLine).Label("site").Call(kBodyHeaders);
  cases[0].code.Call(kHeaders).Call(kEmptyLine).Return();
  cases[1].what = "a line of the request behind it";
  cases[1].code.Call(kLine).Call(kBodyHeaders).Call(kLine).Call(kHeaders).Call(kEmptyLine).Return();
  cases[2].what = "headers before it";
  cases[2].code.Call(kLine).Call(kHeaders).Call(kBodyHeaders).Call(kHeaders).Call(kEmptyLine);
  cases[2].code.Return();
  cases[3].what = "the empty line before it";
  cases[3].code.Call(kLine).Call(kEmptyLine).Call(kBodyHeaders).Call(kHeaders).Call(kEmptyLine);
  cases[3].code.Return();
  cases[4].what = "twice";
  cases[4].code.Call(kLine).Label("again").Call(kBodyHeaders).TestRax().JumpIfEqual("again");
  cases[4].code.Call(kHeaders).Call(kEmptyLine).Return();
  cases[5].what = "two of them";
  cases[5].code.Call(kLine).Call(kBodyHeaders).Call(kBodyHeaders).Call(kHeaders).Call(kEmptyLine);
  cases[5].code.Return();
  cases[6].what = "no headers";
  cases[6].code.Call(kLine).Call(kBodyHeaders).Call(kEmptyLine).Return();

  for (const Case& each : cases) EXPECT_EQ(PlanOf(each.code), std::nullopt) << each.what;
}

TEST(KnowsInjection, NeedsTheSitesAndTheFields) {
  const std::filesystem::path path = NewestHello(false);
  if (path.empty()) GTEST_SKIP() << kNoTargets;
  const auto whole = ResolveTarget(path);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_TRUE(KnowsInjection(*whole));

  for (const SiteKind kind : {SiteKind::kClientConnection, SiteKind::kClientHeaders}) {
    Profile profile = *whole;
    std::erase_if(profile.sites, [kind](const Site& site) { return site.kind == kind; });
    EXPECT_FALSE(KnowsInjection(profile)) << Name(kind);
  }
  for (const char* field : {"net/http.Request.Header", "net/http.persistConn.bw",
                            "bufio.Writer.err", "bufio.Writer.buf", "bufio.Writer.n"}) {
    Profile profile = *whole;
    ASSERT_EQ(profile.fields.erase(field), 1u) << field;
    EXPECT_FALSE(KnowsInjection(profile)) << field;
  }
}

}  // namespace
}  // namespace uprobed::profile
