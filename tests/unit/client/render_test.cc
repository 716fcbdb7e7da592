#include <limits>

#include "client/render_json.h"
#include "client/render_probe.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ToJsonLine, ShowsDefaultsOnOneLine) {
  v1::Probe probe;
  probe.set_name("a\nb");
  const std::string json = ToJsonLine(probe);
  EXPECT_THAT(json, HasSubstr(R"("name":"a\nb")"));
  EXPECT_THAT(json, HasSubstr(R"("generation":"0")"));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
}

TEST(ToJsonLine, SaysWhatCannotBePrinted) {
  v1::Probe probe;
  probe.mutable_create_time()->set_seconds(std::numeric_limits<int64_t>::max());
  EXPECT_THAT(ToJsonLine(probe), HasSubstr("unprintable"));
}

TEST(FromJson, RefusesUnknownFields) {
  v1::Probe probe;
  EXPECT_TRUE(FromJson(R"({"name":"x"})", &probe).ok());
  EXPECT_FALSE(FromJson(R"({"nome":"x"})", &probe).ok());
}

TEST(StateName, HasNoPrefix) { EXPECT_EQ(StateName(v1::Probe::STATE_ACTIVE), "ACTIVE"); }

}  // namespace
}  // namespace uprobed::client
