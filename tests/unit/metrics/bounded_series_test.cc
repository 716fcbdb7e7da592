#include "server/metrics/bounded_series.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::metrics {
namespace {

using testing::ElementsAre;

std::vector<std::string> Listed(const BoundedSeries<int>& series) {
  std::vector<std::string> listed;
  series.Visit([&](const Labels& labels, int value) {
    listed.push_back(labels.at(0).name + "=" + labels.at(0).value + ":" + std::to_string(value));
  });
  return listed;
}

TEST(BoundedSeries, CountsBeyondBoundOnOverflowSeries) {
  BoundedSeries<int> series({"a"}, 2, 100);
  for (const char* value : {"x", "y", "z", "x", "w"}) ++series.Of({value}, 0);

  EXPECT_THAT(Listed(series), ElementsAre("a=x:2", "a=y:1", "a=_other:2"));
  EXPECT_EQ(series.size(), 2U);
  EXPECT_EQ(series.overflowed(), 2U);
}

TEST(BoundedSeries, ForgetsWhatWasNotUsedForTheWindow) {
  BoundedSeries<int> series({"a"}, 2, 100);
  ++series.Of({"x"}, 0);
  ++series.Of({"y"}, 50);
  series.Expire(100);
  EXPECT_EQ(series.size(), 2U);

  series.Expire(101);

  EXPECT_THAT(Listed(series), ElementsAre("a=y:1"));
  ++series.Of({"z"}, 101);
  EXPECT_EQ(series.overflowed(), 0U);
  series.Expire(151);
  EXPECT_THAT(Listed(series), ElementsAre("a=z:1"));
}

}  // namespace
}  // namespace uprobed::metrics
