#include "server/metrics/bounded_series.h"

#include <array>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::metrics {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

struct Key {
  std::string value;
  std::array<std::string_view, 1> values() const { return {value}; }
  bool operator==(const Key&) const = default;
  template <typename Hash>
  friend Hash AbslHashValue(Hash state, const Key& key) {
    return Hash::combine(std::move(state), key.value);
  }
};
using Series = BoundedSeries<Key, int>;

std::vector<std::string> Listed(const Series& series) {
  std::vector<std::string> listed;
  series.Visit([&](const Labels& labels, int value) {
    listed.push_back(labels.at(0).name + "=" + labels.at(0).value + ":" + std::to_string(value));
  });
  return listed;
}

TEST(BoundedSeries, CountsBeyondBoundOnOverflowSeries) {
  Series series({"a"}, 2, 100);
  for (const char* value : {"x", "y", "z", "x", "w"}) ++series.Of({value}, 0);

  EXPECT_THAT(Listed(series), UnorderedElementsAre("a=x:2", "a=y:1", "a=_other:2"));
  EXPECT_EQ(Listed(series).back(), "a=_other:2");
  EXPECT_EQ(series.size(), 2U);
  EXPECT_EQ(series.overflowed(), 2U);
}

TEST(BoundedSeries, ForgetsWhatWasNotUsedForTheWindow) {
  Series series({"a"}, 2, 100);
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
