#include <gtest/gtest.h>
#include <linux/capability.h>

#include <cstdint>
#include <optional>
#include <string>

#include "server/probe/kernel_features.h"

namespace uprobed::probe {
namespace {

constexpr uint64_t kSysAdmin = uint64_t{1} << CAP_SYS_ADMIN;
constexpr uint64_t kBpfAlone = uint64_t{1} << CAP_BPF | uint64_t{1} << CAP_PERFMON;

TEST(InjectionObstacle, IsALockedDownKernelWhateverItsDegree) {
  for (const std::string modes :
       {"none [integrity] confidentiality", "none integrity [confidentiality]"}) {
    const std::optional<std::string> obstacle = InjectionObstacle(modes, kSysAdmin);

    ASSERT_TRUE(obstacle.has_value()) << modes;
    EXPECT_NE(obstacle->find(modes), std::string::npos) << *obstacle;
  }
}

TEST(InjectionObstacle, IsTheLackOfThePrivilege) {
  const std::optional<std::string> obstacle =
      InjectionObstacle("[none] integrity confidentiality", kBpfAlone);

  ASSERT_TRUE(obstacle.has_value());
  EXPECT_NE(obstacle->find("CAP_SYS_ADMIN"), std::string::npos) << *obstacle;
}

TEST(InjectionObstacle, IsNoneElse) {
  EXPECT_EQ(InjectionObstacle("[none] integrity confidentiality", kSysAdmin), std::nullopt);
  // Kernels without lockdown, and machines that do not show it.
  EXPECT_EQ(InjectionObstacle("", kSysAdmin | kBpfAlone), std::nullopt);
}

}  // namespace
}  // namespace uprobed::probe
