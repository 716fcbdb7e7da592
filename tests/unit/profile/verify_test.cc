#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/profile/fields.h"
#include "server/profile/http2_names.h"
#include "server/profile/resolver.h"
#include "server/profile/sites.h"
#include "tests/unit/profile/valid_profile.h"

namespace uprobed::profile {
namespace {

Site MakeSite(SiteKind kind, uint32_t function_offset, std::vector<uint8_t> bytes) {
  return MakeSite(CallAbi::kAmd64Registers, kind, function_offset, std::move(bytes));
}

// Sites: 0 server start, 1 server end, 2 client start, 3 branch, 4 result, 5 error.
Profile ValidProfile() {
  Profile profile =
      MakeProfile("amd64", {MakeSite(SiteKind::kServerStart, 0x10, {0xe8, 1, 2, 3, 4}),
                            MakeSite(SiteKind::kServerEnd, 0x20, {0xe8, 1, 2, 3, 4}),
                            MakeSite(SiteKind::kClientStart, 0x10, {0x55}),
                            MakeSite(SiteKind::kClientBranch, 0x20, {0x75, 0x10}),
                            MakeSite(SiteKind::kClientResult, 0x30, {0x0f, 0x84, 1, 2, 3, 4}),
                            MakeSite(SiteKind::kClientError, 0x40, {0x90})});
  profile.sites[3].condition = 5;
  profile.sites[3].ends_when_taken = true;
  return profile;
}

class CheckConsistencyRule : public ::testing::TestWithParam<Spoiled> {};

TEST_P(CheckConsistencyRule, IsObeyed) {
  Profile profile = ValidProfile();
  ASSERT_TRUE(CheckConsistency(profile).ok()) << CheckConsistency(profile);

  GetParam().spoil(profile);

  const absl::Status status = CheckConsistency(profile);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "PROFILE_INVALID");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(GetParam().message));
}

const Spoiled kIdentityRules[] = {
    {"SHA-256", [](Profile& p) { p.identity.sha256 = std::string(63, 'a'); }},
    {"SHA-256", [](Profile& p) { p.identity.sha256 = std::string(65, 'a'); }},
    {"SHA-256", [](Profile& p) { p.identity.sha256[10] = 'g'; }},
    {"SHA-256", [](Profile& p) { p.identity.sha256[10] = 'A'; }},
    {"size of its binary", [](Profile& p) { p.identity.size = 0; }},
    {"GNU build ID", [](Profile& p) { p.identity.gnu_build_id = "../x"; }},
    {"architecture", [](Profile& p) { p.architecture = "riscv64"; }},
    {"Go version", [](Profile& p) { p.go_version.clear(); }},
    {"revision", [](Profile& p) { p.resolver_revision = 0; }},
    {"revision", [](Profile& p) { p.resolver_revision = kResolverRevision + 1; }},
    {"symbols", [](Profile& p) { p.symbol_source = Source::kTable; }},
};
TEST(CheckConsistency, KnowsAnErrorWhereverItIsWhenItIsReturned) {
  const ArgumentLocation in_register{"error", ArgumentLocation::Kind::kRegister, "rsi", 0};
  const ArgumentLocation on_stack{"error_data", ArgumentLocation::Kind::kStack, "", 760};
  Profile profile = ValidProfile();
  profile.sites[5].arguments = {in_register, on_stack};
  profile.error_methods = {{0x401000, "net.(*OpError).Error"}, {0x402000, "main.refusal.Error"}};

  EXPECT_TRUE(CheckConsistency(profile).ok()) << CheckConsistency(profile);
}

TEST(CheckConsistency, KnowsArgumentsOnTheStackButNotOfSomeSitesOnly) {
  Profile profile = ValidProfile();
  for (Site& site : profile.sites) site.arguments = ArgumentsOf(site.kind, CallAbi::kAmd64Stack);
  EXPECT_TRUE(CheckConsistency(profile).ok()) << CheckConsistency(profile);

  profile.sites[0].arguments = ArgumentsOf(profile.sites[0].kind, CallAbi::kAmd64Registers);

  EXPECT_EQ(ReasonOf(CheckConsistency(profile)), "PROFILE_INVALID");
}

INSTANTIATE_TEST_SUITE_P(Identity, CheckConsistencyRule, ::testing::ValuesIn(kIdentityRules));

const Spoiled kSiteRules[] = {
    {"has 0 bytes", [](Profile& p) { p.sites[5].bytes.clear(); }},
    {"has 16 bytes", [](Profile& p) { p.sites[5].bytes.resize(16); }},
    {"not inside the file", [](Profile& p) { p.sites[5].file_offset = p.identity.size; }},
    {"not inside the file", [](Profile& p) { p.sites[5].file_offset = UINT64_MAX; }},
    {"not inside the file",
     [](Profile& p) { p.identity.size = p.sites[4].file_offset + p.sites[4].bytes.size() - 1; }},
    {"not in a function", [](Profile& p) { p.sites[0].function = "main.main"; }},
    {"not in a function", [](Profile& p) { p.sites[5].function = p.sites[0].function; }},
    {"not in a function", [](Profile& p) { p.sites[2].kind = SiteKind::kClientConnection; }},
    {"begins below", [](Profile& p) { p.sites[5].virtual_address = 1; }},
    {"is marked single_stepped", [](Profile& p) { p.sites[5].cost = CostClass::kSingleStepped; }},
    {"is marked emulated", [](Profile& p) { p.sites[5].bytes = {0xc3}; }},
    {"not a direct call", [](Profile& p) { p.sites[0].bytes = {0x90}; }},
    {"not a direct call",
     [](Profile& p) {
       p.sites[1].bytes = {0xe9, 1, 2, 3, 4};
     }},
    {"not a test for equality",
     [](Profile& p) {
       p.sites[4].bytes = {0x72, 0x10};
     }},
    {"not a test for equality", [](Profile& p) { p.sites[4].bytes = {0x90}; }},
    {"with the condition it names", [](Profile& p) { p.sites[3].condition = 4; }},
    {"with the condition it names", [](Profile& p) { p.sites[3].condition = 0x15; }},
    {"with the condition it names", [](Profile& p) { p.sites[3].bytes = {0x90}; }},
    {"only branches have", [](Profile& p) { p.sites[5].condition = 1; }},
    {"only branches have", [](Profile& p) { p.sites[5].ends_when_taken = true; }},
    {"unknown kind", [](Profile& p) { p.sites[5].kind = static_cast<SiteKind>(200); }},
};
INSTANTIATE_TEST_SUITE_P(Sites, CheckConsistencyRule, ::testing::ValuesIn(kSiteRules));

// The words of an error: its type in a register, its data on the stack.
std::vector<ArgumentLocation> Error(const std::string& register_name, int32_t stack_offset) {
  return {{"error", ArgumentLocation::Kind::kRegister, register_name, 0},
          {"error_data", ArgumentLocation::Kind::kStack, "", stack_offset}};
}

const Spoiled kArgumentRules[] = {
    {"arguments", [](Profile& p) { p.sites[0].arguments[0].register_name = "rax"; }},
    {"arguments", [](Profile& p) { p.sites[1].arguments[0].register_name = "rbx"; }},
    {"arguments", [](Profile& p) { p.sites[2].arguments[0].register_name = "rdi"; }},
    {"arguments", [](Profile& p) { p.sites[4].arguments[1].register_name = "rcx"; }},
    {"arguments", [](Profile& p) { p.sites[4].arguments[0].name = "request"; }},
    {"arguments", [](Profile& p) { p.sites[2].arguments.clear(); }},
    {"arguments", [](Profile& p) { p.sites[3].arguments.pop_back(); }},
    {"arguments", [](Profile& p) { p.sites[5].arguments = p.sites[4].arguments; }},
    {"arguments", [](Profile& p) { p.sites[5].arguments = Error("rsi", 96 * 8); }},
    {"arguments", [](Profile& p) { p.sites[5].arguments = Error("rsi", 4); }},
    {"arguments", [](Profile& p) { p.sites[5].arguments = Error("rsi", -8); }},
    {"arguments", [](Profile& p) { p.sites[5].arguments = Error("eax", 8); }},
    {"arguments", [](Profile& p) { p.sites[5].arguments = Error("x0", 8); }},
    {"arguments", [](Profile& p) { p.sites[5].arguments = {Error("rsi", 8).front()}; }},
    {"further from the entry", [](Profile& p) { p.sites[5].function_offset = 0x10000; }},
    {"arguments",
     [](Profile& p) { p.sites[2].arguments[0].kind = ArgumentLocation::Kind::kStack; }},
    {"arguments", [](Profile& p) { p.sites[2].arguments[0].stack_offset = 8; }},
};
INSTANTIATE_TEST_SUITE_P(Arguments, CheckConsistencyRule, ::testing::ValuesIn(kArgumentRules));

const Spoiled kWholeRules[] = {
    {"no sites", [](Profile& p) { p.sites.clear(); }},
    {"more than 256", [](Profile& p) { p.sites.resize(257, p.sites[5]); }},
    {"ascending", [](Profile& p) { std::swap(p.sites[0], p.sites[1]); }},
    {"ascending", [](Profile& p) { p.sites.push_back(p.sites[5]); }},
    {"server's sites", [](Profile& p) { p.sites.erase(p.sites.begin()); }},
    {"server's sites", [](Profile& p) { p.sites.erase(p.sites.begin() + 1); }},
    {"client's sites", [](Profile& p) { p.sites.erase(p.sites.begin() + 2); }},
    {"client's sites", [](Profile& p) { p.sites.erase(p.sites.begin() + 4); }},
    {"client's sites", [](Profile& p) { p.sites.erase(p.sites.begin() + 2, p.sites.begin() + 5); }},
    {"http_client must have", [](Profile& p) { p.sites.resize(2); }},
    {"error methods, more than", [](Profile& p) { p.error_methods.resize(8193); }},
    {"error method at address 0",
     [](Profile& p) {
       p.error_methods = {{0, "a.Error"}};
     }},
    {"error methods do not come in ascending order",
     [](Profile& p) {
       p.error_methods = {{2, "a.Error"}, {1, "b.Error"}};
     }},
    {"error methods do not come in ascending order",
     [](Profile& p) {
       p.error_methods = {{2, "a.Error"}, {2, "b.Error"}};
     }},
    {"http_server must have",
     [](Profile& p) {
       p.absences.push_back({Instrumentation::kHttpServer, "X", "x"});
     }},
};
INSTANTIATE_TEST_SUITE_P(Whole, CheckConsistencyRule, ::testing::ValuesIn(kWholeRules));

const Spoiled kFieldRules[] = {
    {"unknown field", [](Profile& p) { p.fields["net/http.Request.Body"] = {}; }},
    {"out of bounds", [](Profile& p) { p.fields["net/http.Request.Method"].offset = 4096; }},
    {"out of bounds", [](Profile& p) { p.fields["net/http.Request.pat"].offset = 65536; }},
    {"from symtab, which knows none",
     [](Profile& p) { p.fields["net/http.Request.Method"].source = Source::kSymtab; }},
    {"order of their strength",
     [](Profile& p) {
       p.fields["net/http.Request.Method"].others = {{Source::kDwarf, 8}};
     }},
    {"order of their strength",
     [](Profile& p) {
       p.fields["net/http.Request.Method"].others = {{Source::kSymtab, 8}};
     }},
    {"order of their strength",
     [](Profile& p) {
       p.fields["net/http.Request.Method"].others = {{Source::kDisassembly, 8},
                                                     {Source::kTable, 8}};
     }},
    {"out of bounds",
     [](Profile& p) {
       p.fields["net/http.Request.Method"].others = {{Source::kTable, 4096}};
     }},
    {"http_server lacks", [](Profile& p) { p.fields.erase("net/http.response.status"); }},
    {"http_client lacks", [](Profile& p) { p.fields.erase("net/http.Response.StatusCode"); }},
    {"lacks the fields", [](Profile& p) { p.fields.erase("net/url.URL.Host"); }},
};
INSTANTIATE_TEST_SUITE_P(Fields, CheckConsistencyRule, ::testing::ValuesIn(kFieldRules));

// The valid profile with the sites of how a connection ends: 2 refused, 3 recover.
Profile WithEnds() {
  Profile profile = ValidProfile();
  Site refused = MakeSite(SiteKind::kServerRefused, 0x30, {0xe8, 1, 2, 3, 4});
  Site recover = MakeSite(SiteKind::kServerRecover, 0x40, {0x74, 0x10});
  recover.function = "net/http.(*conn).serve.func1";
  recover.condition = 4;
  profile.sites.insert(profile.sites.begin() + 2, {refused, recover});
  return profile;
}

TEST(CheckConsistency, KnowsHowConnectionsEnd) {
  EXPECT_TRUE(CheckConsistency(WithEnds()).ok()) << CheckConsistency(WithEnds());
  const std::function<void(Profile&)> spoils[] = {
      [](Profile& p) { p.sites[2].bytes = {0x90}; },
      [](Profile& p) { p.sites[2].function = "net/http.(*conn).serve.func1"; },
      [](Profile& p) { p.sites[2].arguments.clear(); },
      [](Profile& p) { p.sites[3].function = "net/http.(*conn).serve"; },
      [](Profile& p) {
        p.sites[3].bytes = {0x72, 0x10};
      },
      [](Profile& p) { p.sites[3].condition = 5; },
      [](Profile& p) { p.sites[3].arguments.clear(); },
  };
  for (const auto& spoil : spoils) {
    Profile profile = WithEnds();
    spoil(profile);
    EXPECT_EQ(ReasonOf(CheckConsistency(profile)), "PROFILE_INVALID") << &spoil - spoils;
  }
}

TEST(CheckConsistency, TakesAProfileWhoseSourcesDisagree) {
  Profile profile = ValidProfile();
  profile.fields["net/http.Request.Method"].others = {{Source::kTable, 8},
                                                      {Source::kDisassembly, 16}};

  EXPECT_TRUE(CheckConsistency(profile).ok()) << CheckConsistency(profile);
  EXPECT_EQ(profile.trust(), Trust::kSuspect);
}

TEST(CheckConsistency, TakesABranchWithoutArguments) {
  Profile profile = ValidProfile();
  profile.sites[3].arguments.clear();

  EXPECT_TRUE(CheckConsistency(profile).ok()) << CheckConsistency(profile);
}

TEST(CheckConsistency, TakesAProfileWithoutFieldsOfSomeVersionsOnly) {
  Profile profile = ValidProfile();
  profile.fields.erase("net/http.Request.Pattern");
  profile.fields.erase("net/http.pattern.str");

  EXPECT_TRUE(CheckConsistency(profile).ok()) << CheckConsistency(profile);
}

TEST(CheckConsistency, TakesAProfileOfOneInstrumentation) {
  Profile profile = ValidProfile();
  profile.sites.resize(2);
  profile.absences.push_back({Instrumentation::kHttpClient, "SYMBOL_NOT_FOUND", "not there"});
  profile.fields.erase("net/http.Response.StatusCode");

  EXPECT_TRUE(CheckConsistency(profile).ok()) << CheckConsistency(profile);
}

TEST(CheckConsistency, TakesAMarkedSingleSteppedSite) {
  Profile profile = ValidProfile();
  profile.sites[5].bytes = {0xc3};
  profile.sites[5].cost = CostClass::kSingleStepped;

  EXPECT_TRUE(CheckConsistency(profile).ok()) << CheckConsistency(profile);
}

// Beside the others: 6 start, 7 goexit, 8 abort, 9 panic, 10 end.
Profile ProfileWithHttp2() {
  Profile profile = ValidProfile();
  const std::string run(AllHttp2Names()[UP_HTTP2_BUNDLED].run_function);
  const auto add = [&](SiteKind kind, const std::string& function, uint32_t offset,
                       std::vector<uint8_t> bytes) {
    Site site = MakeSite(kind, offset, std::move(bytes));
    site.function = function;
    site.arguments = ArgumentsOf(site, CallAbi::kAmd64Registers);
    site.file_offset += 0x2000;
    site.virtual_address += 0x2000;
    profile.sites.push_back(site);
  };
  add(SiteKind::kHttp2ServerStart, run, 0x10, {0x55});
  add(SiteKind::kHttp2ServerGoexit, run + ".func1", 0x20, {0x74, 0x10});
  profile.sites.back().condition = 4;
  add(SiteKind::kHttp2ServerAbort, run + ".func1", 0x30, {0xe8, 1, 2, 3, 4});
  add(SiteKind::kHttp2ServerPanic, run + ".func1", 0x40, {0xe8, 1, 2, 3, 4});
  add(SiteKind::kHttp2ServerEnd, run + ".func1", 0x50, {0xe8, 1, 2, 3, 4});
  return profile;
}

class Http2Rule : public ::testing::TestWithParam<Spoiled> {};

TEST_P(Http2Rule, IsObeyed) {
  Profile profile = ProfileWithHttp2();
  ASSERT_TRUE(CheckConsistency(profile).ok()) << CheckConsistency(profile);

  GetParam().spoil(profile);

  const absl::Status status = CheckConsistency(profile);
  EXPECT_EQ(ReasonOf(status), "PROFILE_INVALID");
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(GetParam().message));
}

const Spoiled kHttp2Rules[] = {
    {"lack one of http2_server_start", [](Profile& p) { p.sites.erase(p.sites.begin() + 6); }},
    {"lack one of http2_server_goexit", [](Profile& p) { p.sites.erase(p.sites.begin() + 7); }},
    {"lack one of http2_server_abort", [](Profile& p) { p.sites.erase(p.sites.begin() + 8); }},
    {"lack one of http2_server_panic", [](Profile& p) { p.sites.erase(p.sites.begin() + 9); }},
    {"lack one of http2_server_end", [](Profile& p) { p.sites.resize(10); }},
    {"where such sites are", [](Profile& p) { p.sites[0].function = kHandlerFunction; }},
    {"is not a conditional jump",
     [](Profile& p) {
       p.sites[6].function = AllHttp2Names()[UP_HTTP2_INTERNAL].start_function;
       p.sites[6].arguments = Http2StartArguments(p.sites[6].function, CallAbi::kAmd64Registers);
     }},
    {"does not read them",
     [](Profile& p) {
       p.sites[6].function = AllHttp2Names()[UP_HTTP2_INTERNAL].start_function;
       p.sites[6].bytes = {0x74, 0x10};
     }},
    {"lacks fields",
     [](Profile& p) { p.fields.erase("net/http.http2responseWriterState.status"); }},
    {"where such sites are", [](Profile& p) { p.sites[6].function += ".func1"; }},
    {"where such sites are",
     [](Profile& p) { p.sites[6].function = AllHttp2Names()[UP_HTTP2_INTERNAL].run_function; }},
    {"where such sites are",
     [](Profile& p) { p.sites[10].function = AllHttp2Names()[UP_HTTP2_BUNDLED].run_function; }},
    {"not a test for equality",
     [](Profile& p) {
       p.sites[7].bytes = {0x72, 0x10};
     }},
    {"with the condition it names", [](Profile& p) { p.sites[7].condition = 5; }},
    {"not a direct call", [](Profile& p) { p.sites[8].bytes = {0x90}; }},
    {"not a direct call", [](Profile& p) { p.sites[9].bytes = {0x90}; }},
    {"not a direct call", [](Profile& p) { p.sites[10].bytes = {0x90}; }},
    {"arguments", [](Profile& p) { p.sites[6].arguments[0].register_name = "rax"; }},
};
INSTANTIATE_TEST_SUITE_P(Sites, Http2Rule, ::testing::ValuesIn(kHttp2Rules));

}  // namespace
}  // namespace uprobed::profile
