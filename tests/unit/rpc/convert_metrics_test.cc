#include "server/rpc/convert_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace uprobed::rpc {
namespace {

using ::testing::ElementsAre;

TEST(Family, TellsValues) {
  metrics::MetricSnapshot metric;
  metric.labels = {{"path", "\xFF"}};
  metric.value = 1.5;
  v1::MetricFamily gauge;
  FillFamily({.name = "up", .help = "h", .type = metrics::FamilyType::kGauge, .metrics = {metric}},
             gauge);
  EXPECT_EQ(gauge.name(), "up");
  EXPECT_EQ(gauge.help(), "h");
  EXPECT_EQ(gauge.type(), v1::MetricFamily::TYPE_GAUGE);
  EXPECT_EQ(gauge.metrics(0).value(), 1.5);
  EXPECT_EQ(gauge.metrics(0).labels().at("path"), "\xEF\xBF\xBD");
  EXPECT_FALSE(gauge.metrics(0).has_histogram());
}

TEST(Family, TellsHistograms) {
  const double infinity = std::numeric_limits<double>::infinity();
  metrics::MetricSnapshot metric;
  metric.count = 3;
  metric.sum = 2.5;
  metric.upper_bounds = {0.5, infinity};
  metric.cumulative_counts = {1, 3};
  v1::MetricFamily told;
  FillFamily({.name = "seconds",
              .help = "h",
              .type = metrics::FamilyType::kHistogram,
              .metrics = {metric}},
             told);
  EXPECT_EQ(told.type(), v1::MetricFamily::TYPE_HISTOGRAM);
  const v1::MetricFamily::Histogram& histogram = told.metrics(0).histogram();
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.sum(), 2.5);
  EXPECT_THAT(histogram.upper_bounds(), ElementsAre(0.5, infinity));
  EXPECT_THAT(histogram.cumulative_counts(), ElementsAre(1, 3));
  EXPECT_FALSE(told.metrics(0).has_exponential_histogram());
}

TEST(Family, TellsExponentialHistograms) {
  metrics::MetricSnapshot metric;
  metric.exponential = {.scale = 2,
                        .sum = 2.5,
                        .count = 6,
                        .zero_count = 1,
                        .zero_threshold = 0.5,
                        .offset = -7,
                        .bucket_counts = {2, 0, 3}};
  v1::MetricFamily told;
  FillFamily({.name = "seconds",
              .help = "h",
              .type = metrics::FamilyType::kHistogram,
              .metrics = {metric}},
             told);
  ASSERT_TRUE(told.metrics(0).has_histogram());
  const v1::MetricFamily::ExponentialHistogram& histogram = told.metrics(0).exponential_histogram();
  EXPECT_EQ(histogram.scale(), 2);
  EXPECT_EQ(histogram.sum(), 2.5);
  EXPECT_EQ(histogram.count(), 6U);
  EXPECT_EQ(histogram.zero_count(), 1U);
  EXPECT_EQ(histogram.zero_threshold(), 0.5);
  EXPECT_EQ(histogram.offset(), -7);
  EXPECT_THAT(histogram.bucket_counts(), ElementsAre(2, 0, 3));
}

}  // namespace
}  // namespace uprobed::rpc
