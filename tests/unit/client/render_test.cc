#include <limits>
#include <optional>

#include "client/render_json.h"
#include "client/render_metrics.h"
#include "client/render_probe.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace uprobed::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Histogram = v1::MetricFamily::Histogram;

Histogram MakeHistogram(const std::vector<uint64_t>& cumulative_counts) {
  Histogram histogram;
  for (const double bound : {1.0, 2.0, std::numeric_limits<double>::infinity()}) {
    histogram.add_upper_bounds(bound);
  }
  for (const uint64_t count : cumulative_counts) histogram.add_cumulative_counts(count);
  histogram.set_count(cumulative_counts.back());
  return histogram;
}

TEST(BoundQuantile, IsTheUpperBoundOfItsBucket) {
  const std::optional<QuantileBound> median = BoundQuantile(MakeHistogram({4, 10, 10}), 0.5);
  ASSERT_TRUE(median.has_value());
  EXPECT_DOUBLE_EQ(median->bound, 2.0);
  EXPECT_FALSE(median->above);
  EXPECT_DOUBLE_EQ(BoundQuantile(MakeHistogram({5, 10, 10}), 0.5)->bound, 1.0);
}

TEST(BoundQuantile, IsAboveTheLastFiniteBound) {
  const std::optional<QuantileBound> median = BoundQuantile(MakeHistogram({0, 0, 10}), 0.5);
  ASSERT_TRUE(median.has_value());
  EXPECT_DOUBLE_EQ(median->bound, 2.0);
  EXPECT_TRUE(median->above);
}

TEST(BoundQuantile, IsUnknownWithoutObservationsOrMalformed) {
  EXPECT_FALSE(BoundQuantile(MakeHistogram({0, 0, 0}), 0.5).has_value());
  EXPECT_FALSE(BoundQuantile(Histogram(), 0.5).has_value());
  EXPECT_FALSE(BoundQuantile(MakeHistogram({1, 2}), 0.5).has_value());
  Histogram infinite;
  infinite.add_upper_bounds(std::numeric_limits<double>::infinity());
  infinite.add_cumulative_counts(1);
  infinite.set_count(1);
  EXPECT_FALSE(BoundQuantile(infinite, 0.5).has_value());
}

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
