#include "server/metrics/histogram.h"

#include <array>
#include <cmath>

#include "gtest/gtest.h"

namespace uprobed::metrics {
namespace {

constexpr std::array<double, 2> kBounds = {1, 10};

TEST(Histogram, CountsCumulativelyWithBoundsIncluded) {
  Histogram histogram(kBounds);
  for (const double value : {0.5, 1.0, 1.5, 10.0, 11.0, 12.0}) histogram.Observe(value);

  const auto collected = histogram.Collect();

  EXPECT_EQ(collected.sample_count, 6u);
  EXPECT_DOUBLE_EQ(collected.sample_sum, 36);
  ASSERT_EQ(collected.bucket.size(), 3u);
  EXPECT_EQ(collected.bucket[0].cumulative_count, 2u);
  EXPECT_EQ(collected.bucket[1].cumulative_count, 4u);
  EXPECT_EQ(collected.bucket[2].cumulative_count, 6u);
  EXPECT_DOUBLE_EQ(collected.bucket[1].upper_bound, 10);
  EXPECT_TRUE(std::isinf(collected.bucket[2].upper_bound));
}

TEST(Histogram, StartsEmpty) {
  const Histogram histogram(kBounds);

  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Collect().bucket.back().cumulative_count, 0u);
}

}  // namespace
}  // namespace uprobed::metrics
