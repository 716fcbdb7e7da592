#include "server/rpc/resource_name.h"

#include <gtest/gtest.h>

#include "server/base/errors.h"

namespace uprobed::rpc {
namespace {

constexpr char kProfileId[] = "0123456789abcdef0123456789abcdef";

TEST(ResourceName, ReadsTheId) {
  EXPECT_EQ(*ParseProbeName("probes/shop-2"), "shop-2");
  EXPECT_EQ(*ParseProbeName("probes/" + std::string(63, 'a')), std::string(63, 'a'));
  EXPECT_EQ(*ParseProfileName(ProfileName(kProfileId)), kProfileId);
}

TEST(ResourceName, RefusesEveryOtherForm) {
  for (const std::string& wrong :
       {std::string(""), std::string("shop"), std::string("probes/"), std::string("probes/Shop"),
        std::string("probes/2shop"), std::string("probes/-shop"), std::string("probes/sh_op"),
        std::string("probes/shop/x"), std::string("/probes/shop"), "probes/" + std::string(64, 'a'),
        ProfileName(kProfileId)}) {
    EXPECT_EQ(ReasonOf(ParseProbeName(wrong).status()), "NAME_MALFORMED") << wrong;
  }
  for (const std::string& wrong :
       {std::string(""), std::string("profiles/"), std::string("profiles/shop"),
        ProfileName(kProfileId) + "0", ProfileName("0123456789ABCDEF0123456789ABCDEF"),
        std::string("probes/") + kProfileId}) {
    EXPECT_EQ(ReasonOf(ParseProfileName(wrong).status()), "NAME_MALFORMED") << wrong;
  }
}

TEST(ResourceName, NamesTheField) {
  const absl::Status status = ParseProbeName("x", "probe.name").status();
  EXPECT_EQ(MetadataOf(status).at("field"), "probe.name");
}

}  // namespace
}  // namespace uprobed::rpc
