#include "server/profile/error_methods.h"

#include <algorithm>
#include <set>

#include "gtest/gtest.h"
#include "tests/unit/profile/resolved.h"

namespace uprobed::profile {
namespace {

std::set<std::string> NamesOf(const Profile& profile) {
  std::set<std::string> names;
  for (const ErrorMethod& method : profile.error_methods) names.insert(method.name);
  return names;
}

TEST(ErrorMethods, AreInEveryProfileOfAClient) {
  const auto targets = SupportedTargets(elf::Architecture::kAmd64);
  if (targets.empty()) GTEST_SKIP() << kNoTargets;
  for (const auto& target : targets) {
    SCOPED_TRACE(target.path);
    const auto profile = ResolveTarget(target.path);
    ASSERT_TRUE(profile.ok()) << profile.status();
    const std::set<std::string> names = NamesOf(*profile);
    for (const std::string_view name :
         {kErrorStringMethod, std::string_view("net.(*OpError).Error"),
          std::string_view("net.(*DNSError).Error"), std::string_view("os.(*SyscallError).Error"),
          std::string_view("fmt.(*wrapError).Error"), std::string_view("syscall.(*Errno).Error")}) {
      EXPECT_TRUE(names.contains(std::string(name))) << name;
    }
    EXPECT_TRUE(std::is_sorted(
        profile->error_methods.begin(), profile->error_methods.end(),
        [](const ErrorMethod& a, const ErrorMethod& b) { return a.address < b.address; }));
    EXPECT_LT(profile->error_methods.size(), kMaxErrorMethods / 10);
  }
}

}  // namespace
}  // namespace uprobed::profile
