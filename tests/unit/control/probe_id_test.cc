#include "server/control/probe_id.h"

#include <gtest/gtest.h>

#include <set>

#include "server/base/errors.h"

namespace uprobed::control {
namespace {

const auto kNoneTaken = [](const std::string&) { return false; };

TEST(ValidateProbeId, AcceptsLowerCaseDigitsAndHyphens) {
  EXPECT_TRUE(ValidateProbeId("a").ok());
  EXPECT_TRUE(ValidateProbeId("shop-2").ok());
  EXPECT_TRUE(ValidateProbeId(std::string(63, 'a')).ok());
}

TEST(ValidateProbeId, RefusesEverythingElse) {
  for (const std::string id : {"", "Shop", "2shop", "-shop", "shop_2", "shop/2", "shöp", " shop"}) {
    const absl::Status status = ValidateProbeId(id);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << id;
    EXPECT_EQ(ReasonOf(status), "PROBE_ID_INVALID") << id;
  }
  EXPECT_FALSE(ValidateProbeId(std::string(64, 'a')).ok());
  EXPECT_FALSE(ValidateProbeId(std::string("sh\0p", 4)).ok());
}

TEST(DeriveProbeId, TakesTheFileName) {
  EXPECT_EQ(DeriveProbeId("/srv/shop", kNoneTaken), "shop");
  EXPECT_EQ(DeriveProbeId("shop", kNoneTaken), "shop");
}

TEST(DeriveProbeId, MakesAnyFileNameValid) {
  EXPECT_EQ(DeriveProbeId("/srv/My_Shop..v2", kNoneTaken), "my-shop-v2");
  EXPECT_EQ(DeriveProbeId("/srv/2_shop-", kNoneTaken), "shop");
  EXPECT_EQ(DeriveProbeId("/srv/123", kNoneTaken), "probe");
  EXPECT_EQ(DeriveProbeId("/", kNoneTaken), "probe");
  EXPECT_TRUE(ValidateProbeId(DeriveProbeId("/x/" + std::string(300, 'x'), kNoneTaken)).ok());
}

TEST(DeriveProbeId, NumbersWhatIsTaken) {
  const std::set<std::string> taken = {"shop", "shop-2"};
  EXPECT_EQ(DeriveProbeId("/srv/shop", [&](const std::string& id) { return taken.contains(id); }),
            "shop-3");

  const std::string longest(63, 'x');
  const std::string next =
      DeriveProbeId("/srv/" + longest, [&](const std::string& id) { return id == longest; });
  EXPECT_EQ(next, std::string(61, 'x') + "-2");
}

TEST(NewProbeUid, IsNeverTheSame) {
  std::set<std::string> uids;
  for (int i = 0; i < 100; ++i) uids.insert(NewProbeUid());
  EXPECT_EQ(uids.size(), 100u);
  EXPECT_EQ(uids.begin()->size(), 32u);
}

}  // namespace
}  // namespace uprobed::control
