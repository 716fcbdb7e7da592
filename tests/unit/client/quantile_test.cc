#include "client/quantile.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace uprobed::client {
namespace {

using Histogram = v1::MetricFamily::Histogram;
using ExponentialHistogram = v1::MetricFamily::ExponentialHistogram;

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

ExponentialHistogram MakeExponential(uint64_t zero_count, int offset,
                                     const std::vector<uint64_t>& bucket_counts) {
  ExponentialHistogram histogram;
  histogram.set_scale(2);
  histogram.set_zero_count(zero_count);
  histogram.set_zero_threshold(1e-6);
  histogram.set_offset(offset);
  uint64_t count = zero_count;
  for (const uint64_t in_bucket : bucket_counts) {
    histogram.add_bucket_counts(in_bucket);
    count += in_bucket;
  }
  histogram.set_count(count);
  return histogram;
}

TEST(EstimateQuantile, LiesGeometricallyInsideOfItsBucket) {
  // (2^-2, 2^-1.75], nothing, (2^-1.5, 2^-1.25]
  const ExponentialHistogram histogram = MakeExponential(0, -8, {4, 0, 4});
  EXPECT_DOUBLE_EQ(*EstimateQuantile(histogram, 0.25), std::exp2(-1.875));
  EXPECT_DOUBLE_EQ(*EstimateQuantile(histogram, 0.5), std::exp2(-1.75));
  EXPECT_DOUBLE_EQ(*EstimateQuantile(histogram, 0.75), std::exp2(-1.375));
  EXPECT_DOUBLE_EQ(*EstimateQuantile(histogram, 1), std::exp2(-1.25));
  EXPECT_DOUBLE_EQ(*EstimateQuantile(histogram, 0), std::exp2(-2.0));
}

TEST(EstimateQuantile, GoesByTheScale) {
  ExponentialHistogram histogram = MakeExponential(0, 1, {2});
  for (const auto& [scale, expected] : {std::pair{0, 1.5}, {-1, 3.0}, {1, 0.75}}) {
    histogram.set_scale(scale);
    EXPECT_DOUBLE_EQ(*EstimateQuantile(histogram, 0.5), std::exp2(expected)) << scale;
  }
}

TEST(EstimateQuantile, IsTheThresholdInTheZeroBucket) {
  const ExponentialHistogram histogram = MakeExponential(9, -8, {1});
  EXPECT_DOUBLE_EQ(*EstimateQuantile(histogram, 0.9), 1e-6);
  EXPECT_GT(*EstimateQuantile(histogram, 0.91), 0.25);
  EXPECT_DOUBLE_EQ(*EstimateQuantile(MakeExponential(3, 0, {}), 0.99), 1e-6);
}

TEST(EstimateQuantile, IsUnknownWithoutObservationsOrMalformed) {
  EXPECT_FALSE(EstimateQuantile(ExponentialHistogram(), 0.5).has_value());
  ExponentialHistogram incomplete = MakeExponential(0, 0, {1});
  incomplete.set_count(3);
  EXPECT_FALSE(EstimateQuantile(incomplete, 0.5).has_value());
}

}  // namespace
}  // namespace uprobed::client
