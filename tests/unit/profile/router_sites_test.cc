// Where the routers of real programs tell the template of a request, and of what versions their
// structs are known without DWARF.
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bpf/abi/site_cookie.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/errors.h"
#include "server/elf/instructions.h"
#include "server/profile/fields.h"
#include "server/profile/router_names.h"
#include "server/profile/sites.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

std::vector<std::filesystem::path> RouterTargets(
    const std::filesystem::path& folder = testing::TargetsDir()) {
  std::vector<std::filesystem::path> targets;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with("routes-") &&
        entry.path().filename().string().find("nested") == std::string::npos &&
        entry.path().extension() != ".new") {
      targets.push_back(entry.path());
    }
  }
  std::sort(targets.begin(), targets.end());
  return targets;
}

std::vector<Site> RouteSites(const Profile& profile) {
  std::vector<Site> sites;
  std::copy_if(profile.sites.begin(), profile.sites.end(), std::back_inserter(sites),
               [](const Site& site) { return site.kind == SiteKind::kServerRoute; });
  return sites;
}

TEST(RouterSites, AreOneEmulatedCallInEachRouter) {
  const auto targets = RouterTargets();
  if (targets.empty()) GTEST_SKIP() << kNoTargets;
  for (const std::filesystem::path& target : targets) {
    SCOPED_TRACE(target);
    const auto& profile = ResolveTarget(target);
    ASSERT_TRUE(profile.ok()) << profile.status();

    const std::vector<Site> sites = RouteSites(*profile);

    ASSERT_EQ(sites.size(), 1u);
    EXPECT_EQ(sites[0].cost, CostClass::kEmulated);
    const Router* router = FindRouter(sites[0].function);
    ASSERT_NE(router, nullptr);
    EXPECT_TRUE(sites[0].instruction.ends_with(router->callee)) << sites[0].instruction;
    EXPECT_EQ(InstrumentationOf(sites[0].kind), Instrumentation::kHttpServer);
    const bool on_stack = target.string().find("go1.16") != std::string::npos;
    EXPECT_EQ(sites[0].arguments,
              RouteArguments(router->function,
                             on_stack ? CallAbi::kAmd64Stack : CallAbi::kAmd64Registers));
    EXPECT_TRUE(KnowsRoute(sites[0], profile->fields));
    EXPECT_TRUE(VerifyPath(*profile, target).ok());
  }
}

TEST(RouterSites, AreFoundOnArm64) {
  const auto targets = RouterTargets(testing::Arm64TargetsDir());
  if (targets.empty()) GTEST_SKIP() << kNoTargets;
  for (const std::filesystem::path& target : targets) {
    SCOPED_TRACE(target);
    const auto& profile = ResolveTarget(target);
    ASSERT_TRUE(profile.ok()) << profile.status();

    const std::vector<Site> sites = RouteSites(*profile);

    ASSERT_EQ(sites.size(), 1u);
    EXPECT_EQ(sites[0].arguments, RouteArguments(sites[0].function, CallAbi::kArm64Registers));
    EXPECT_TRUE(sites[0].instruction.starts_with("bl ")) << sites[0].instruction;
    EXPECT_TRUE(VerifyPath(*profile, target).ok());
  }
}

// The table has what DWARF says, of an old version and of a new one.
TEST(RouterSites, HaveTheSameFieldsWithAndWithoutDwarf) {
  size_t compared = 0;
  for (const std::filesystem::path& target : RouterTargets()) {
    const std::filesystem::path stripped = target.string() + "-stripped";
    if (!std::filesystem::exists(stripped)) continue;
    SCOPED_TRACE(target);
    const auto& with = ResolveTarget(target);
    const auto& without = ResolveTarget(stripped);
    ASSERT_TRUE(with.ok() && without.ok());
    const Router* router = FindRouter(RouteSites(*with).at(0).function);
    ASSERT_NE(router, nullptr);
    for (const up_field field : router->fields) {
      const std::string key = FieldKey(AllFields()[field]);
      ASSERT_TRUE(with->fields.contains(key)) << key;
      ASSERT_TRUE(without->fields.contains(key)) << key;
      EXPECT_EQ(with->fields.at(key).source, Source::kDwarf) << key;
      EXPECT_EQ(without->fields.at(key).source, Source::kTable) << key;
      EXPECT_EQ(with->fields.at(key).offset, without->fields.at(key).offset) << key;
      ++compared;
    }
  }
  if (compared == 0) GTEST_SKIP() << kNoTargets;
}

TEST(RouterSites, AreNotInProgramsWithoutOne) {
  const std::filesystem::path hello = NewestHello(false);
  if (hello.empty()) GTEST_SKIP() << kNoTargets;
  EXPECT_TRUE(RouteSites(*ResolveTarget(hello)).empty());
}

TEST(RouterSites, AreRefusedElsewhere) {
  const auto targets = RouterTargets();
  if (targets.empty()) GTEST_SKIP() << kNoTargets;
  const Profile profile = *ResolveTarget(targets.front());
  const auto spoil = [&profile](auto change) -> std::string {
    Profile spoiled = profile;
    for (Site& site : spoiled.sites) {
      if (site.kind == SiteKind::kServerRoute) change(site);
    }
    const absl::Status status = CheckConsistency(spoiled);
    return status.ok() ? "OK" : ReasonOf(status);
  };

  EXPECT_EQ(spoil([](Site&) {}), "OK");
  EXPECT_EQ(spoil([](Site& site) { site.function = "main.main"; }), "PROFILE_INVALID");
  EXPECT_EQ(spoil([](Site& site) { site.arguments.clear(); }), "PROFILE_INVALID");
  // That of gorilla/mux is another word.
  EXPECT_EQ(spoil([](Site& site) { site.function = "github.com/gorilla/mux.(*Router).ServeHTTP"; }),
            "PROFILE_INVALID");
}

TEST(Routers, HaveNumbersThatFitIntoACookieAndFieldsOfTheServer) {
  std::map<uint8_t, int> numbers;
  for (const Router& router : AllRouters()) {
    EXPECT_LE(router.number, UP_COOKIE_ROUTER_MASK);
    EXPECT_EQ(++numbers[router.number], 1) << router.function;
    EXPECT_EQ(FindRouter(router.function), &router);
    for (const up_field field : router.fields) {
      EXPECT_EQ(AllFields()[field].instrumentation, Instrumentation::kHttpServer);
      EXPECT_EQ(AllFields()[field].need, Need::kIfPresent);
    }
  }
  EXPECT_EQ(FindRouter("net/http.(*ServeMux).ServeHTTP"), nullptr);
}

}  // namespace
}  // namespace uprobed::profile
